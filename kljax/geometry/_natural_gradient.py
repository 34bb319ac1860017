"""The natural gradient, as an optax transformation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg
from jax.typing import ArrayLike

from kljax.geometry import _fisher
from kljax.geometry._parameters import (
    Divergence,
    callable_divergence,
    count,
    in_one_dtype,
    like,
    needed,
    norm,
    options,
    vector_space,
)

if TYPE_CHECKING:
    import optax  # imported where a step is made, so that all else works without it


class NaturalGradientState(NamedTuple):
    """What the last step was like.

    Attributes:
        decrement: gᵀ(F + λ)⁻¹g for the gradient g, twice what a full step promises to gain; () in nats if the
            objective is.
        residual: ‖(F + λ)x - g‖/‖g‖ of the solution x, ().
    """

    decrement: jax.Array
    residual: jax.Array


def natural_gradient(
    divergence: Divergence,
    *,
    damping: ArrayLike = 0.0,
    solver: Literal["cg", "dense"] = "cg",
    max_steps: int = 100,
    tolerance: float = 1e-5,
) -> optax.GradientTransformationExtraArgs:
    """(F + λ)⁻¹ g, the direction in which the objective changes most for each nat that the distribution moves.

    F is the Fisher information of ``divergence`` at the current parameters, λ the damping. To first order a step does
    not depend on how the distribution is parametrised. The transformation returns the direction, not a step: end the
    chain with ``optax.scale(-rate)``, and with ``trust_region`` where a step must not go too far.

    Where F is singular, as for logits, of which a constant may be added to all, and λ = 0, the equation is solved in
    the least-squares sense; conjugate gradients leave directions alone that F does not see, as long as g has no part
    in them.

    ``update`` takes ``divergence_args``, a tuple of further arguments for the divergence (a minibatch, say), which
    keeps the function itself the same on every step.

    Args:
        divergence: (params_p, params_q, *divergence_args) ↦ KL(p‖q), one number, as for ``fisher_vector_product``.
        damping: λ ≥ 0, a number; it makes steps shorter where the information is small.
        solver: "cg", conjugate gradients with products F v, for any number of parameters; "dense" forms F and
            decomposes it, for up to some hundred parameters, and is exact also where conjugate gradients are slow.
        max_steps: How many products F v conjugate gradients may use, at least 1.
        tolerance: Conjugate gradients stop where the residual is this small relative to g.

    Returns:
        The optax transformation; its state is a ``NaturalGradientState``.

    Raises:
        ValueError: In ``update``, without params.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import optax
        >>> import kljax
        >>> from kljax import geometry
        >>> from kljax.families import Gamma
        >>> def record(log_params):
        ...     return Gamma(jnp.exp(log_params[0]), jnp.exp(log_params[1]))
        >>> def objective(log_params):
        ...     return kljax.kl(Gamma(3.0, 2.0), record(log_params))
        >>> optimizer = optax.chain(
        ...     geometry.natural_gradient(lambda p, q: kljax.kl(record(p), record(q))), optax.scale(-1.0)
        ... )
        >>> @jax.jit
        ... def step(params, state):
        ...     updates, state = optimizer.update(jax.grad(objective)(params), state, params)
        ...     return optax.apply_updates(params, updates), state
        >>> params = jnp.zeros(2)
        >>> state = optimizer.init(params)
        >>> for _ in range(8):
        ...     params, state = step(params, state)
        >>> print(jnp.exp(params).round(4))
        [3. 2.]

    References:
        Amari (1998), "Natural gradient works efficiently in learning"; Martens (2010), "Deep learning via Hessian-free
        optimization".
    """
    callable_divergence(divergence)
    options(damping=(damping, False), tolerance=(tolerance, False))
    count("max_steps", max_steps)
    if solver not in ("cg", "dense"):
        raise ValueError(f"solver must be 'cg' or 'dense'; got {solver!r}.")

    def init(params: Any) -> NaturalGradientState:
        nothing = jnp.zeros((), jax.tree.leaves(in_one_dtype("params", params))[0].dtype)
        return NaturalGradientState(nothing, nothing)

    def update(
        updates: Any,
        state: NaturalGradientState,
        params: Any = None,
        *,
        divergence_args: tuple[Any, ...] = (),
        **_: Any,
    ) -> tuple[Any, NaturalGradientState]:
        del state
        needed(params)
        at = in_one_dtype("params", params)
        gradient = like("updates", updates, at)
        product = _damped(jax.linearize(_fisher.slope_at(divergence, at, *divergence_args), at)[1], damping)
        if solver == "cg":
            found, _info = cg(product, gradient, tol=tolerance, maxiter=max_steps)
        else:
            found = _solve(product, gradient)
        left = jax.tree.map(lambda a, b: a - b, gradient, product(found))
        size = norm(gradient)
        gain = sum((a * b).sum() for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(found), strict=True))
        residual = norm(left) / jnp.where(size > 0.0, size, 1.0)
        typed = jax.tree.map(lambda one, given: one.astype(jnp.asarray(given).dtype), found, updates)
        return typed, NaturalGradientState(jnp.asarray(gain), residual)

    import optax

    return optax.GradientTransformationExtraArgs(init, update)


def _damped(product: Callable[[Any], Any], damping: ArrayLike) -> Callable[[Any], Any]:
    def damped(vector: Any) -> Any:
        return jax.tree.map(lambda a, b: a + jnp.asarray(damping, b.dtype) * b, product(vector), vector)

    return damped


def _solve(product: Callable[[Any], Any], gradient: Any) -> Any:
    """F⁺g; the matrix is scaled to a diagonal of ones first, so that units of the parameters do not matter."""
    ravel, unravel = vector_space(gradient)
    matrix = _fisher.dense(product, gradient)
    diagonal = jnp.diagonal(matrix)
    unit = jnp.where(diagonal > 0.0, jnp.sqrt(jnp.where(diagonal > 0.0, diagonal, 1.0)), 1.0)
    values, vectors = jnp.linalg.eigh(matrix / unit[:, None] / unit[None, :])
    # Rounding leaves an eigenvalue of this size where there is none.
    seen = values > 4.0 * len(values) * jnp.finfo(values.dtype).eps
    inverse = jnp.where(seen, 1.0 / jnp.where(seen, values, 1.0), 0.0)
    return unravel(vectors @ (inverse * (vectors.T @ (ravel(gradient) / unit))) / unit)
