"""KL between two members of one family on the integers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kljax import quadrature
from kljax._special.elementwise import (
    divide,
    expm1,
    expm1_minus_x,
    expm1_minus_x_ratio,
    expm1_ratio,
    itakura_saito_term,
    kl_term,
    log1p,
    log_ratio,
    relative_gap,
)
from kljax._special.gamma import bregman_log_gamma
from kljax._special.odds import log_complement
from kljax._special.ratios import log_of_gap
from kljax._special.zeta import bregman_log_zeta
from kljax.divergences._forms.lines import Line, between
from kljax.divergences._forms.trials import kl_of_trials, kl_of_waits, log_ratio_of_chances
from kljax.families import Binomial, DiscreteUniform, Geometric, Logarithmic, NegativeBinomial, Poisson, Zipf
from kljax.families._internal import aligned, along, logarithmic_variance, number_of_integers, successes, trials_of
from kljax.quadrature import integers


def equal_counts(p: Binomial, q: Binomial) -> bool | jax.Array:
    """Whether all counts of p and q are equal: a Python value unless an array of counts is traced."""
    counts = p.total_count, q.total_count
    if all(isinstance(one, float) for one in counts):
        return bool(counts[0] == counts[1])
    return jnp.equal(*(one.total_count for one in aligned(p, q))).all()


def kl_binomial(p: Binomial, q: Binomial) -> jax.Array:
    """n[K(p, q) + K(1 - p, 1 - q)] for equal counts n."""
    return trials_of(p) * kl_of_trials(p, q)


def kl_discrete_uniform(p: DiscreteUniform, q: DiscreteUniform) -> jax.Array:
    """log(n_q/n_p) where q covers p, else ∞"""
    covered = (q.low <= p.low) & (p.high <= q.high)
    return jnp.where(
        covered,
        log_ratio(jnp.where(covered, number_of_integers(q), 1.0), jnp.where(covered, number_of_integers(p), 1.0)),
        jnp.inf,
    )


def kl_geometric(p: Geometric, q: Geometric) -> jax.Array:
    """[K(p, q) + K(1 - p, 1 - q)]/p"""
    return kl_of_waits(p, q)


def kl_logarithmic(p: Logarithmic, q: Logarithmic) -> jax.Array:
    """m log(p/q) + log(L_q/L_p), m the mean of p."""
    return kl_by_gap(p.probs, q.probs, q.probs - p.probs)


def _mean_gap(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """M(y) - M(x) for M(L) = (e^L - 1)/L and d = y - x."""
    # From the smaller, a: M(a + h) - M(a) = e^a [a e(h) + h e(-a)]/(a(a + h)), with e(t) = e^t - 1 - t ≥ 0.
    low, high, h = jnp.minimum(y, x), jnp.maximum(y, x), jnp.abs(d)
    size = jnp.exp(low) * (expm1_minus_x(h) / high + h * low * expm1_minus_x_ratio(-low) / high)
    return jnp.where(d < 0.0, -size, size)


def _decays(p: jax.Array, q: jax.Array, gap: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(L_p, L_q, L_q - L_p)"""
    a, b = -log_complement(p), -log_complement(q)
    t = relative_gap(1.0 - p, 1.0 - q, gap)
    return a, b, log_of_gap(t, b - a)


@jax.custom_jvp
def kl_by_gap(p: jax.Array, q: jax.Array, gap: jax.Array) -> jax.Array:
    """The divergence of two parameters from their exact difference q - p, of which the derivatives by both speak."""
    a, b, d = _decays(p, q, gap)
    # Near, ∫ (M(l) - M(a))/(e^l - 1) dl from a to b by Gauss's rule.
    near = jnp.abs(d) <= jnp.minimum(0.5 * jnp.minimum(a, b), 2.0)
    nodes, weights = (0.5 * one for one in np.polynomial.legendre.leggauss(5 if p.dtype == jnp.float32 else 11))
    base, step = jnp.where(near, a, 1.0), jnp.where(near, d, 0.0)
    by_rule = jnp.zeros_like(p)
    for node, weight in zip(0.5 + nodes, weights, strict=True):
        moved = float(node) * step
        by_rule += float(weight) * step * divide(_mean_gap(base + moved, base, moved), expm1(base + moved))
    # For small L, (m - 1)H(b, a) - m[w(b) - w(a) - w'(a)(b - a)], w(L) = log((1 - e^-L)/L), m w'(a) = (1 - m)/a.
    m = expm1_ratio(a)
    excess = a * expm1_minus_x_ratio(a)
    bend = m * (_log_mean_decay(b) - _log_mean_decay(a)) + excess * divide(d, a)
    small = excess * itakura_saito_term(b, a) - bend
    direct = m * log_ratio(p, q) + log_ratio(b, a)
    return jnp.where(near, by_rule, jnp.where(jnp.maximum(a, b) <= 2.0, small, direct))


def _log_mean_decay(x: jax.Array) -> jax.Array:
    """log((1 - e⁻ˣ)/x)"""
    near = x <= 2.0
    safe = jnp.where(near, x, 1.0)
    return jnp.where(near, log1p(-safe * expm1_minus_x_ratio(-safe)), jnp.log(-expm1(-x) / x))


@kl_by_gap.defjvp
def _kl_by_gap_jvp(primals, tangents):
    # ∂p = Var/p · log(p/q), ∂q = (m_q - m_p)/q
    p, q, gap = primals
    dp, dq, _ = tangents
    a, b, d = _decays(p, q, gap)
    log = -log_of_gap(relative_gap(q, p, gap), log_ratio(q, p))
    in_q = divide(_mean_gap(b, a, d), q)
    return kl_by_gap(p, q, gap), divide(logarithmic_variance(p), p) * log * dp + in_q * dq


def kl_negative_binomial(p: NegativeBinomial, q: NegativeBinomial) -> jax.Array:
    """r_p KL(Geometric p‖q) + (r_p - r_q) log(q/p) + E[B(r_q; r_p) - B(k + r_q; k + r_p)], B that of log Γ."""
    r, s = successes(p), successes(q)
    same = r * kl_of_waits(p, q)
    counts = p.total_count, q.total_count
    if isinstance(counts[0], float) and counts[0] == counts[1]:
        return same
    # E log Γ(k + s) is expanded about r, where E ψ(k + r) = ψ(r) - log p: nothing of first order is left, and the
    # summand is not negative because B falls with k.
    wide, other = r[..., None], s[..., None]
    start = bregman_log_gamma(other, wide)
    width = jnp.sqrt(p.variance) + 1.0
    lost = quadrature.expectation(
        lambda k: start - bregman_log_gamma(k + other, k + wide),
        along(p).log_prob,
        support=integers(),
        center=jax.lax.stop_gradient(p.mean),
        scale=jax.lax.stop_gradient(width),
    )
    return jnp.maximum(same - (r - s) * log_ratio_of_chances(p, q) + lost.value, 0.0)


def kl_poisson(p: Poisson, q: Poisson) -> jax.Array:
    """λ_p log(λ_p/λ_q) - λ_p + λ_q"""
    return kl_term(p.rate, q.rate)


def kl_zipf(p: Zipf, q: Zipf) -> jax.Array:
    """log ζ(s_q) - log ζ(s_p) - (log ζ)'(s_p)(s_q - s_p)"""
    return bregman_log_zeta(q.power, p.power, q.power - p.power)


def zipf_line(p: Zipf, q: Zipf) -> Line:
    """The powers lie on a line."""

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        first, second = between(p.power, q.power, s), between(p.power, q.power, r)
        return bregman_log_zeta(second, first, c * (p.power - q.power))

    return Line(step, lambda r: ~(between(p.power, q.power, r) <= 1.0))


KL = {
    (Binomial, Binomial): kl_binomial,
    (DiscreteUniform, DiscreteUniform): kl_discrete_uniform,
    (Geometric, Geometric): kl_geometric,
    (Logarithmic, Logarithmic): kl_logarithmic,
    (NegativeBinomial, NegativeBinomial): kl_negative_binomial,
    (Poisson, Poisson): kl_poisson,
    (Zipf, Zipf): kl_zipf,
}
