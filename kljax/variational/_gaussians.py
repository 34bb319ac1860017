"""Guides made of Gaussians: of one, with a covariance of several shapes, and of several."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax.variational import _draws
from kljax.variational._guides import Guide, White, framed, standard_normal
from kljax.variational._latents import Latent, latent_of

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class Normals(NamedTuple):
    """y = shift + T z: T has the diagonal exp(log_scale) and ``lower`` strictly below it, or is diagonal."""

    shift: Any
    log_scale: Any
    lower: Any  # [d, d], or None


def _begin_normal(dim: int, full: bool) -> Normals:
    zero = np.zeros(dim, np.dtype(jnp.result_type(float)))
    return Normals(zero, zero, np.zeros((dim, dim), zero.dtype) if full else None)


def push_normal(free: Normals, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The image of z and its log-density."""
    below = 0.0 if free.lower is None else jnp.tril(free.lower, -1) @ z
    return free.shift + jnp.exp(free.log_scale) * z + below, standard_normal(z) - free.log_scale.sum()


def log_prob_normal(free: Normals, y: jax.Array) -> jax.Array:
    """The log-density at y."""
    centred = y - free.shift
    if free.lower is None:
        z = centred * jnp.exp(-free.log_scale)
    else:
        matrix = jnp.tril(free.lower, -1) + jnp.diag(jnp.exp(free.log_scale))
        z = jax.scipy.linalg.solve_triangular(matrix, centred, lower=True)
    return standard_normal(z) - free.log_scale.sum()


def _white_normal(dim: int, full: bool) -> White:
    return White(
        noise_dim=dim,
        begin=lambda _: _begin_normal(dim, full),
        push=lambda free, z, _: push_normal(free, z),
        log_prob=log_prob_normal,
    )


def mean_field(like: Any) -> Guide:
    """N(m, diag σ²): independent normal coordinates.

    The cheapest guide, and the one for many thousand coordinates. Under the reverse KL it finds the right means of a
    Gaussian target and standard deviations that are too small wherever coordinates are correlated.

    Args:
        like: The number of coordinates, or an example of one latent (any pytree of real arrays).

    Returns:
        A ``Guide``.

    Example:
        >>> from kljax import variational
        >>> variational.mean_field(3)
        <guide: mean-field Gaussian of 3 coordinates>
    """
    return _mean_field(latent_of(like))


@functools.lru_cache
def _mean_field(latent: Latent) -> Guide:
    return framed(
        _white_normal(latent.dim, full=False),
        f"mean-field Gaussian of {latent.dim} coordinates",
        latent,
        "diagonal",
        gaussian=True,
        advice="low_rank or full_rank, which know correlations",
    )


def full_rank(like: Any) -> Guide:
    """N(m, Σ) with any covariance.

    The guide to begin with up to some hundred coordinates: with the reverse KL it is fitted by natural-gradient steps,
    which need neither a learning rate nor a schedule.

    Args:
        like: The number of coordinates, or an example of one latent (any pytree of real arrays).

    Returns:
        A ``Guide``.

    Example:
        >>> from kljax import variational
        >>> variational.full_rank({"loc": 0.0, "log_scale": 0.0})
        <guide: full-rank Gaussian of 2 coordinates>
    """
    return _full_rank(latent_of(like))


@functools.lru_cache
def _full_rank(latent: Latent) -> Guide:
    return framed(
        _white_normal(latent.dim, full=True),
        f"full-rank Gaussian of {latent.dim} coordinates",
        latent,
        "full",
        gaussian=True,
        advice="a flow (coupling_flow) or a mixture (gaussian_mixture)",
    )


def laplace(like: Any) -> Guide:
    """N(x*, (-∇²log p̃(x*))⁻¹) at a mode x* of the target: the Laplace approximation.

    The mode is sought by damped Newton steps from the centre of a full-rank Gaussian fitted first. It depends on the
    coordinates, and a density without a mode, as that of a hierarchy whose scale may shrink to zero, has none.

    Args:
        like: The number of coordinates, or an example of one latent (any pytree of real arrays).

    Returns:
        A ``Guide``.

    Example:
        >>> from kljax import variational
        >>> variational.laplace(2)
        <guide: Laplace approximation of 2 coordinates>

    References:
        Tierney and Kadane (1986), "Accurate approximations for posterior moments and marginal densities".
    """
    return _laplace(latent_of(like))


@functools.lru_cache
def _laplace(latent: Latent) -> Guide:
    return framed(
        _white_normal(latent.dim, full=True),
        f"Laplace approximation of {latent.dim} coordinates",
        latent,
        "full",
        gaussian=True,
        mode=True,
        advice="full_rank, which looks at more than the mode",
    )


class _LowRank(NamedTuple):
    shift: Any
    log_scale: Any
    factor: Any  # [d, rank]


def low_rank(like: Any, rank: int = 10) -> Guide:
    """N(m, diag d + W Wᵀ) with W of ``rank`` columns: correlations at a cost linear in the dimension.

    Args:
        like: The number of coordinates, or an example of one latent (any pytree of real arrays).
        rank: The number of columns of W, from 1 to the number of coordinates.

    Returns:
        A ``Guide``.

    Example:
        >>> from kljax import variational
        >>> variational.low_rank(1000, rank=5)
        <guide: Gaussian of 1000 coordinates with covariance diagonal plus rank 5>

    References:
        Ong, Nott and Smith (2018), "Gaussian variational approximation with a factor covariance structure".
    """
    latent = latent_of(like)
    if isinstance(rank, bool) or not isinstance(rank, int):
        raise TypeError(f"rank must be an int; got {rank!r}.")
    if not 1 <= rank <= latent.dim:
        raise ValueError(f"rank must lie between 1 and the number of coordinates, {latent.dim}; got {rank}.")
    return _low_rank(latent, rank)


@functools.lru_cache
def _low_rank(latent: Latent, rank: int) -> Guide:
    dim = latent.dim

    def begin(key: jax.Array) -> _LowRank:
        dtype = jnp.result_type(float)
        zero = np.zeros(dim, np.dtype(dtype))
        return _LowRank(zero, zero, 0.1 / math.sqrt(rank) * _draws.normal(key, (dim, rank), dtype))

    def push(free: _LowRank, z: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
        y = free.shift + jnp.exp(free.log_scale) * z[:dim] + free.factor @ z[dim:]
        return y, log_prob(free, y)

    def log_prob(free: _LowRank, y: jax.Array) -> jax.Array:
        # With S = diag s², V = S^(-1/2) W and C = I + Vᵀ V: Σ⁻¹ and det Σ by Woodbury's identity.
        own = jnp.exp(-free.log_scale)
        scaled, centred = own[:, None] * free.factor, own * (y - free.shift)
        factor = jnp.linalg.cholesky(jnp.eye(rank, dtype=y.dtype) + scaled.T @ scaled)
        shared = jax.scipy.linalg.solve_triangular(factor, scaled.T @ centred, lower=True)
        square = jnp.square(centred).sum() - jnp.square(shared).sum()
        return -0.5 * square - jnp.log(jnp.diagonal(factor)).sum() - free.log_scale.sum() - dim * _HALF_LOG_2PI

    return framed(
        White(dim + rank, begin, push, log_prob),
        f"Gaussian of {dim} coordinates with covariance diagonal plus rank {rank}",
        latent,
        "diagonal",
        advice="a larger rank, or full_rank",
    )


def gaussian_mixture(like: Any, components: int = 4) -> Guide:
    """Σ_c π_c N(m_c, Σ_c): several modes, skew or heavy tails.

    Each part is sampled by itself, so that the weights π have exact gradients too and nothing is relaxed. A step
    costs ``components`` times the gradients of a Gaussian's. Up to 50 coordinates the covariances are full, beyond
    that diagonal in the coordinates that a Gaussian fitted first whitens.

    Args:
        like: The number of coordinates, or an example of one latent (any pytree of real arrays).
        components: The number of Gaussians, at least 2.

    Returns:
        A ``Guide``.

    Example:
        >>> from kljax import variational
        >>> variational.gaussian_mixture(2, components=3)
        <guide: mixture of 3 Gaussians of 2 coordinates>

    References:
        Morningstar et al. (2021), "Automatic differentiation variational inference with mixtures".
    """
    latent = latent_of(like)
    if isinstance(components, bool) or not isinstance(components, int):
        raise TypeError(f"components must be an int; got {components!r}.")
    if components < 2:
        raise ValueError(f"components must be at least 2; got {components}.")
    return _gaussian_mixture(latent, components)


class _Mixture(NamedTuple):
    log_weights: Any
    parts: Normals  # each field with a leading axis of components


@functools.lru_cache
def _gaussian_mixture(latent: Latent, components: int) -> Guide:
    full = latent.dim <= 50

    def begin(key: jax.Array) -> _Mixture:
        one = _begin_normal(latent.dim, full)
        parts: Normals = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (components, *leaf.shape)), one)
        apart = 0.5 * _draws.normal(key, parts.shift.shape, parts.shift.dtype)
        return _Mixture(np.zeros(components, parts.shift.dtype), parts._replace(shift=apart))

    def log_prob(free: _Mixture, y: jax.Array) -> jax.Array:
        each = jax.vmap(log_prob_normal, in_axes=(0, None))(free.parts, y)
        return jax.nn.logsumexp(jax.nn.log_softmax(free.log_weights) + each)

    def push(free: _Mixture, z: jax.Array, component: Any) -> tuple[jax.Array, jax.Array]:
        y, _ = push_normal(jax.tree.map(lambda leaf: leaf[component], free.parts), z)
        return y, log_prob(free, y)

    return framed(
        White(
            latent.dim,
            begin,
            push,
            log_prob,
            components,
            lambda free: jax.nn.log_softmax(free.log_weights),
        ),
        f"mixture of {components} Gaussians of {latent.dim} coordinates",
        latent,
        "full" if full else "diagonal",
        advice="more components, or a flow (coupling_flow)",
    )
