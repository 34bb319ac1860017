"""Divergences between distributions: you hold two records of ``kljax.families``.

    p, q ─▶ a closed form from the table, or deterministic quadrature on the line, the integers or the circle ─▶ nats

Nothing here is random. A closed form is accurate to rounding, near p = q as well. Quadrature aims at 1e-10 in float64
and 1e-6 in float32, relative, and gives NaN where its own error bound is infinite.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, generators, quadrature
from kljax.families._closed_forms import KL
from kljax.families._record import aligned, along, filled, frame, is_family
from kljax.generators import Generator
from kljax.quadrature import Integral, Support

__all__ = [
    "alpha",
    "bhattacharyya",
    "chi_squared",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "jeffreys",
    "jensen_shannon",
    "kl",
    "le_cam",
    "renyi",
    "squared_hellinger",
    "total_variation",
    "tsallis",
]


def kl(p: Any, q: Any) -> jax.Array:
    """KL(p‖q) = E_p[log p(x) - log q(x)], the Kullback–Leibler divergence.

    Exactly inf where q misses mass that p has, exactly 0 for p = q.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.kl(Normal(0.0, 1.0), Normal(1.0, 2.0)):.4f}")
        0.4431

    References:
        Kullback & Leibler (1951), "On information and sufficiency".
    """
    return _kl(*_pair(p, q))


def jeffreys(p: Any, q: Any) -> jax.Array:
    """J = KL(p‖q) + KL(q‖p), Jeffreys' divergence.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.jeffreys(Normal(0.0, 1.0), Normal(1.0, 2.0)):.4f}")
        1.7500

    References:
        Jeffreys (1946), "An invariant form for the prior probability in estimation problems".
    """
    p, q = _pair(p, q)
    return _kl(p, q) + _kl(q, p)


def jensen_shannon(p: Any, q: Any, *, weight: ArrayLike = 0.5, scaled: bool = False) -> jax.Array:
    """JS_w = w KL(p‖m) + (1 - w) KL(q‖m), m = w p + (1 - w) q; ``scaled`` divides by w(1 - w).

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        weight: w, in [0, 1].
        scaled: Whether to divide by w(1 - w).

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast, or an order or weight given as a number is out of range.

    Example:
        >>> import kljax
        >>> from kljax.families import Laplace, Normal
        >>> print(f"{kljax.jensen_shannon(Normal(0.0, 1.0), Laplace(1.0, 1.0)):.4f}")
        0.1110

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (4.1).
    """
    generator = generators.jensen_shannon(_checks.parameter("weight", weight), scaled=scaled)
    return f_divergence(p, q, generator)


def renyi(p: Any, q: Any, *, order: ArrayLike) -> jax.Array:
    """R_α = log(∫ p^α q^(1-α))/(α - 1), Rényi's divergence; KL at α = 1.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        order: α > 0.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast, or an order or weight given as a number is out of range.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.renyi(Normal(0.0, 1.0), Normal(1.0, 1.0), order=0.5):.4f}")
        0.2500

    References:
        van Erven & Harremoës (2014), "Rényi divergence and Kullback–Leibler divergence", eq. (1).
    """
    order = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0, open_low=True)
    return _value(_integrate("renyi", *_pair(p, q), order=order))


def tsallis(p: Any, q: Any, *, order: ArrayLike) -> jax.Array:
    """T_α = (∫ p^α q^(1-α) - 1)/(α - 1), Tsallis' divergence; KL at α = 1.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        order: α, any real number.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast, or an order or weight given as a number is out of range.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.tsallis(Normal(0.0, 1.0), Normal(1.0, 1.0), order=0.5):.4f}")
        0.2350

    References:
        Tsallis (1998), "Generalized entropy-based criterion for consistent testing".
    """
    return f_divergence(p, q, generators.tsallis(_checks.parameter("order", order)))


def alpha(p: Any, q: Any, *, order: ArrayLike) -> jax.Array:
    """A_α = (∫ p^α q^(1-α) - 1)/(α(α - 1)), Amari's α-divergence; KL(p‖q) at α = 1 and KL(q‖p) at α = 0.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        order: α, any real number.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast, or an order or weight given as a number is out of range.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.alpha(Normal(0.0, 1.0), Normal(1.0, 1.0), order=0.5):.4f}")
        0.4700

    References:
        Cichocki & Amari (2010), "Families of alpha-, beta- and gamma-divergences", eq. (3).
    """
    return f_divergence(p, q, generators.alpha(_checks.parameter("order", order)))


def squared_hellinger(p: Any, q: Any) -> jax.Array:
    """H² = ½∫(√p - √q)², in [0, 1].

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.squared_hellinger(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.1175

    References:
        Le Cam & Yang (2000), "Asymptotics in statistics", section 3.1.
    """
    return f_divergence(p, q, generators.squared_hellinger)


def total_variation(p: Any, q: Any) -> jax.Array:
    """TV = ½∫|p - q|, in [0, 1].

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.total_variation(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.3829

    References:
        Levin & Peres (2017), "Markov chains and mixing times", section 4.1.
    """
    return f_divergence(p, q, generators.total_variation)


def chi_squared(p: Any, q: Any) -> jax.Array:
    """χ²(p‖q) = ∫(p - q)²/q, Pearson's; inf where it diverges.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.chi_squared(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        1.7183

    References:
        Pearson (1900), "On the criterion that a given system of deviations …".
    """
    return f_divergence(p, q, generators.pearson)


def le_cam(p: Any, q: Any) -> jax.Array:
    """LC = ½∫(p - q)²/(p + q), in [0, 1], the triangular discrimination.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.le_cam(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.2041

    References:
        Le Cam (1986), "Asymptotic methods in statistical decision theory", chapter 4.
    """
    return f_divergence(p, q, generators.le_cam)


def bhattacharyya(p: Any, q: Any) -> jax.Array:
    """B = -log ∫√(pq), Bhattacharyya's distance; half of Rényi's divergence of order ½.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.bhattacharyya(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.1250

    References:
        Bhattacharyya (1943), "On a measure of divergence between two statistical populations".
    """
    return _value(_integrate("bhattacharyya", *_pair(p, q)))


def f_divergence(p: Any, q: Any, generator: Generator) -> jax.Array:
    """D_f(p‖q) = ∫ q f(p/q), for any generator.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        generator: A record of ``kljax.generators``, or one made by its ``from_function``.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast.

    Example:
        >>> import kljax
        >>> from kljax.families import Gumbel, Normal
        >>> print(f"{kljax.f_divergence(Normal(0.0, 1.0), Gumbel(0.0, 1.0), kljax.generators.le_cam):.4f}")
        0.0721

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions".
    """
    _checks.instance("generator", generator, Generator, "a record of kljax.generators")
    p, q = _pair(p, q)
    if generator.name == generators.kl.name:
        return _kl(p, q)
    return _value(_integrate("f_divergence", p, q, generator=generator))


def cross_entropy(p: Any, q: Any) -> jax.Array:
    """H(p, q) = -E_p[log q(x)] = H(p) + KL(p‖q).

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        TypeError: If p or q is not a distribution.
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.
        ValueError: If the batches do not broadcast.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.cross_entropy(Normal(0.0, 1.0), Normal(1.0, 2.0)):.4f}")
        1.8621

    References:
        Cover & Thomas (2006), "Elements of information theory", section 8.5.
    """
    p, q = _pair(p, q)
    return filled(p).entropy() + _kl(p, q)


def entropy(p: Any) -> jax.Array:
    """H(p) = -E_p[log p(x)], Shannon's; of a density it may be negative.

    Args:
        p: The distribution, a record of ``kljax.families``.

    Returns:
        The entropy in nats, [batch...].

    Raises:
        TypeError: If p is not a distribution.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.entropy(Normal(0.0, 1.0)):.4f}")
        1.4189
    """
    return _distribution("p", p).entropy()


def _distribution(name: str, value: Any) -> Any:
    if not is_family(value):
        raise TypeError(
            f"{name} must be a distribution of kljax.families; got {type(value).__name__}. For two log-densities call "
            "kljax.quadrature, for probability vectors kljax.probs and for logits kljax.logits."
        )
    return value


def _pair(p: Any, q: Any) -> tuple[Any, Any]:
    return aligned(_distribution("p", p), _distribution("q", q))


def _kl(p: Any, q: Any) -> jax.Array:
    form = KL.get((type(p), type(q)))
    return _value(_integrate("kl", p, q)) if form is None else _closed(form, p, q)


@functools.partial(jax.jit, static_argnums=0)
def _closed(form: Any, p: Any, q: Any) -> jax.Array:
    return form(p, q)


def _integrate(verb: str, p: Any, q: Any, **options: Any) -> Integral:
    spaces = p.support, q.support
    if spaces[0].kind != spaces[1].kind:
        raise NotImplementedError(
            f"{verb} of {type(p).__name__} and {type(q).__name__}: one lives on {_named(spaces[0])}, the other on "
            f"{_named(spaces[1])}, so that neither has a density with respect to the other."
        )
    return _quadrature(verb, p, q, options)


def _named(space: Support) -> str:
    return {"interval": "the real line", "integers": "the integers", "circle": "a circle"}[space.kind]


@functools.partial(jax.jit, static_argnums=0)
def _quadrature(verb: str, p: Any, q: Any, options: dict[str, Any]) -> Integral:
    (center_p, scale_p), (center_q, scale_q) = (jax.lax.stop_gradient(frame(one)) for one in (p, q))
    ends = [jnp.broadcast_to(end, center_p.shape).astype(center_p.dtype) for one in (p, q) for end in _ends(one)]
    space = Support(jnp.minimum(ends[0], ends[2]), jnp.maximum(ends[1], ends[3]), p.support.kind)
    # Where a density ends it may jump, and where it is centred it may bend: the panels are cut there.
    points = jnp.stack([*(jnp.where(jnp.isfinite(end), end, center_p) for end in ends), center_p, center_q], -1)
    return getattr(quadrature, verb)(
        along(p).log_prob,
        along(q).log_prob,
        support=jax.lax.stop_gradient(space),
        center=(center_p, center_q),
        scale=(scale_p, scale_q),
        points=jax.lax.stop_gradient(points),
        **options,
    )


def _ends(record: Any) -> tuple[ArrayLike, ArrayLike]:
    return record.support.low, record.support.high


def _value(found: Integral) -> jax.Array:
    return jnp.where(jnp.isinf(found.error) & jnp.isfinite(found.value), jnp.nan, found.value)
