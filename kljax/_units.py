"""Units of information."""

from __future__ import annotations

import math

import jax
from jax.typing import ArrayLike

from kljax import _checks


def bits(nats: ArrayLike) -> jax.Array:
    """nats / log 2: converts an amount of information from nats to bits.

    Args:
        nats: Any array of divergences or entropies, as every function of kljax returns them.

    Returns:
        The same in bits, of the same shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bits, probs
        >>> float(bits(probs.entropy(jnp.array([0.5, 0.5]))))
        1.0

    References:
        ISO/IEC 80000-13:2008, items 13-24 and 13-25.
    """
    return _checks.floating("nats", nats) / math.log(2.0)
