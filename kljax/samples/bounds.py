"""Variational bounds from a critic's values at samples of p and q: objectives to train on, and numbers that bound.

Every function is pure, differentiable, and runs under jit and vmap. On rows that the critic was not trained on each is
a lower bound on average; on its training rows it isn't one. Of n samples no bound can certify more than about log n.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax.generators import Generator

__all__ = ["donsker_varadhan", "info_nce", "nwj", "smile"]


def donsker_varadhan(critic_x: ArrayLike, critic_y: ArrayLike) -> jax.Array:
    """E_p[T] - log E_q[e^T] ≤ KL(p‖q), with equality where T is log p/q up to a constant.

    Args:
        critic_x: T at samples of p, [..., n].
        critic_y: T at samples of q, [..., m].

    Returns:
        The bound in nats, [...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.samples import bounds
        >>> print(float(bounds.donsker_varadhan(jnp.array([1.0, 1.0]), jnp.array([0.0, 0.0]))))
        1.0

    References:
        Donsker & Varadhan (1983). Belghazi et al. (2018), "Mutual Information Neural Estimation".
    """
    at_x, at_y = _values(critic_x=critic_x, critic_y=critic_y)
    return at_x.mean(-1) - _log_mean_exp(at_y)


def nwj(critic_x: ArrayLike, critic_y: ArrayLike, generator: Generator = generators.kl) -> jax.Array:
    """E_p[T] - E_q[f*(T)] ≤ D_f(p‖q), with equality at T = f'(p/q); of KL f*(t) = e^t - 1.

    Args:
        critic_x: T at samples of p, [..., n], in the range of f'.
        critic_y: T at samples of q, [..., m]. Above lim f(u)/u the conjugate is infinite.
        generator: Any generator of an f-divergence.

    Returns:
        The bound in nats, [...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.samples import bounds
        >>> print(float(bounds.nwj(jnp.array([1.0, 1.0]), jnp.array([0.0, 0.0]))))
        1.0

    References:
        Nguyen, Wainwright & Jordan (2010). Nowozin, Cseke & Tomioka (2016), "f-GAN".
    """
    _checks.instance("generator", generator, Generator, "a generator, such as kljax.generators.kl")
    at_x, at_y = _values(critic_x=critic_x, critic_y=critic_y)
    return at_x.mean(-1) - generator.conjugate(at_y).mean(-1)


def info_nce(scores: ArrayLike) -> jax.Array:
    """mean_i log(e^{s_ii} / mean_j e^{s_ij}) ≤ min(I(X; Y), log n), from scores of all pairs in a batch.

    Args:
        scores: s_ij, the critic at (x_i, y_j), [..., n, n]; pairs that belong together are on the diagonal.

    Returns:
        The bound in nats, [...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.samples import bounds
        >>> print(round(float(bounds.info_nce(100.0 * jnp.eye(8))), 4))  # log 8: as much as 8 pairs can show
        2.0794

    References:
        van den Oord, Li & Vinyals (2018). Poole et al. (2019), "On variational bounds of mutual information".
    """
    array = _checks.floating("scores", scores)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise ValueError(f"scores must have shape [..., n, n], one for each pair of a batch; got {array.shape}.")
    return (jnp.diagonal(array, axis1=-2, axis2=-1) - _log_mean_exp(array)).mean(-1)


def smile(critic_x: ArrayLike, critic_y: ArrayLike, clip: float = 5.0) -> jax.Array:
    """E_p[T] - log E_q[e^{clip(T, -τ, τ)}], Donsker and Varadhan's with bounded weights: of less variance, but no
    bound.

    Args:
        critic_x: T at samples of p, [..., n].
        critic_y: T at samples of q, [..., m].
        clip: τ. As it grows this becomes ``donsker_varadhan``.

    Returns:
        The number in nats, [...]. Where T leaves [-τ, τ] it may lie above KL(p‖q).

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.samples import bounds
        >>> print(float(bounds.smile(jnp.array([9.0]), jnp.array([9.0]), clip=5.0)))
        4.0

    References:
        Song & Ermon (2020), "Understanding the limitations of variational mutual information estimators".
    """
    _checks.number("clip", clip, low=0.0, high=math.inf, open_low=True)
    at_x, at_y = _values(critic_x=critic_x, critic_y=critic_y)
    return at_x.mean(-1) - _log_mean_exp(jnp.clip(at_y, -clip, clip))


def _values(**operands: ArrayLike) -> list[jax.Array]:
    arrays = []
    for name, value in operands.items():
        array = _checks.floating(name, value)
        if array.ndim == 0 or array.shape[-1] == 0:
            raise ValueError(f"{name} must have shape [..., samples] with at least one sample; got {array.shape}.")
        arrays.append(array)
    return arrays


def _log_mean_exp(values: jax.Array) -> jax.Array:
    return jax.nn.logsumexp(values, axis=-1) - math.log(values.shape[-1])
