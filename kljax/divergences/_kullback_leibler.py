"""KL and what is made of it, between two distributions."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._names import advised
from kljax._types import Law
from kljax.divergences import _points, _structure
from kljax.divergences._dispatch import answer, check_draws, converted, distribution, own
from kljax.divergences._questions import KULLBACK_LEIBLER, f_divergence
from kljax.divergences._verbs import CROSS_ENTROPY, ENTROPY, JEFFREYS
from kljax.families._internal import aligned, is_family


@advised
def kl(p: Law, q: Law) -> jax.Array:
    """KL(p‖q) = E_p[log p(x) - log q(x)], the Kullback–Leibler divergence.

    Exactly inf where q misses mass that p has, exactly 0 for p = q.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.kl(Normal(0.0, 1.0), Normal(1.0, 2.0)):.4f}")
        0.4431

    References:
        Kullback & Leibler (1951), "On information and sufficiency".
    """
    found: jax.Array = answer(KULLBACK_LEIBLER, p, q)
    return found


@advised
def jeffreys(p: Law, q: Law) -> jax.Array:
    """J = KL(p‖q) + KL(q‖p), Jeffreys' divergence.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.jeffreys(Normal(0.0, 1.0), Normal(1.0, 2.0)):.4f}")
        1.7500

    References:
        Jeffreys (1946), "An invariant form for the prior probability in estimation problems".
    """
    p, q = converted(p), converted(q)
    registered = own(JEFFREYS, p, q)
    return kl(p, q) + kl(q, p) if registered is None else registered


@advised
def jensen_shannon(p: Law, q: Law, *, weight: ArrayLike = 0.5, scaled: bool = False) -> jax.Array:
    """JS_w = w KL(p‖m) + (1 - w) KL(q‖m), m = w p + (1 - w) q; ``scaled`` divides by w(1 - w).

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
        scaled: Whether to divide by w(1 - w).

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Laplace, Normal
        >>> print(f"{kljax.jensen_shannon(Normal(0.0, 1.0), Laplace(1.0, 1.0)):.4f}")
        0.1110

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (4.1).
    """
    return f_divergence(p, q, generators.jensen_shannon(_checks.parameter("weight", weight), scaled=scaled))


@advised
def skew_kl(p: Law, q: Law, *, weight: ArrayLike) -> jax.Array:
    """KL(p‖w p + (1 - w) q), the skew divergence; w = 0 is KL(p‖q) and w = 1 is zero.

    It is finite for w > 0, at most -log w, also where q misses what p has.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.skew_kl(Normal(0.0, 1.0), Normal(1.0, 1.0), weight=0.1):.4f}")
        0.3699

    References:
        Lee (1999), "Measures of distributional similarity".
    """
    return f_divergence(p, q, generators.skew_kl(_checks.parameter("weight", weight)))


@advised
def cross_entropy(p: Law, q: Law) -> jax.Array:
    """H(p, q) = -E_p[log q(x)] = H(p) + KL(p‖q).

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.cross_entropy(Normal(0.0, 1.0), Normal(1.0, 2.0)):.4f}")
        1.8621

    References:
        Cover & Thomas (2006), "Elements of information theory", section 8.5.
    """
    p, q = converted(p), converted(q)
    registered = own(CROSS_ENTROPY, p, q)
    if registered is not None:
        return registered
    if not (is_family(p) and is_family(q)):
        return entropy(p) + kl(p, q)
    first, second = _structure.unified(p, q)
    check_draws(first, second)
    parts = _structure.parts(first, second)
    if parts is not None:
        return _structure.added(parts, cross_entropy)
    first, second = aligned(first, second)
    if _points.is_made_of_points(first):
        return _points.cross_entropy(first, second)
    # As given: that two bijectors are the same object is not seen once they are broadcast.
    return entropy(first) + kl(p, q)


@advised
def entropy(p: Law) -> jax.Array:
    """H(p) = -E_p[log p(x)], Shannon's; of a density it may be negative.

    Args:
        p: The distribution, a record of ``kljax.families``.

    Returns:
        The entropy in nats, [batch...].

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.entropy(Normal(0.0, 1.0)):.4f}")
        1.4189
    """
    p = converted(p)
    registered = own(ENTROPY, p)
    return distribution("p", p).entropy() if registered is None else registered
