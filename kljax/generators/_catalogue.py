"""The named generators without an order: f with f(1) = f'(1) = 0, written in r = log u so that none cancels.

The string below each gives f(u). ``balanced`` is f(eʳ) for r ≤ 0 and e⁻ʳ f(eʳ) for r > 0, so a symmetric divergence
has an even ``balanced`` and its ``coderivative`` is the derivative at -r.
"""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp

from kljax._special.elementwise import (
    atanh_tail,
    expm1,
    expm1_minus_x,
    expm1_minus_x_near,
    log1p,
    tiny,
)
from kljax.generators._build import reverse
from kljax.generators._forms_in_log_ratio import Form, Scalar, above, below, graded
from kljax.generators._forms_in_masses import ByMass, Masses, gap_over, over, root_excess, root_gaps
from kljax.generators._hyperbolic import exp_decay_excess, log_cosh, tanh
from kljax.generators._record import Generator

_INF = math.inf


# Forms are functions of a module or small frozen records, never closures: a generator then pickles, and its copy is
# equal to it, so that ``jit`` does not compile again.


@dataclasses.dataclass(frozen=True)
class _Even:
    """The coderivative of a symmetric divergence."""

    derivative: Form

    def __call__(self, r: jax.Array, *parameters: Scalar) -> jax.Array:
        return self.derivative(-r, *parameters)


@dataclasses.dataclass(frozen=True)
class _OfSize:
    """A function of |r|."""

    form: Form

    def __call__(self, r: jax.Array) -> jax.Array:
        return self.form(jnp.abs(r))


def _even_balanced(of_size: Form, slope: Form) -> Form:
    """``balanced`` of a symmetric divergence, a function of |r|; its derivatives avoid the kink of |r|."""
    return graded(_OfSize(of_size), slopes=(slope, _Even(slope)))


# --- Kullback and Leibler -----------------------------------------------------------------------------------


def _kl_balanced(r: jax.Array) -> jax.Array:
    # u log u - u + 1; divided by u it is e(-r).
    return jnp.where(r > 0.0, expm1_minus_x(-jnp.maximum(r, 0.0)), exp_decay_excess(-jnp.minimum(r, 0.0)))


def _kl_by_mass(m: Masses) -> jax.Array:
    # p e(-r), which is p r + q - p
    if m.exact and m.quotient is not None:
        s = over(-m.gap, m.p + m.q)
        near = jnp.abs(s) <= 0.5
        v = jnp.where(near, s, 0.0)
        far = m.p * jnp.log(jnp.maximum(m.quotient, tiny(m.p))) + m.gap
        return jnp.where(near, -m.gap * v * (1.0 + v * (1.0 + v) * atanh_tail(v * v)), far)
    near = jnp.abs(m.r) <= 1.0
    return jnp.where(near, m.p * expm1_minus_x_near(jnp.where(near, -m.r, 0.0)), m.p * m.r + (m.q - m.p))


def _kl_slope(r: jax.Array) -> jax.Array:
    return r


def _kl_coslope(r: jax.Array) -> jax.Array:
    return -expm1(r)


def _kl_growth(r: jax.Array) -> jax.Array:
    return jnp.where(r <= 0.0, r * jnp.exp(below(r)), -expm1(-above(r)))


def _kl_in_log_p(m: Masses) -> jax.Array:
    return m.p * m.r


def _gap(m: Masses) -> jax.Array:
    return m.gap


def _kl_conjugate(t: jax.Array) -> jax.Array:
    return expm1(t)


kl = Generator(
    "kl",
    graded(_kl_balanced, growth=_kl_growth),
    _kl_slope,
    _kl_coslope,
    1.0,
    _INF,
    closed_conjugate=_kl_conjugate,
    by_mass=ByMass(_kl_by_mass, _kl_in_log_p, _gap),
)
"""u log u - u + 1: KL(p‖q), the Kullback–Leibler divergence."""


def _reverse_kl_conjugate(t: jax.Array) -> jax.Array:
    return jnp.where(t < 1.0, -log1p(-jnp.where(t < 1.0, t, 0.0)), jnp.inf)


reverse_kl = reverse(
    kl,
    name="reverse_kl",
    closed_conjugate=_reverse_kl_conjugate,
)
"""-log u + u - 1: KL(q‖p)."""


def _jeffreys_slope(r: jax.Array) -> jax.Array:
    return r - expm1(-r)


def _jeffreys_of_size(size: jax.Array) -> jax.Array:
    return -size * expm1(-size)


def _jeffreys_by_mass(m: Masses) -> jax.Array:
    return -m.gap * m.r


def _jeffreys_in_log_p(m: Masses) -> jax.Array:
    return m.p * m.r - m.gap


def _jeffreys_in_log_q(m: Masses) -> jax.Array:
    return m.gap - m.q * m.r


jeffreys = Generator(
    "jeffreys",
    _even_balanced(_jeffreys_of_size, _jeffreys_slope),
    _jeffreys_slope,
    _Even(_jeffreys_slope),
    _INF,
    _INF,
    symmetric=True,
    by_mass=ByMass(_jeffreys_by_mass, _jeffreys_in_log_p, _jeffreys_in_log_q),
)
"""(u - 1) log u: KL(p‖q) + KL(q‖p)."""

# --- Symmetric and bounded ------------------------------------------------------------------------------------


def _hellinger_conjugate(t: jax.Array) -> jax.Array:
    return jnp.where(t < 0.5, _below_half(jnp.where(t < 0.5, t, 0.0)), jnp.inf)


@jax.custom_jvp
def _below_half(t: jax.Array) -> jax.Array:
    """t/(1 - 2t), whose derivative (1 - 2t)⁻² autodiff would find as a difference."""
    return t / (1.0 - 2.0 * t)


@_below_half.defjvp
def _below_half_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    return _below_half(t), (1.0 - 2.0 * t) ** -2 * dt


def _hellinger_slope(r: jax.Array) -> jax.Array:
    return -0.5 * expm1(-0.5 * r)


def _hellinger_of_size(size: jax.Array) -> jax.Array:
    return 0.5 * jnp.square(expm1(-0.5 * size))


def _hellinger_by_mass(m: Masses) -> jax.Array:
    return 0.5 * root_excess(m)


def _hellinger_in_log_p(m: Masses) -> jax.Array:
    return 0.5 * root_gaps(m)[0]


def _hellinger_in_log_q(m: Masses) -> jax.Array:
    return 0.5 * root_gaps(m)[1]


def _hellinger_tail(m: Masses) -> jax.Array:
    return 0.5 * m.power(0.5)


squared_hellinger = Generator(
    "squared_hellinger",
    _even_balanced(_hellinger_of_size, _hellinger_slope),
    _hellinger_slope,
    _Even(_hellinger_slope),
    0.5,
    0.5,
    symmetric=True,
    closed_conjugate=_hellinger_conjugate,
    by_mass=ByMass(_hellinger_by_mass, _hellinger_in_log_p, _hellinger_in_log_q, _hellinger_tail, _hellinger_tail),
)
"""(√u - 1)²/2: H² = ½Σ(√p - √q)², in [0, 1]."""


def _tv_slope(r: jax.Array) -> jax.Array:
    return 0.5 * jnp.sign(r)


def _tv_of_size(size: jax.Array) -> jax.Array:
    return -0.5 * expm1(-size)


def _tv_conjugate(t: jax.Array) -> jax.Array:
    return jnp.where(t <= 0.5, jnp.maximum(t, -0.5), jnp.inf)


def _tv_by_mass(m: Masses) -> jax.Array:
    return 0.5 * jnp.abs(m.gap)


def _tv_in_log_p(m: Masses) -> jax.Array:
    return 0.5 * m.p * jnp.sign(m.r)


def _tv_in_log_q(m: Masses) -> jax.Array:
    return -0.5 * m.q * jnp.sign(m.r)


def _tv_tail_p(m: Masses) -> jax.Array:
    return 0.5 * m.p * (1.0 - jnp.sign(m.r))


def _tv_tail_q(m: Masses) -> jax.Array:
    return 0.5 * m.q * (1.0 + jnp.sign(m.r))


total_variation = Generator(
    "total_variation",
    _even_balanced(_tv_of_size, _tv_slope),
    _tv_slope,
    _Even(_tv_slope),
    0.5,
    0.5,
    symmetric=True,
    closed_conjugate=_tv_conjugate,
    by_mass=ByMass(_tv_by_mass, _tv_in_log_p, _tv_in_log_q, _tv_tail_p, _tv_tail_q),
)
"""|u - 1|/2: TV = ½Σ|p - q|, in [0, 1]; at the kink the subgradient 0 is taken."""


def _le_cam_slope(r: jax.Array) -> jax.Array:
    h = tanh(0.5 * r)
    return 0.5 * h * (2.0 - h)


def _le_cam_conjugate(t: jax.Array) -> jax.Array:
    inside = (t > -1.5) & (t < 0.5)
    v = jnp.where(inside, t, 0.0)
    h = 2.0 * v / (1.0 + jnp.sqrt(1.0 - 2.0 * v))  # 1 - √(1 - 2t)
    edge = jnp.where(t <= -1.5, -0.5, jnp.where(t == 0.5, 1.5, jnp.inf))
    return jnp.where(inside, 0.5 * h * (2.0 + h), edge)


def _le_cam_tail(m: Masses) -> jax.Array:
    return 2.0 * m.p * jnp.square(jax.nn.sigmoid(-m.r))


def _le_cam_tail_of_q(m: Masses) -> jax.Array:
    return _le_cam_tail(m._replace(p=m.q, r=-m.r))


def _le_cam_of_size(size: jax.Array) -> jax.Array:
    return 0.5 * jnp.square(expm1(-size)) / (1.0 + jnp.exp(-size))


def _two_and(e: jax.Array) -> jax.Array:
    return 2.0 + e


def _le_cam_by_mass(m: Masses) -> jax.Array:
    return 0.5 * m.gap * gap_over(m, _two_and, m.p + m.q)


def _le_cam_in_log_p(m: Masses) -> jax.Array:
    total = m.p + m.q
    return -0.5 * m.p * gap_over(m, _two_and, total) * (1.0 + 2.0 * over(m.q, total))


def _le_cam_in_log_q(m: Masses) -> jax.Array:
    total = m.p + m.q
    return 0.5 * m.q * gap_over(m, _two_and, total) * (1.0 + 2.0 * over(m.p, total))


le_cam = Generator(
    "le_cam",
    _even_balanced(_le_cam_of_size, _le_cam_slope),
    _le_cam_slope,
    _Even(_le_cam_slope),
    0.5,
    0.5,
    symmetric=True,
    closed_conjugate=_le_cam_conjugate,
    by_mass=ByMass(_le_cam_by_mass, _le_cam_in_log_p, _le_cam_in_log_q, _le_cam_tail, _le_cam_tail_of_q),
)
"""(u - 1)²/(2(u + 1)): ½Σ(p - q)²/(p + q), in [0, 1], the triangular discrimination."""


def _ag_slope(r: jax.Array) -> jax.Array:
    return 0.5 * log_cosh(0.5 * jnp.maximum(r, -1e4)) - 0.25 * expm1(-r)


def _ag_of_size(size: jax.Array) -> jax.Array:
    return 0.5 * (1.0 + jnp.exp(-size)) * log_cosh(0.5 * size)


arithmetic_geometric = Generator(
    "arithmetic_geometric",
    _even_balanced(_ag_of_size, _ag_slope),
    _ag_slope,
    _Even(_ag_slope),
    _INF,
    _INF,
    symmetric=True,
)
"""½(1 + u) log((1 + u)/(2√u)): the mean of KL(m‖p) and KL(m‖q), m = (p + q)/2 (Taneja 1995)."""
