"""The Fisher information, as the second derivative of a divergence where its two arguments meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kljax.geometry._parameters import Divergence, callable_divergence, in_one_dtype, like, one_number, vector_space


def fisher_vector_product(divergence: Divergence, params: Any, vector: Any) -> Any:
    """F v, F = ∇²_φ KL(p_θ‖p_φ) at φ = θ, the Fisher information about θ, without forming it.

    One directional derivative of one gradient (forward over reverse), so about the cost of three evaluations of the
    divergence, and no draws. F is the same for either order of the arguments; of another f-divergence, f''(1) times
    it comes out.

    Differentiable, and usable under ``jit`` and ``vmap``: this is a transformation of a function, as ``jax.jvp``, so
    put calls that repeat under ``jax.jit``.

    Args:
        divergence: (params_p, params_q) ↦ KL(p‖q), one number: ``kljax.kl`` where the parameters are a record of
            ``kljax.families`` without a batch, else a function of yours that ends in a sum or a mean.
        params: θ, a pytree of floating-point arrays; bfloat16 and float16 are computed in float32.
        vector: v, a pytree like params.

    Returns:
        F v, a pytree like params.

    Example:
        >>> import jax.numpy as jnp
        >>> import kljax
        >>> from kljax import geometry
        >>> from kljax.families import Normal
        >>> def divergence(p, q):
        ...     return kljax.kl(Normal(p["loc"], jnp.exp(p["log_scale"])), Normal(q["loc"], jnp.exp(q["log_scale"])))
        >>> params = {"loc": jnp.array(1.0), "log_scale": jnp.log(2.0)}
        >>> vector = {"loc": jnp.array(1.0), "log_scale": jnp.array(1.0)}
        >>> product = geometry.fisher_vector_product(divergence, params, vector)  # 1/σ² and 2
        >>> print(f"{product['loc']:.4f} {product['log_scale']:.4f}")
        0.2500 2.0000

    References:
        Pearlmutter (1994), "Fast exact multiplication by the Hessian"; Martens (2020), "New insights and perspectives
        on the natural gradient method".
    """
    callable_divergence(divergence)
    params = in_one_dtype("params", params)
    vector = like("vector", vector, params)
    return jax.jvp(slope_at(divergence, params), (params,), (vector,))[1]


def fisher(divergence: Divergence, params: Any) -> jax.Array:
    """F = ∇²_φ KL(p_θ‖p_φ) at φ = θ as a matrix, for few parameters.

    Rows and columns run over the leaves of params in the order of ``jax.tree.leaves``, each flattened.

    Args:
        divergence: (params_p, params_q) ↦ KL(p‖q), one number, as for ``fisher_vector_product``.
        params: θ, a pytree of floating-point arrays, n numbers in all.

    Returns:
        The information matrix, [n, n], symmetric.

    Example:
        >>> import kljax
        >>> from kljax import geometry
        >>> from kljax.families import Normal
        >>> print(geometry.fisher(kljax.kl, Normal(0.0, 2.0)))  # 1/σ² and 2/σ²
        [[0.25 0.  ]
         [0.   0.5 ]]

    References:
        Kullback (1959), "Information theory and statistics", section 2.6; Amari and Nagaoka, "Methods of Information
        Geometry" (2000), section 2.2.
    """
    callable_divergence(divergence)
    params = in_one_dtype("params", params)
    return dense(jax.linearize(slope_at(divergence, params), params)[1], params)


def slope_at(divergence: Divergence, params: Any, *rest: Any) -> Callable[[Any], Any]:
    """φ ↦ ∇_φ D(p_θ‖p_φ), θ held."""
    return jax.grad(lambda other: one_number(divergence(params, other, *rest)))


def dense(product: Callable[[Any], Any], params: Any) -> jax.Array:
    """The matrix of a symmetric linear map on pytrees like ``params``."""
    ravel, unravel = vector_space(params)
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    rows = jax.vmap(lambda row: ravel(product(unravel(row))))(jnp.eye(size, dtype=jax.tree.leaves(params)[0].dtype))
    return 0.5 * (rows + rows.T)
