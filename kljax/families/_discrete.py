"""Which distributions have probabilities of points rather than a density."""

from __future__ import annotations

from typing import Any

import jax

from kljax.quadrature import Support

_KINDS = ("integers", "one-hot", "points")


def is_discrete(record: Any) -> bool:
    """Whether log_prob is the logarithm of a probability, in every part."""
    spaces = jax.tree.leaves(record.support, is_leaf=lambda one: isinstance(one, Support))
    return all(space.kind in _KINDS for space in spaces)
