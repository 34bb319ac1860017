"""The record that defines an f-divergence, and what follows from any such record."""

from __future__ import annotations

import dataclasses
import functools
import numbers
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _special
from kljax._special import expm1_near

Scalar = Any  # a Python number, or an array when the parameter is traced
Form = Callable[..., jax.Array]


def is_static(value: Scalar) -> bool:
    """Whether a parameter is a Python number, known when tracing."""
    return isinstance(value, numbers.Real)


def graded(form: Form, *, slopes: tuple[Form, Form] | None = None, growth: Form | None = None) -> Form:
    """``form``, a ``balanced``, with its derivative in r given instead of found by autodiff, which may cancel.

    The derivative is ``growth(r)``, or follows from ``slopes`` = (f'(u), f(u) - u f'(u)) as functions of r.
    """
    if growth is None:
        if slopes is None:
            raise TypeError("graded needs slopes or growth.")
        growth = _Growth(*slopes)
    return _Graded(form, growth)


@dataclasses.dataclass(frozen=True)
class _Growth:
    """d/dr f(eʳ) = eʳ f'(eʳ) where r ≤ 0, and d/dr e⁻ʳ f(eʳ) = -e⁻ʳ (f - u f') where r > 0."""

    slope: Form
    coslope: Form

    def __call__(self, r: jax.Array, *parameters: Scalar) -> jax.Array:
        limit = 87.0 if r.dtype == jnp.float32 else 708.0
        down, up = jnp.clip(r, -limit, 0.0), jnp.clip(r, 0.0, limit)
        below = jnp.exp(down) * self.slope(down, *parameters)
        return jnp.where(r <= 0.0, below, -jnp.exp(-up) * self.coslope(up, *parameters))


@dataclasses.dataclass(frozen=True)
class _Graded:
    form: Form
    growth: Form

    def __call__(self, r: jax.Array, *parameters: Scalar) -> jax.Array:
        # Python numbers stay static; only arrays become operands of the rule.
        static = tuple(one if is_static(one) else None for one in parameters)
        return _graded(_Bound(self.form, static), _Bound(self.growth, static), r, _dynamic(parameters))


@dataclasses.dataclass(frozen=True)
class _Bound:
    """A form with its static parameters filled in; the traced ones come in order."""

    form: Form
    static: tuple[Scalar, ...]

    def __call__(self, r: jax.Array, *dynamic: jax.Array) -> jax.Array:
        rest = iter(dynamic)
        return self.form(r, *(next(rest) if one is None else one for one in self.static))


def _dynamic(parameters: tuple[Scalar, ...]) -> tuple[jax.Array, ...]:
    return tuple(one for one in parameters if not is_static(one))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _graded(form: _Bound, growth: _Bound, r: jax.Array, parameters: tuple[jax.Array, ...]) -> jax.Array:
    return form(r, *parameters)


@_graded.defjvp
def _graded_jvp(form, growth, primals, tangents):
    r, parameters = primals
    dr, d_parameters = tangents
    value = _graded(form, growth, r, parameters)
    tangent = growth(r, *parameters) * dr
    if parameters:
        tangent = tangent + jax.jvp(lambda *ps: form(r, *ps), parameters, d_parameters)[1]
    return value, tangent


class ByMass(NamedTuple):
    """q f(p/q) and its derivatives in log p and in log q, as functions of (p, q, q - p, log(p/q)).

    ``gap`` = q - p and r are both accurate when p ≈ q, and no exponential is needed.
    """

    summand: Form
    in_log_p: Form
    in_log_q: Form


@dataclasses.dataclass(frozen=True)
class Generator:
    """f: a convex function with f(1) = f'(1) = 0, and D_f(p‖q) = Σ q f(p/q).

    The record holds f as functions of the log-ratio r = log u = log(p/q), which is what stays accurate, each
    called with the record's ``parameters`` after r:

    - ``balanced(r)`` = f(eʳ)/max(1, eʳ): the summand q f(p/q) divided by the larger of p and q. It never
      overflows before the divergence does, and everything else can be derived from it.
    - ``derivative(r)`` = f'(u), the derivative of the summand q f(p/q) with respect to p.
    - ``coderivative(r)`` = f(u) - u f'(u), its derivative with respect to q.

    Attributes:
        name: The divergence's name.
        balanced: See above.
        derivative: See above.
        coderivative: See above.
        at_zero: f(0), the cost per unit of q where p is zero; may be infinite.
        at_infinity: lim f(u)/u for u → ∞, the cost per unit of p where q is zero; may be infinite.
        parameters: The order or weight, if there is one. Python numbers are static under ``jit``; arrays are
            traced, so a divergence can be differentiated or mapped over its order.
        symmetric: Whether D_f(p‖q) = D_f(q‖p).
        closed_conjugate: f*(t) where it has a closed form, else ``None``.
        by_mass: The summand and its derivatives in log p and log q as functions of (p, q, q - p, r), where they
            are cheaper so, else ``None``.
    """

    name: str
    balanced: Form
    derivative: Form
    coderivative: Form
    at_zero: Scalar
    at_infinity: Scalar
    parameters: tuple[Scalar, ...] = ()
    symmetric: bool = False
    closed_conjugate: Form | None = None
    by_mass: ByMass | None = None

    def __call__(self, u: ArrayLike) -> jax.Array:
        """f(u) for u ≥ 0; f(0) = ``at_zero``."""
        u = jnp.asarray(u)
        return self.perspective(_special.log_ratio(u, jnp.ones_like(u)), jnp.zeros_like(u))

    def perspective(self, log_p: ArrayLike, log_q: ArrayLike) -> jax.Array:
        """q f(p/q) from log p and log q, with the limits of the boundary contract where either is -∞."""
        return _perspective(self, *jnp.broadcast_arrays(jnp.asarray(log_p), jnp.asarray(log_q)))

    def slope(self, log_u: ArrayLike) -> jax.Array:
        """f'(u) as a function of log u."""
        return self.derivative(jnp.asarray(log_u), *self.parameters)

    def conjugate(self, t: ArrayLike) -> jax.Array:
        """f*(t) = sup_u ut - f(u), the convex conjugate; +∞ beyond lim f(u)/u."""
        t = jnp.asarray(t)
        if self.closed_conjugate is not None:
            return self.closed_conjugate(t, *self.parameters)
        return _numeric_conjugate(self, t)


def _flatten(generator: Generator) -> tuple[list[Any], tuple[Any, ...]]:
    # Python numbers stay in the static part; only arrays are leaves.
    scalars = (generator.at_zero, generator.at_infinity, *generator.parameters)
    leaves = [value for value in scalars if not is_static(value)]
    static = tuple(value if is_static(value) else None for value in scalars)
    forms = (generator.balanced, generator.derivative, generator.coderivative)
    return leaves, (generator.name, forms, static, (generator.symmetric, generator.closed_conjugate, generator.by_mass))


def _unflatten(static: tuple[Any, ...], leaves: list[Any]) -> Generator:
    name, (balanced, derivative, coderivative), scalars, rest = static
    dynamic = iter(leaves)
    at_zero, at_infinity, *parameters = (next(dynamic) if value is None else value for value in scalars)
    return Generator(name, balanced, derivative, coderivative, at_zero, at_infinity, tuple(parameters), *rest)


jax.tree_util.register_pytree_node(Generator, _flatten, _unflatten)


def _difference(log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    """log p - log q, and 0 where both are -∞."""
    both = (log_p == -jnp.inf) & (log_q == -jnp.inf)
    return jnp.where(both, 0.0, log_p) - jnp.where(both, 0.0, log_q)


@jax.custom_jvp
def _perspective(generator: Generator, log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    return summand(generator, jnp.exp(log_p), jnp.exp(log_q), _difference(log_p, log_q))


@_perspective.defjvp
def _perspective_jvp(primals, tangents):
    generator, log_p, log_q = primals
    d_generator, d_log_p, d_log_q = tangents
    p, q, r = jnp.exp(log_p), jnp.exp(log_q), _difference(log_p, log_q)
    in_log_p, in_log_q = weighted_slopes(generator, p, q, r)
    tangent = in_log_p * d_log_p + in_log_q * d_log_q + parameter_tangent(generator, d_generator, p, q, r)
    return _perspective(generator, log_p, log_q), tangent


# The three functions below take r = log(p/q) beside p and q, because the caller knows it better than as the
# logarithm of their quotient. r = -∞ marks p = 0 < q, r = ∞ marks q = 0 < p, and p = q = 0 comes with r = 0.


def summand(generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """q f(p/q) ≥ 0."""
    p_absent, q_absent = r == -jnp.inf, r == jnp.inf
    inside = jnp.where(p_absent | q_absent, 0.0, r)
    if generator.by_mass is None:
        value = jnp.maximum(p, q) * generator.balanced(inside, *generator.parameters)
    else:
        value = generator.by_mass.summand(p, q, mass_gap(p, q, inside), inside)
    value = jnp.where(p_absent, _cost(q, generator.at_zero), value)
    return jnp.where(q_absent, _cost(p, generator.at_infinity), value)


def mass_gap(p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """q - p, from r where the two are close."""
    near = jnp.abs(r) < 0.5
    return jnp.where(near, p * expm1_near(jnp.where(near, -r, 0.0)), q - p)


def weighted_slopes(generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(∂P/∂log p, ∂P/∂log q) of the summand P = q f(p/q); zero where the cost is infinite."""
    # P is homogeneous of degree one, so the two add up to P. With w = balanced and M = max(p, q): where p ≤ q,
    # ∂P/∂log p = M w'; where p > q, ∂P/∂log q = -M w'. Each is a sum of terms of one sign.
    p_absent, q_absent = r == -jnp.inf, r == jnp.inf
    inside = jnp.where(p_absent | q_absent, 0.0, r)
    if generator.by_mass is None:
        value, growth = jax.jvp(
            lambda s: generator.balanced(s, *generator.parameters), (inside,), (jnp.ones_like(inside),)
        )
        larger = jnp.maximum(p, q)
        below = inside <= 0.0
        in_log_p = larger * jnp.where(below, growth, value + growth)
        in_log_q = larger * jnp.where(below, value - growth, -growth)
    else:
        operands = p, q, mass_gap(p, q, inside), inside
        in_log_p, in_log_q = generator.by_mass.in_log_p(*operands), generator.by_mass.in_log_q(*operands)
    in_log_p = jnp.where(p_absent, 0.0, jnp.where(q_absent, p * _finite(generator.at_infinity, p), in_log_p))
    in_log_q = jnp.where(q_absent, 0.0, jnp.where(p_absent, q * _finite(generator.at_zero, q), in_log_q))
    return in_log_p, in_log_q


def parameter_tangent(
    generator: Generator, d_generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array
) -> jax.Array:
    """The tangent of the summand in the generator's traced parameters."""
    if not jax.tree.leaves(generator):
        return jnp.zeros_like(r)
    inside = jnp.where(jnp.isinf(r), 0.0, r)
    bound = _Bound(generator.balanced, tuple(one if is_static(one) else None for one in generator.parameters))
    _, growth = jax.jvp(
        lambda *traced: bound(inside, *traced), _dynamic(generator.parameters), _dynamic(d_generator.parameters)
    )
    tangent = jnp.where(jnp.isinf(r), 0.0, jnp.maximum(p, q) * growth)
    for price, d_price, mass, limit in (
        (generator.at_zero, d_generator.at_zero, q, -jnp.inf),
        (generator.at_infinity, d_generator.at_infinity, p, jnp.inf),
    ):
        if not is_static(price):
            tangent = tangent + jnp.where((r == limit) & ~jnp.isinf(price), mass * d_price, 0.0)
    return tangent


def _cost(mass: jax.Array, price: Scalar) -> jax.Array:
    """mass · price, and the price alone where it is infinite: the mass may have underflowed."""
    price = jnp.asarray(price, mass.dtype)
    return jnp.where(jnp.isinf(price), price, mass * _finite(price, mass))


def _finite(price: Scalar, like: jax.Array) -> jax.Array:
    price = jnp.asarray(price, like.dtype)
    return jnp.where(jnp.isinf(price), 0.0, price)


@jax.custom_jvp
def _numeric_conjugate(generator: Generator, t: jax.Array) -> jax.Array:
    log_u = _invert_slope(generator, t)
    u = jnp.exp(log_u)
    value = u * t - generator.perspective(log_u, jnp.zeros_like(log_u))
    return jnp.where(t > jnp.asarray(generator.at_infinity, t.dtype), jnp.inf, value)


@_numeric_conjugate.defjvp
def _numeric_conjugate_jvp(primals, tangents):
    # Danskin: the derivative of sup_u ut - f(u) is the maximiser u.
    generator, t = primals
    _, dt = tangents
    beyond = t > jnp.asarray(generator.at_infinity, t.dtype)
    maximiser = jnp.exp(_invert_slope(generator, t))
    return _numeric_conjugate(generator, t), jnp.where(beyond, 0.0, maximiser) * dt


@jax.custom_jvp
def _invert_slope(generator: Generator, t: jax.Array) -> jax.Array:
    """The log u at which f'(u) = t, by bisection; f' is non-decreasing."""
    span = 80.0 if t.dtype == jnp.float32 else 700.0

    def halve(_, bounds):
        low, high = bounds
        middle = 0.5 * (low + high)
        right = generator.slope(middle) < t
        return jnp.where(right, middle, low), jnp.where(right, high, middle)

    low, high = jax.lax.fori_loop(0, 70, halve, (jnp.full_like(t, -span), jnp.full_like(t, span)))
    return 0.5 * (low + high)


@_invert_slope.defjvp
def _invert_slope_jvp(primals, tangents):
    generator, t = primals
    _, dt = tangents
    log_u = _invert_slope(generator, t)
    _, curvature = jax.jvp(generator.slope, (log_u,), (jnp.ones_like(log_u),))
    return log_u, _special.divide(dt, jnp.where(curvature > 0.0, curvature, jnp.inf))
