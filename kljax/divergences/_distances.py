"""Metrics of two distributions: the roots of bounded divergences."""

from __future__ import annotations

from typing import Any

import jax

from kljax._special.edges import square_root
from kljax.divergences._f_divergences import squared_hellinger
from kljax.divergences._kullback_leibler import jensen_shannon


def jensen_shannon_distance(p: Any, q: Any) -> jax.Array:
    """√JS(p, q) = √(½ KL(p‖m) + ½ KL(q‖m)), m = ½(p + q), the Jensen–Shannon distance, a metric.

    It lies in [0, √log 2]; at p = q, where a distance has a kink, its slope is taken to be 0.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The distance, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.jensen_shannon_distance(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.3338

    References:
        Endres & Schindelin (2003), "A new metric for probability distributions"; Österreicher & Vajda (2003), "A new
        class of metric divergences on probability spaces and its applicability in statistics".
    """
    return square_root(jensen_shannon(p, q))


def hellinger_distance(p: Any, q: Any) -> jax.Array:
    """H = √(½∫(√p - √q)²), the Hellinger distance, a metric.

    It lies in [0, 1]; at p = q, where a distance has a kink, its slope is taken to be 0.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The distance, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.hellinger_distance(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.3428

    References:
        Hellinger (1909); Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", ch. 4.
    """
    return square_root(squared_hellinger(p, q))
