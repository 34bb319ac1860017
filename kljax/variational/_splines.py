"""Monotone rational-quadratic splines with linear tails, and a scale and shift after them: what flows are made of."""

from __future__ import annotations

import jax
import jax.numpy as jnp

BINS = 8
REACH = 4.0  # the spline bends [-REACH, REACH]; beyond it is the identity
LEAST = 1e-3  # of a bin's width and height, and of a knot's slope
NUMBERS = 3 * BINS + 1  # parameters of one coordinate: widths, heights, inner slopes, log-scale, shift


def forward(raw: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(x, log dx/dz) of coordinates z [n] under parameters [n, NUMBERS]; the identity where these are 0."""
    x, log_slope = _spline(raw, z, inverse=False)
    log_scale, shift = _affine(raw)
    return x * jnp.exp(log_scale) + shift, log_slope + log_scale


def backward(raw: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(z, log dx/dz), the inverse."""
    log_scale, shift = _affine(raw)
    z, log_slope = _spline(raw, (x - shift) * jnp.exp(-log_scale), inverse=True)
    return z, log_slope + log_scale


def _affine(raw: jax.Array) -> tuple[jax.Array, jax.Array]:
    # The scale stays within e^±3, so that no coordinate can run away.
    return 3.0 * jnp.tanh(raw[..., -2] / 3.0), raw[..., -1]


def _knots(raw: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Positions [n, BINS + 1] before and after the spline, and the slopes there; 1 at the ends."""

    def cumulate(part: jax.Array) -> jax.Array:
        sizes = LEAST + (1.0 - LEAST * BINS) * jax.nn.softmax(part, -1)
        inner = 2.0 * REACH * jnp.cumsum(sizes[..., :-1], -1) - REACH
        edge = jnp.full((*part.shape[:-1], 1), REACH, part.dtype)
        return jnp.concatenate([-edge, inner, edge], -1)

    before, after = cumulate(raw[..., :BINS]), cumulate(raw[..., BINS : 2 * BINS])
    # softplus(x + log(e - 1)) is 1 at 0
    inner = LEAST + (1.0 - LEAST) * jax.nn.softplus(raw[..., 2 * BINS : 3 * BINS - 1] + 0.541324854612918)
    one = jnp.ones((*raw.shape[:-1], 1), raw.dtype)
    return before, after, jnp.concatenate([one, inner, one], -1)


def _spline(raw: jax.Array, value: jax.Array, *, inverse: bool) -> tuple[jax.Array, jax.Array]:
    # Durkan, Bekasov, Murray and Papamakarios (2019), "Neural spline flows", section 3.1; the inverse is the root of a
    # quadratic in the form that does not cancel.
    before, after, slopes = _knots(raw)
    inside = jnp.abs(value) < REACH
    at = jnp.where(inside, value, 0.0)
    searched = after if inverse else before
    chosen = (at[..., None] >= searched[..., :-1]) & (at[..., None] < searched[..., 1:])

    def pick(knots: jax.Array) -> jax.Array:
        return jnp.where(chosen, knots, 0.0).sum(-1)

    left, width = pick(before[..., :-1]), pick(jnp.diff(before))
    low, height = pick(after[..., :-1]), pick(jnp.diff(after))
    first, last = pick(slopes[..., :-1]), pick(slopes[..., 1:])
    mean = height / width
    bend = first + last - 2.0 * mean
    if inverse:
        up = at - low
        a = height * (mean - first) + up * bend
        b = height * first - up * bend
        c = -mean * up
        root = jnp.sqrt(jnp.maximum(b * b - 4.0 * a * c, 0.0))
        part = 2.0 * c / (-b - root)
    else:
        part = (at - left) / width
    rest = part * (1.0 - part)
    below = mean + bend * rest
    numerator = height * (mean * part * part + first * rest)
    moved = part * width + left if inverse else low + numerator / below
    steep = jnp.square(mean) * (last * part * part + 2.0 * mean * rest + first * jnp.square(1.0 - part))
    log_slope = jnp.log(steep) - 2.0 * jnp.log(below)
    return jnp.where(inside, moved, value), jnp.where(inside, log_slope, 0.0)
