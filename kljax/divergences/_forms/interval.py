"""KL between two members of one family on an interval."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, expm1_minus_x, log1p, log1p_excess, log_ratio, relative_gap
from kljax._special.gamma import bregman_phi, log_gamma_1p, log_gamma_gap
from kljax._special.sinhc import bregman_log_sinhc
from kljax.divergences._forms.whole_line import kl_normal
from kljax.families import Beta, ContinuousBernoulli, Kumaraswamy, LogitNormal, TruncatedNormal, Uniform
from kljax.families._internal import LogarithmRule, interval_logit, logarithms
from kljax.families._internal import truncated_normal as cut


def kl_beta(p: Beta, q: Beta) -> jax.Array:
    """Σᵢ [K(bᵢ, aᵢ b₀/a₀) + B_φ(bᵢ; aᵢ)] - B_φ(b₀; a₀), a those of p, b those of q, a₀ and b₀ their sums."""
    ours = jnp.stack([p.concentration1, p.concentration0])
    theirs = jnp.stack([q.concentration1, q.concentration0])
    return kl_of_dirichlets(ours, theirs)


def kl_of_dirichlets(a: jax.Array, b: jax.Array, d: jax.Array | None = None) -> jax.Array:
    """KL between Dirichlet distributions whose concentrations run along the first axis; d is b - a if known better."""
    d = b - a if d is None else d
    total_a, total_b, total_d = (one.sum(0, keepdims=True) for one in (a, b, d))
    # K(y, x) = x k(t) for y = x(1 + t), x = a b₀/a₀. Where the totals are near, t is formed from the differences, exact
    # for a ≈ b; elsewhere a rounded t near zero counts for nothing beside the other terms.
    growth, ratio = divide(total_d, total_a), divide(total_b, total_a)
    near = jnp.abs(growth) < 0.5
    close = divide(divide(d, a) - growth, jnp.where(near, ratio, 1.0))
    t = jnp.where(near, close, divide(divide(b, a), ratio) - 1.0)
    return (a * ratio * log1p_excess(t) + bregman_phi(b, a, d)).sum(0) - bregman_phi(total_b, total_a, total_d)[0]


def kl_continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> jax.Array:
    """B_S(½η_q; ½η_p), the Bregman divergence of S(x) = log(sinh(x)/x)."""
    return bregman_log_sinhc(0.5 * q.logits, 0.5 * p.logits)


def rule_of(p: Kumaraswamy) -> LogarithmRule:
    """The rule of a distribution; the nodes follow its parameters."""
    b = p.concentration0[..., None]
    nodes, reach, last = (260, 50.0, 60.0) if b.dtype == jnp.float64 else (96, 24.0, 36.0)
    low = jnp.log(jnp.minimum(jax.lax.stop_gradient(b), 1.0)) - reach
    step = (math.log(last) - low) / (nodes - 1)
    s = jnp.exp(low + step * jnp.arange(nodes, dtype=b.dtype).reshape(*[1] * (b.ndim - 1), nodes))
    t = divide(s, jnp.broadcast_to(p.concentration0[..., None], s.shape))
    return LogarithmRule(step * s * jnp.exp(-s), *logarithms(t), -t)


def kl_kumaraswamy(p: Kumaraswamy, q: Kumaraswamy) -> jax.Array:
    """E_p[e(log q/p)], e(t) = eᵗ - 1 - t, or E_p[log p/q] where it is large, by a rule that is exact to rounding."""
    rule = rule_of(p)
    a, b, a_q, b_q = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    gap = relative_gap(a_q, a, a_q - a)
    level = log_ratio(a_q, a) + log_ratio(b_q, b)
    v = level[..., None] + gap[..., None] * rule.log_u + (b_q - b)[..., None] * rule.log_rest
    return rule.kl(v + (b_q - 1.0)[..., None] * rule.log_power_ratio(divide(a_q, a), gap))


def kl_kumaraswamy_beta(p: Kumaraswamy, q: Beta) -> jax.Array:
    """The same for a beta distribution: that of u = xᵃ has log-density log(c/B(α, β)) + (cα - 1) log u + …, c = 1/a."""
    rule = rule_of(p)
    a, b, a_q, b_q = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    one = jnp.ones_like(a)
    level = log_ratio(a_q, a) + log_ratio(b_q, b) - _log_beta_excess(a_q, b_q)
    v = level[..., None] + relative_gap(a_q, a, a_q - a)[..., None] * rule.log_u + (b_q - b)[..., None] * rule.log_rest
    ratio = rule.log_power_ratio(divide(one, a), relative_gap(one, a, one - a))
    return rule.kl(v + (b_q - 1.0)[..., None] * ratio)


def _log_beta_excess(a: jax.Array, b: jax.Array) -> jax.Array:
    """log(ab B(a, b)) = log Γ(1 + a) + log Γ(1 + b) - log Γ(a + b), which is zero for a = 1 and for b = 1."""
    one = jnp.ones_like(a)
    first = jnp.abs(a - 1.0) <= jnp.abs(b - 1.0)
    near, other = jnp.where(first, a, b), jnp.where(first, b, a)
    return log_gamma_1p(near) - log_gamma_gap(near + other, one + other, near - 1.0)


def kl_logit_normal(p: LogitNormal, q: LogitNormal) -> jax.Array:
    """That of the normal distributions of the logits."""
    return kl_normal(interval_logit(p), interval_logit(q))


def _along(x: jax.Array, here: cut.Interval) -> jax.Array:
    """A number for each node."""
    return jnp.broadcast_to(x[..., None], here.step.shape)


def kl_truncated_normal(p: TruncatedNormal, q: TruncatedNormal) -> jax.Array:
    """log(1 + E_p[e(v - E_p[v])]) - log Q, v = ½(z_p² - z_q²) and Q the share of q that lies in the interval of p.

    Where v varies much, E_p[-v] and the logarithms of the normalising integrals, by a rule that is exact to rounding; ∞
    where the interval of q does not cover that of p.
    """
    covered = (q.low <= p.low) & (p.high <= q.high)
    q = TruncatedNormal(q.loc, q.scale, jnp.where(covered, q.low, p.low), jnp.where(covered, q.high, p.high))
    here = cut.interval(*cut.bounds(p))
    shift, gap = divide(p.loc - q.loc, q.scale), relative_gap(p.scale, q.scale, p.scale - q.scale)
    # z_q - z_p = shift + gap z_p, and v less its value at c, where z_p = c + step.
    apart_there = shift + gap * here.mode
    slope, bend = apart_there * (1.0 + gap) + gap * here.mode, gap * (1.0 + 0.5 * gap)
    v = -here.step * (_along(slope, here) + _along(bend, here) * here.step)
    u = v - _along(here.mean(v), here)
    near = here.mean(jnp.square(u)) < 0.05
    bent = log1p(here.mean(expm1_minus_x(jnp.where(near[..., None], u, 0.0))))
    low, high, width = cut.bounds(q)
    inner_low, inner_high = cut.standard(p.low, q), cut.standard(p.high, q)
    inner = cut.mass_of(inner_low, inner_high, cut.width_of(p.low, p.high, q))
    below = cut.share_of(cut.mass_of(low, inner_low, cut.width_of(q.low, p.low, q)), inner)
    more = below + cut.share_of(cut.mass_of(inner_high, high, cut.width_of(p.high, q.high, q)), inner)
    mode, mass = cut.mass_of(low, high, width)
    z = _along(here.mode + apart_there, here) + _along(1.0 + gap, here) * here.step  # z_q
    plain = here.mean(0.5 * (z - _along(mode, here)) * (z + _along(mode, here)) - here.excess)
    plain += jnp.log(divide(mass, here.mass)) - jnp.log(divide(p.scale, q.scale))
    same = (p.loc == q.loc) & (p.scale == q.scale) & (p.low == q.low) & (p.high == q.high)
    # At p = q, on the verge of an infinite cost, the subgradient 0 is taken.
    value = jnp.where(near, bent + log1p(jnp.where(near, more, 0.0)), plain)
    return jnp.where(covered, jnp.where(same, 0.0, value), jnp.inf)


def kl_uniform(p: Uniform, q: Uniform) -> jax.Array:
    """log(1 + ((l_p - l_q) + (h_q - h_p))/(h_p - l_p)) where q covers p, else ∞."""
    below, above = p.low - q.low, q.high - p.high
    covered = (below >= 0.0) & (above >= 0.0)
    # At p = q, where each end is on the verge of an infinite cost, the subgradient 0 is taken.
    more = jnp.where(covered & (below + above > 0.0), below + above, 0.0)
    return jnp.where(covered, log1p(divide(more, p.high - p.low)), jnp.inf)


KL = {
    (Beta, Beta): kl_beta,
    (ContinuousBernoulli, ContinuousBernoulli): kl_continuous_bernoulli,
    (Kumaraswamy, Beta): kl_kumaraswamy_beta,
    (Kumaraswamy, Kumaraswamy): kl_kumaraswamy,
    (LogitNormal, LogitNormal): kl_logit_normal,
    (TruncatedNormal, TruncatedNormal): kl_truncated_normal,
    (Uniform, Uniform): kl_uniform,
}
