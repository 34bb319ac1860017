"""The lines of families of one variable that take more than one of the elements of ``lines``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.bessel import bessel_ratio, bregman_log_bessel
from kljax._special.elementwise import (
    divide,
    expm1,
    expm1_minus_x,
    kl_term,
    log1p,
    log1p_excess,
    log_ratio,
    relative_gap,
)
from kljax._special.odds import sigmoid, softplus
from kljax._special.sinhc import bregman_log_sinhc
from kljax.divergences._forms.integers import kl_by_gap
from kljax.divergences._forms.lines import Line, along, between, positive, proportions, rates
from kljax.divergences._forms.trials import log_ratio_of_hits, log_ratio_of_misses
from kljax.families import ContinuousBernoulli, InverseGaussian, Lindley, Logarithmic, Pareto
from kljax.families._internal import chances, logit


def inverse_gaussian(p: InverseGaussian, q: InverseGaussian) -> Line:
    """λ and λ/μ² lie on a line."""
    lambdas = rates(p.concentration, q.concentration)
    unit = jax.lax.stop_gradient(jnp.maximum(p.loc, q.loc))
    a, b = divide(unit, p.loc), divide(unit, q.loc)
    # a² - b² of the inverse means in units of the larger mean.
    inverse = divide(q.loc - p.loc, unit) * a * b * (a + b)

    def at(s: jax.Array) -> tuple[jax.Array, jax.Array]:
        first, second = p.concentration * a * a, q.concentration * b * b
        return between(p.concentration, q.concentration, s), along(first, second, s, first - second)

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        (x, x_mean), (y, y_mean) = at(s), at(r)
        # (μ_s/μ_r)² - 1 = λ_s (λ_r/μ_r²)/(λ_r (λ_s/μ_s²)) - 1 = c λ_pλ_q (1/μ_p² - 1/μ_q²)/(λ_r λ_s/μ_s²)
        change = c * inverse * divide(p.concentration, y) * divide(q.concentration, x_mean)
        square = divide(x, x_mean) * divide(y_mean, y)
        root = jnp.where(square > 0.0, jnp.sqrt(jnp.where(square > 0.0, square, 1.0)), 0.0)
        away = jnp.square(divide(change, 1.0 + root))
        size = divide(y, unit) * jnp.sqrt(divide(x_mean, x))  # λ_r/μ_s
        return 0.5 * (lambdas.step(s, r, c) + size * away)

    # At λ/μ² = 0, Lévy's distribution, the integral still converges.
    first, second = (at(jnp.full_like(a, end)) for end in (1.0, 0.0))
    bounded = (first[0] >= second[0]) & (first[1] >= second[1])
    return Line(step, lambda r: positive(at(r)[0]) & ~(at(r)[1] < 0.0), bounded=bounded)


def lindley(p: Lindley, q: Lindley) -> Line:
    """2H(θ_r, θ_s) - H(1 + θ_r, 1 + θ_s); the second is at most half of the first."""
    below = rates(p.rate, q.rate)
    unit = jax.lax.stop_gradient(1.0 + jnp.maximum(p.rate, q.rate))
    above = proportions(divide(1.0 + p.rate, unit), divide(1.0 + q.rate, unit), divide(p.rate - q.rate, unit))

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        return 2.0 * below.step(s, r, c) - above.step(s, r, c)

    return Line(step, below.inside, bounded=below.bounded)


def continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Line:
    """η lies on a line."""

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        x, y = (0.5 * between(p.logits, q.logits, one) for one in (s, r))
        return bregman_log_sinhc(y, x, 0.5 * c * (p.logits - q.logits))

    return Line(step)


def pareto(p: Pareto, q: Pareto) -> Line:
    """α lies on a line; where the scales differ, the common part of the supports begins at the larger."""
    line = rates(p.concentration, q.concentration)
    same = p.scale == q.scale
    high = jnp.maximum(p.scale, q.scale)
    starts = [
        jnp.where(same, 0.0, one.concentration * log_ratio(high, jnp.where(same, high, one.scale))) for one in (p, q)
    ]

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        # P(s) begins at the larger scale for 0 < s < 1; P(1) = p and P(0) = q where they do.
        to = jnp.where(r >= 1.0, starts[0], starts[1])
        beyond = ((s == 1.0) & (p.scale < q.scale)) | ((s == 0.0) & (q.scale < p.scale))
        return jnp.where(beyond, jnp.inf, line.step(s, r, c) + to)

    return Line(step, line.inside, bounded=line.bounded)


def trials(p: Any, q: Any) -> Line:
    """Of Bernoulli distributions: logits lie on a line; log E_s[e^(w k)] - w p_s with w = c (x_p - x_q)."""
    ends = [chances(one)[0] for one in (p, q)]
    never, always = ((ends[0] == end) | (ends[1] == end) for end in (0.0, 1.0))
    edge = (never | always) & (ends[0] != ends[1])
    certain = (never | always) & (ends[0] == ends[1])
    odd = edge | certain
    odds = log_ratio_of_hits(p, q, odd) - log_ratio_of_misses(p, q, odd)
    first, second = (jnp.where(odd, 0.0, logit(one)) for one in (p, q))

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        x, w = between(first, second, s), c * odds
        # The rarer of the two outcomes counts.
        rare = x <= 0.0
        x, w = jnp.where(rare, x, -x), jnp.where(rare, w, -w)
        chance, rest = sigmoid(x), sigmoid(-x)
        near = jnp.abs(w) <= 2.0
        v = jnp.where(near, w, 0.0)
        close = log1p(rest * expm1_minus_x(-chance * v) + chance * expm1_minus_x(rest * v))
        far = softplus(x + w) - softplus(x) - chance * w
        shown = [
            jnp.where(one == 1.0, ends[0], jnp.where(one == 0.0, ends[1], jnp.where(never, 0.0, 1.0))) for one in (s, r)
        ]
        missed = kl_term(*shown) + kl_term(*(1.0 - one for one in shown))
        return jnp.where(edge, missed, jnp.where(certain, 0.0, jnp.where(near, close, far)))

    return Line(step)


def waits(p: Any, q: Any) -> Line:
    """Of geometric distributions: log(1 - p) lies on a line; [K(P_s, P_r) + K(w_s, w_r)]/P_s with w = 1 - P."""
    (chance_p, rest_p), (chance_q, rest_q) = chances(p), chances(q)
    edge = (rest_p == 0.0) != (rest_q == 0.0)
    certain = (rest_p == 0.0) & (rest_q == 0.0)
    odd = edge | certain
    legal = jnp.minimum(jnp.minimum(chance_p, rest_p), jnp.minimum(chance_q, rest_q)) >= 0.0
    log = jnp.where(odd, 0.0, jnp.where(legal, log_ratio_of_misses(p, q, odd | ~legal), jnp.nan))
    safe = [jnp.where(odd, 0.5, one) for one in (chance_p, rest_p, chance_q, rest_q)]
    # The chance of P(s) from the smaller of both, to which something is added for 0 ≤ s ≤ 1.
    falls = log < 0.0

    def at(s: jax.Array) -> tuple[jax.Array, jax.Array]:
        away = jnp.where(falls, s, s - 1.0) * log
        base, rest = jnp.where(falls, safe[2], safe[0]), jnp.where(falls, safe[3], safe[1])
        return base - rest * expm1(away), rest * jnp.exp(away)

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        (chance, rest), (other, _) = at(s), at(r)
        d = rest * expm1(c * log)
        near = jnp.abs(d) <= 0.5 * other
        growth = relative_gap(*(jnp.where(near, one, safe) for one, safe in ((chance, 1.0), (other, 1.0), (d, 0.0))))
        beyond = kl_term(jnp.where(near, 1.0, chance), jnp.where(near, 1.0, other))
        hits = jnp.where(near, other * log1p_excess(growth), beyond)
        found = divide(hits + rest * expm1_minus_x(c * log), chance)
        return jnp.where(edge, _at_edge(s, r), jnp.where(certain, 0.0, found))

    def _at_edge(s: jax.Array, r: jax.Array) -> jax.Array:
        # One of them never misses, and with it all between.
        misses = jnp.where(s == 1.0, rest_p, jnp.where(s == 0.0, rest_q, 0.0)) > 0.0
        chance = jnp.where(r == 1.0, chance_p, jnp.where(r == 0.0, chance_q, 1.0))
        return jnp.where(misses & (chance == 1.0), jnp.inf, jnp.where(misses, 0.0, -jnp.log(chance)))

    return Line(step, lambda r: positive(at(r)[0]), bounded=~(log > 0.0))


def logarithmic(p: Logarithmic, q: Logarithmic) -> Line:
    """log p lies on a line."""
    log = log_ratio(p.probs, q.probs)

    def at(s: jax.Array) -> jax.Array:
        low = s < 0.5
        return jnp.where(low, q.probs, p.probs) * jnp.exp(jnp.where(low, s, s - 1.0) * log)

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        return kl_by_gap(at(s), at(r), at(s) * expm1(c * log))

    return Line(step, lambda r: positive(1.0 - at(r)), bounded=p.probs <= q.probs)


def directions(order: float, size_p: jax.Array, size_q: jax.Array, gap: jax.Array) -> Line:
    """The vectors κμ lie on a line; gap is 1 - cos of the angle between them, ν the order of the Bessel function."""
    difference, product = size_p - size_q, size_p * size_q
    cosine, sine = 1.0 - gap, gap * (2.0 - gap)  # the second is sin²

    def squared(s: jax.Array) -> jax.Array:
        ahead = along(size_p * cosine, size_q, s, difference - size_p * gap)
        return ahead * ahead + jnp.square(s * size_p) * sine

    def at(s: jax.Array) -> jax.Array:
        square = squared(s)
        root = jnp.where(square > 0.0, jnp.sqrt(jnp.where(square > 0.0, square, 1.0)), 0.0)
        return jnp.where(s == 1.0, size_p, jnp.where(s == 0.0, size_q, root))

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        x, y = at(s), at(r)
        # κ_r - κ_s = c (η_p - η_q)·(η_r + η_s)/(κ_r + κ_s)
        ahead = difference * (2.0 * size_q + (s + r) * difference) + 2.0 * product * gap * (s + r - 1.0)
        total = x + y
        some = total > 0.0
        d = c * jnp.where(some, divide(ahead, jnp.where(some, total, 1.0)), 0.0)
        spread = difference * difference + 2.0 * product * gap
        # η_r·η_s = |η|² ± c η·(η_p - η_q) from the shorter of both; by the three sides it would cancel at large orders.
        short = x <= y
        t, size = jnp.where(short, s, r), jnp.minimum(x, y)
        from_q = size_q * difference - product * gap + t * spread
        from_p = size_p * difference + product * gap - (1.0 - t) * spread
        inner = size * size + jnp.where(short, c, -c) * jnp.where(t < 0.5, from_q, from_p)
        acute = inner > 0.0
        # κ_rκ_s(1 - cos): by the sine of the angle between η_r and η_s where that is acute.
        small = divide(jnp.square(c * product) * sine, jnp.where(acute, x * y + inner, 1.0))
        turned = jnp.where(acute, small, x * y - inner)
        still = x == 0.0
        slope = jnp.where(still, 0.5 / (order + 1.0), divide(bessel_ratio(x, order), jnp.where(still, 1.0, x)))
        return bregman_log_bessel(order, y, x, d) + slope * turned

    return Line(step)
