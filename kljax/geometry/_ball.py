"""Balls {p: KL(p‖q) ≤ ρ} around a finite distribution: the p of the largest mean, and the p nearest to another.

Both are tilts of q, p ∝ q exp(s·loss), with one number s found by a search: KL(p‖q) grows with s from 0 to
-log q(where the loss is largest).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from kljax import _checks
from kljax._special.elementwise import divide, expm1_minus_x, tiny
from kljax._special.roots import geometric_middle, search


class Extreme(NamedTuple):
    """The member of a ball with the largest mean.

    Attributes:
        value: E_p[loss], [batch...].
        log_p: log p, like the losses.
        temperature: t of p ∝ q exp(loss/t), [batch...]: ∞ for radius 0, 0 where p sits on the largest losses alone.
    """

    value: jax.Array
    log_p: jax.Array
    temperature: jax.Array


def kl_ball_maximum(
    losses: ArrayLike,
    *,
    radius: ArrayLike,
    logits_q: ArrayLike | None = None,
    axis: int = -1,
    where: ArrayLike | None = None,
) -> Extreme:
    """max E_p[loss] over {p: KL(p‖q) ≤ ρ} = min over t > 0 of t ρ + t log E_q[exp(loss/t)].

    The loss that distributionally robust optimisation minimises: q weights the examples evenly, and the worst
    weighting within ρ nats counts. The maximum is attained by p ∝ q exp(loss/t). Its gradient is p in the losses, t
    in ρ and t(p - q) in the logits of q; derivatives of every order are those of the exact maximum.

    For ρ = 0 it is E_q[loss], where the derivative in ρ is infinite and taken at the smallest normal number; from
    ρ = -log q(largest losses) on it is the largest loss. Where q is zero the losses don't count; elsewhere they must
    be finite, else the result is NaN. Losses may be negative; for a minimum change the sign.

    Args:
        losses: One loss an outcome, [batch..., n] along ``axis``.
        radius: ρ ≥ 0 in nats, a number or [batch...].
        logits_q: Logits of q, the centre; shapes broadcast. None for the uniform distribution.
        axis: The axis of outcomes.
        where: Outcomes to count, boolean; shapes broadcast.

    Returns:
        The maximum, [batch...], with log p and the temperature, as an ``Extreme``.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import geometry
        >>> worst = geometry.kl_ball_maximum(jnp.array([0.0, 0.0, 0.0, 1.0]), radius=0.1)
        >>> print(f"{worst.value:.4f}")  # the mean is 0.25
        0.4567

    References:
        Hu and Hong (2013), "Kullback-Leibler divergence constrained distributionally robust optimization"; Donsker and
        Varadhan (1975) for the dual of the mean.
    """
    array = _checks.floating("losses", losses)
    given = jnp.zeros_like(array) if logits_q is None else _checks.floating("logits_q", logits_q)
    _checks.number("radius", radius, low=0.0)
    array, given = _checks.broadcast(losses=array, logits_q=given)
    (along,) = _checks.axes(axis, array.ndim)
    mask = _checks.mask(where, array.shape)
    if array.shape[along] == 0:
        raise ValueError(f"losses must have at least one outcome along axis {axis}; got shape {array.shape}.")
    limit = _radius(radius, array, along)
    return _maximum(array, given, limit, mask, along)


def kl_ball_projection(
    logits_p: ArrayLike, logits_q: ArrayLike, *, radius: ArrayLike, axis: int = -1, where: ArrayLike | None = None
) -> jax.Array:
    """The r of {r: KL(r‖q) ≤ ρ} with the least KL(r‖p): p itself if it is inside, else r ∝ pʷq¹⁻ʷ on the boundary.

    How a policy is drawn back towards a reference once it has moved too far. w in [0, 1] is where KL(r‖q) = ρ;
    for ρ = 0, r = q. Outcomes that p or q excludes are excluded in r; where no r with finite KL(r‖p) is in the ball,
    the row is NaN.

    Args:
        logits_p: Logits of p, [batch..., n] along ``axis``.
        logits_q: Logits of q, the centre; shapes broadcast.
        radius: ρ ≥ 0 in nats, a number or [batch...].
        axis: The axis of outcomes.
        where: Outcomes to count, boolean; shapes broadcast.

    Returns:
        log r, of the broadcast shape; differentiable in all three.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import geometry, logits
        >>> p, q = jnp.array([3.0, 0.0, -1.0]), jnp.zeros(3)
        >>> log_r = geometry.kl_ball_projection(p, q, radius=0.2)
        >>> print(f"{logits.kl(p, q):.4f} {logits.kl(log_r, q):.4f}")
        0.8243 0.2000

    References:
        Csiszár (1975), "I-divergence geometry of probability distributions and minimization problems".
    """
    arrays = {"logits_p": _checks.floating("logits_p", logits_p), "logits_q": _checks.floating("logits_q", logits_q)}
    _checks.number("radius", radius, low=0.0)
    a, b = _checks.broadcast(**arrays)
    (along,) = _checks.axes(axis, a.ndim)
    mask = _checks.mask(where, a.shape)
    if a.shape[along] == 0:
        raise ValueError(f"logits_p must have at least one outcome along axis {axis}; got shape {a.shape}.")
    return _projection(a, b, _radius(radius, a, along), mask, along)


def _radius(radius: ArrayLike, like: jax.Array, along: int) -> jax.Array:
    limit = jnp.asarray(radius, like.dtype) if isinstance(radius, (int, float)) else _checks.floating("radius", radius)
    batch = like.shape[:along] + like.shape[along + 1 :]
    try:
        return jnp.broadcast_to(limit.astype(like.dtype), batch)
    except ValueError:
        raise ValueError(f"radius must broadcast to the batch {batch}; got shape {limit.shape}.") from None


def _rows(along: int, mask: jax.Array | None, *logits: jax.Array) -> list[jax.Array]:
    """Log-probabilities along the last axis."""
    masked = [one if mask is None else jnp.where(mask, one, -jnp.inf) for one in logits]
    return [jax.nn.log_softmax(jnp.moveaxis(one, along, -1), -1) for one in masked]


@functools.partial(jax.jit, static_argnums=4)
def _maximum(losses: jax.Array, logits_q: jax.Array, radius: jax.Array, mask: jax.Array | None, along: int) -> Extreme:
    (log_q,) = _rows(along, mask, logits_q)
    row = jnp.where(log_q > -jnp.inf, jnp.moveaxis(losses, along, -1), 0.0)
    strength = _strength(row, log_q, radius)
    positive = strength > 0.0
    temperature = jnp.where(positive, 1.0 / jnp.where(positive, strength, 1.0), jnp.inf)
    log_p = jnp.moveaxis(_tilt(strength, row, log_q), -1, along)
    return Extreme(_value(row, log_q, radius), log_p, jnp.where(jnp.isnan(strength), jnp.nan, temperature))


@functools.partial(jax.jit, static_argnums=4)
def _projection(a: jax.Array, b: jax.Array, radius: jax.Array, mask: jax.Array | None, along: int) -> jax.Array:
    log_p, log_q = _rows(along, mask, a, b)
    shared = (log_p > -jnp.inf) & (log_q > -jnp.inf)
    ratio = jnp.where(shared, jnp.where(shared, log_p, 0.0) - jnp.where(shared, log_q, 0.0), 0.0)
    kept = jax.nn.logsumexp(jnp.where(shared, log_q, -jnp.inf), -1)
    # KL(r‖q) = KL(r‖q given the shared outcomes) - log q(shared outcomes); all of q: not even rounding is taken off.
    left = radius + jnp.where((shared | (log_q == -jnp.inf)).all(-1), 0.0, kept)
    inside = jax.nn.log_softmax(jnp.where(shared, log_q, -jnp.inf), -1)
    weight = _strength(ratio, inside, jnp.maximum(left, 0.0))
    whole = jax.nn.log_softmax(jnp.where(shared, log_p, -jnp.inf), -1)
    tilted = _tilt(jnp.minimum(weight, 1.0), ratio, inside)
    found = jnp.where((weight >= 1.0)[..., None], whole, tilted)
    return jnp.moveaxis(jnp.where((left >= 0.0)[..., None], found, jnp.nan), -1, along)


def _tilt(strength: jax.Array, losses: jax.Array, log_q: jax.Array) -> jax.Array:
    """log p, p ∝ q exp(s·loss); at s = ∞ q given the largest losses."""
    infinite = jnp.isinf(strength)
    below = _below(losses, log_q)
    finite = log_q + jnp.where(infinite, 0.0, strength)[..., None] * below
    return jax.nn.log_softmax(jnp.where(infinite[..., None], jnp.where(below == 0.0, log_q, -jnp.inf), finite), -1)


def _below(losses: jax.Array, log_q: jax.Array) -> jax.Array:
    """loss - largest loss ≤ 0, and 0 where q is zero."""
    legal = log_q > -jnp.inf
    largest = lax.stop_gradient(jnp.where(legal, losses, -jnp.inf).max(-1, keepdims=True))
    return jnp.where(legal, losses - jnp.where(jnp.isinf(largest), 0.0, largest), 0.0)


class _State(NamedTuple):
    """KL(p‖q) of a tilt, the mean of the losses, less the largest, and their variance, under p."""

    kl: jax.Array
    mean: jax.Array
    variance: jax.Array


def _state(strength: jax.Array, below: jax.Array, log_q: jax.Array) -> _State:
    shifted = log_q + strength[..., None] * below
    total = jax.nn.logsumexp(shifted, -1)
    p = jnp.exp(shifted - total[..., None])
    mean = (p * below).sum(-1)
    apart = below - mean[..., None]
    direct = strength * mean - total
    # log(p/q) = u + KL with u = s(loss - mean), so that KL = log E_p[e^-u]: a sum of p e(-u) ≥ 0 for close ones.
    u = strength[..., None] * apart
    far = u < -1.0
    moved = jnp.exp(log_q + jnp.clip(direct, 0.0, 1.0)[..., None])  # p e^-u
    terms = jnp.where(far, moved - p + p * u, p * expm1_minus_x(-jnp.where(far, 0.0, u)))
    kl = jnp.where(direct < 1.0, jnp.log1p(jnp.maximum(terms.sum(-1), 0.0)), direct)
    return _State(kl, mean, (p * jnp.square(apart)).sum(-1))


@jax.custom_jvp
def _strength(losses: jax.Array, log_q: jax.Array, radius: jax.Array) -> jax.Array:
    """The s ≥ 0 at which KL(p‖q) = ρ, ∞ where no tilt is that far away."""
    below = _below(losses, log_q)
    room = -jax.nn.logsumexp(jnp.where(below == 0.0, log_q, -jnp.inf), -1)
    reachable = (radius < room) & (radius > 0.0) & (below.min(-1) < 0.0)
    goal = jnp.sqrt(jnp.where(reachable, radius, 1.0))
    start = _state(jnp.zeros_like(radius), below, log_q)
    first = jnp.sqrt(2.0) * goal / jnp.sqrt(jnp.maximum(start.variance, tiny(radius)))

    def heights(s: jax.Array) -> tuple[jax.Array, jax.Array]:
        # √KL is nearly linear in s: d√KL/ds = s V/(2√KL).
        now = _state(s, below, log_q)
        root = jnp.sqrt(now.kl)
        slope = divide(0.5 * s * now.variance, jnp.maximum(root, tiny(root)))
        return jnp.where(reachable, root - goal, 0.0), slope

    begin = jnp.where(reachable, first, 1.0)
    found = search(heights, jnp.zeros_like(begin), jnp.full_like(begin, jnp.inf), begin, between=geometric_middle)
    end = jnp.where(radius > 0.0, jnp.where(reachable, found, jnp.inf), 0.0)
    return jnp.where(jnp.isnan(radius) | jnp.isnan(room) | (radius < 0.0), jnp.nan, end)


@_strength.defjvp
def _strength_jvp(primals, tangents):
    # KL(p‖q) = ρ: s V ds + s² Σ p(l - m) dl + Σ (p u + q - p) d log q = dρ, with u = s(l - m) and V the variance.
    (losses, log_q, radius), (d_losses, d_log_q, d_radius) = primals, tangents
    s = _strength(losses, log_q, radius)
    inner = (s > 0.0) & (s < jnp.inf)
    safe = jnp.where(inner, s, 1.0)
    p, apart, variance = _moments(safe, losses, log_q)
    gap = _gap(safe, losses, log_q)
    moved = _change(d_log_q, log_q)
    by_losses = safe * (p * apart * d_losses).sum(-1)
    by_q = ((p * apart - gap) * moved).sum(-1)  # already divided by s
    slope = safe * variance
    ds = divide(d_radius - safe * by_losses - safe * by_q, jnp.where(inner & (slope > 0.0), slope, 1.0))
    return s, jnp.where(inner & (slope > 0.0), ds, 0.0)


@jax.custom_jvp
def _value(losses: jax.Array, log_q: jax.Array, radius: jax.Array) -> jax.Array:
    """E_p[loss] at the best tilt."""
    s = _strength(losses, log_q, radius)
    p, below = jnp.exp(_tilt(s, losses, log_q)), _below(losses, log_q)
    largest = jnp.where(log_q > -jnp.inf, losses, -jnp.inf).max(-1)
    return largest + (p * below).sum(-1)


@_value.defjvp
def _value_jvp(primals, tangents):
    # The dual's derivatives at its minimum: p dl + t dρ + t(p - q) d log q.
    (losses, log_q, radius), (d_losses, d_log_q, d_radius) = primals, tangents
    s = _strength(losses, log_q, radius)
    inner = (s > 0.0) & (s < jnp.inf)
    safe = jnp.where(inner, s, jnp.where(s == 0.0, 0.0, 1.0))
    _, apart, variance = _moments(jnp.zeros_like(s), losses, log_q)
    start = jnp.sqrt(variance / (2.0 * tiny(s)))
    temperature = jnp.where(s == 0.0, start, jnp.where(inner, 1.0 / jnp.where(inner, s, 1.0), 0.0))
    gap = jnp.where((s == 0.0)[..., None], jnp.exp(log_q) * apart, _gap(jnp.where(inner, safe, 1.0), losses, log_q))
    by_q = jnp.where((s < jnp.inf)[..., None], gap, 0.0) * _change(d_log_q, log_q)
    p = jnp.exp(_tilt(s, losses, log_q))
    return _value(losses, log_q, radius), (p * d_losses + by_q).sum(-1) + temperature * d_radius


def _change(d_log_q: jax.Array, log_q: jax.Array) -> jax.Array:
    return jnp.where(log_q > -jnp.inf, d_log_q, 0.0)


def _moments(strength: jax.Array, losses: jax.Array, log_q: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """p of a finite tilt, loss - mean, and the variance."""
    p, below = jnp.exp(_tilt(strength, losses, log_q)), _below(losses, log_q)
    apart = below - (p * below).sum(-1, keepdims=True)
    return p, apart, (p * jnp.square(apart)).sum(-1)


def _gap(strength: jax.Array, losses: jax.Array, log_q: jax.Array) -> jax.Array:
    """(p - q)/s for a finite s > 0, accurate also where s is small."""
    below, q = _below(losses, log_q), jnp.exp(log_q)
    x = strength[..., None] * below
    small = (x.min(-1) > -0.5)[..., None]
    held = jnp.where(small, x, 0.0)
    near = q * jnp.expm1(held - jnp.log1p((q * jnp.expm1(held)).sum(-1, keepdims=True)))
    far = jnp.exp(_tilt(strength, losses, log_q)) - q
    return jnp.where(small, near, far) / strength[..., None]
