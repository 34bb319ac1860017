"""What two blocks of a random vector say of each other."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import log1p
from kljax.divergences import _structure
from kljax.divergences._dispatch import distribution
from kljax.families import MultivariateNormal
from kljax.families._internal import adjoint, cholesky, diagonal, identity, multiply, norm_squared, solve_lower


def mutual_information(p: Any, *, block: int | Sequence[int]) -> jax.Array:
    """I(X; Y) = -½ log det(1 - C'C), between two blocks of a normal vector; C holds their canonical correlations.

    It is KL of the joint distribution to the product of its blocks' own, 0 if and only if they are uncorrelated, and
    keeps its digits near that. For a joint table of probabilities there is ``kljax.probs.mutual_information``.

    Args:
        p: A ``MultivariateNormal``, or independent normal variables.
        block: What X is: so many of the first entries, or their indices; Y is the rest, and neither is empty.

    Returns:
        The information in nats, [batch...]; infinite where one block decides an entry of the other.

    Raises:
        NotImplementedError: If p is not multivariate normal.

    Example:
        >>> import jax.numpy as jnp
        >>> import kljax
        >>> from kljax.families import MultivariateNormal
        >>> p = MultivariateNormal.from_covariance(jnp.zeros(2), jnp.array([[1.0, 0.6], [0.6, 1.0]]))
        >>> print(f"{kljax.mutual_information(p, block=1):.4f}")
        0.2231

    References:
        Cover & Thomas (2006), "Elements of information theory", section 8.5; Gelfand & Yaglom (1957).
    """
    record = _structure.as_vector(distribution("p", p))
    if not isinstance(record, MultivariateNormal):
        raise NotImplementedError(
            f"mutual_information of {type(record).__name__}: there is a closed form for MultivariateNormal alone. From "
            "draws call kljax.samples.mutual_information, of a table kljax.probs.mutual_information."
        )
    size = record.event_shape[0]
    first = np.arange(block) if isinstance(block, (int, np.integer)) else np.asarray(block)
    if first.ndim != 1 or not np.issubdtype(first.dtype, np.integer):
        raise ValueError(f"block must be a number of entries or a list of their indices; got {block!r}.")
    if not 0 < len(first) < size or len(set(first.tolist())) != len(first) or first.min() < 0 or first.max() >= size:
        raise ValueError(
            f"block must leave at least one of the {size} entries and name each of its own once; got {block!r}."
        )
    second = np.setdiff1d(np.arange(size), first)
    return _between_blocks(record, tuple(first.tolist()), tuple(second.tolist()))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _between_blocks(p: MultivariateNormal, first: tuple[int, ...], second: tuple[int, ...]) -> jax.Array:
    covariance = p.covariance
    x, y = np.asarray(first), np.asarray(second)
    within = [cholesky(covariance[..., one[:, None], one]) for one in (x, y)]
    half = solve_lower(within[0], covariance[..., x[:, None], y])
    correlations = adjoint(solve_lower(within[1], adjoint(half)))
    shared = multiply(adjoint(correlations), correlations)
    # The pivots of 1 - C'C are 1 - δ: from δ, a sum of squares, and not from their difference to 1.
    low = cholesky(identity(shared) - shared)
    lost = diagonal(shared) + norm_squared(jnp.tril(low, -1), -1)
    return -0.5 * log1p(-lost).sum(-1)
