"""Information in a joint table J, [..., A, B], with row sums a, column sums b and total T.

    mutual information       I = Σ J log(J T/(a b)) = Σ (a b/T) f(u),   u = J T/(a b),   f(u) = u log u - u + 1 ≥ 0
    conditional entropy      H(B|A) = Σ J log(a/J)

    ∂I/∂J = log u,           ∂H/∂J = log(a/J)

Near independence u - 1 = (J T - a b)/(a b) is small, and what a, b and T lost to rounding would be all of it. So they
are summed as two-term sums, and the products are formed exactly: then I keeps its digits.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, log1p, log_ratio, tiny, two_diff, two_product, two_sum, x_minus_log1p

Pair = tuple[jax.Array, jax.Array]


def table(name: str, array: jax.Array) -> jax.Array:
    """The array itself, if its last two axes are a table."""
    if array.ndim < 2 or 0 in array.shape[-2:]:
        raise ValueError(
            f"{name} must be a table, with at least one row and one column along its last two axes; got shape "
            f"{array.shape}."
        )
    return array


def known_first(array: jax.Array, given: int) -> jax.Array:
    """The table with what is known along its rows."""
    if given not in (-2, -1):
        raise ValueError(f"given must be -2, the rows, or -1, the columns; got {given!r}.")
    return array if given == -2 else jnp.swapaxes(array, -2, -1)


def exact_sum(head: jax.Array, axis: int, tail: jax.Array | None = None) -> Pair:
    """The sum over an axis as a two-term sum, in pairs, pairs of pairs and so on; the axis is kept."""
    head = jnp.moveaxis(head, axis, -1)
    tail = jnp.zeros_like(head) if tail is None else jnp.moveaxis(tail, axis, -1)
    while head.shape[-1] > 1:
        if head.shape[-1] % 2:
            pad = [(0, 0)] * (head.ndim - 1) + [(0, 1)]
            head, tail = jnp.pad(head, pad), jnp.pad(tail, pad)
        total, lost = two_sum(head[..., ::2], head[..., 1::2])
        head, tail = total, tail[..., ::2] + tail[..., 1::2] + lost
    head, tail = two_sum(head, tail)
    return jnp.moveaxis(head, -1, axis), jnp.moveaxis(tail, -1, axis)


def margins(joint: jax.Array) -> tuple[Pair, Pair, Pair]:
    """(a, b, T) as two-term sums."""
    a = exact_sum(joint, -1)
    return a, exact_sum(joint, -2), exact_sum(a[0], -2, a[1])


def _parted(joint: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """(whether u is near 1, u - 1 there, a b/T, J - a b/T)"""
    (a, a_tail), (b, b_tail), (total, total_tail) = margins(joint)
    # By powers of two, which round nothing: the products of tables of any size stay in range.
    unit = jnp.exp2(-jnp.floor(jnp.log2(jnp.maximum(total, tiny(total)))))
    scaled, *sums = (x * unit for x in (joint, a, a_tail, b, b_tail, total, total_tail))
    a, a_tail, b, b_tail, total, total_tail = sums
    cell, lost = two_product(scaled, jnp.broadcast_to(total, joint.shape))
    product, rest = two_product(jnp.broadcast_to(a, joint.shape), jnp.broadcast_to(b, joint.shape))
    gap, tail = two_diff(cell, product)
    gap = gap + (tail + (lost - rest) + scaled * total_tail - (a * b_tail + a_tail * b))
    near = (jnp.abs(gap) < 0.5 * product) & (product >= tiny(product))
    whole = jnp.where(total > 0.0, total, 1.0) * unit
    return near, jnp.where(near, gap / jnp.where(near, product, 1.0), 0.0), product / whole, gap / whole


@jax.custom_jvp
def mutual_information(joint: jax.Array) -> jax.Array:
    """Σ J log(J T/(a b)) over the last two axes."""
    near, x, share, gap = _parted(joint)
    # f(1 + x) = x log(1 + x) - (x - log(1 + x)), of which the first is twice the second at x = 0.
    close = share * (x * log1p(x) - x_minus_log1p(x))
    present = joint > 0.0
    apart = jnp.where(present, joint * jnp.where(present, _log_apart(joint), 0.0), 0.0) - gap
    bad = (joint < 0.0) | jnp.isnan(joint)
    return jnp.where(bad.any((-2, -1)), jnp.nan, jnp.where(near, close, apart).sum((-2, -1)))


def _log_apart(joint: jax.Array) -> jax.Array:
    """log(J T/(a b)) where it is not small, at J = 0 that of the smallest normal number put there."""
    (a, _), (b, _), (total, _) = margins(joint)
    least = tiny(joint)
    joint, a, b, total = (jnp.broadcast_to(jnp.maximum(x, least), joint.shape) for x in (joint, a, b, total))
    return log_ratio(joint, a) - log_ratio(b, total)


@mutual_information.defjvp
def _mutual_information_jvp(primals, tangents):
    (joint,), (d_joint,) = primals, tangents
    return mutual_information(joint), (_log_u(joint) * d_joint).sum((-2, -1))


@jax.custom_jvp
def _log_u(joint: jax.Array) -> jax.Array:
    """log(J T/(a b)), at J = 0 that of the smallest normal number put there."""
    near, x, _, _ = _parted(joint)
    return jnp.where(near, log1p(x), _log_apart(joint))


@_log_u.defjvp
def _log_u_jvp(primals, tangents):
    (joint,), (d,) = primals, tangents
    (a, _), (b, _), (total, _) = margins(joint)
    parts = [
        (d, joint),
        (-d.sum(-1, keepdims=True), a),
        (-d.sum(-2, keepdims=True), b),
        (d.sum((-2, -1), keepdims=True), total),
    ]
    return _log_u(joint), sum(tangent / jnp.maximum(mass, _least(joint)) for tangent, mass in parts)


def _least(joint: jax.Array) -> jax.Array:
    """So small a mass that it stands for none; sums of its inverses over the table do not overflow."""
    return jnp.asarray(tiny(joint) * (4.0 * joint.shape[-2] * joint.shape[-1]), joint.dtype)


@jax.custom_jvp
def conditional_entropy(joint: jax.Array) -> jax.Array:
    """Σ J log(a/J) over the last two axes: of the last given the one before."""
    present = joint > 0.0
    terms = jnp.where(present, joint, 0.0) * jnp.where(present, _surprise(joint), 0.0)
    bad = (joint < 0.0) | jnp.isnan(joint)
    return jnp.where(bad.any((-2, -1)), jnp.nan, terms.sum((-2, -1)))


@conditional_entropy.defjvp
def _conditional_entropy_jvp(primals, tangents):
    (joint,), (d_joint,) = primals, tangents
    return conditional_entropy(joint), (_surprise(joint) * d_joint).sum((-2, -1))


@jax.custom_jvp
def _surprise(joint: jax.Array) -> jax.Array:
    """log(a/J) ≥ 0, at J = 0 that of the smallest normal number put there."""
    a, tail = exact_sum(joint, -1)
    mass = jnp.maximum(joint, tiny(joint))
    rest = jnp.maximum((a - mass) + tail, 0.0)  # what the row holds besides
    near = rest < mass
    apart = log_ratio(jnp.maximum(a, mass), mass)
    return jnp.where(near, log1p(jnp.where(near, divide(rest, mass), 0.0)), apart)


@_surprise.defjvp
def _surprise_jvp(primals, tangents):
    (joint,), (d,) = primals, tangents
    a, _ = exact_sum(joint, -1)
    least = _least(joint)
    return _surprise(joint), d.sum(-1, keepdims=True) / jnp.maximum(a, least) - d / jnp.maximum(joint, least)
