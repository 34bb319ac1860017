"""Steps that move a distribution by no more than a given number of nats.

The search along a step is not that of `kljax._special.roots`: a few evaluations, no slopes, a divergence that need not
rise all the way, and an answer that has been evaluated and fits rather than a root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from kljax.geometry._parameters import (
    Divergence,
    callable_divergence,
    count,
    in_one_dtype,
    needed,
    one_number,
    options,
)

if TYPE_CHECKING:
    import optax  # imported where a step is made, so that all else works without it


class Step(NamedTuple):
    """A step cut to a radius.

    Attributes:
        updates: What to add to the parameters, a pytree like theirs.
        scale: How much of the whole step it is, ().
        divergence: D(p_θ‖p_θ+updates) in nats, ().
    """

    updates: Any
    scale: jax.Array
    divergence: jax.Array


class TrustRegionState(NamedTuple):
    """What the last step was like.

    Attributes:
        scale: How much of the whole step was taken, ().
        divergence: D(p_θ‖p_θ+step) in nats, ().
    """

    scale: jax.Array
    divergence: jax.Array


def restrict_step(
    divergence: Divergence,
    params: Any,
    updates: Any,
    *,
    radius: ArrayLike,
    max_scale: float = 1.0,
    tolerance: float = 0.05,
    max_evaluations: int = 40,
    divergence_args: tuple[Any, ...] = (),
) -> Step:
    """c u with the c ≤ max_scale for which KL(p_θ‖p_θ+cu) is at most the radius, and close to it where c < max_scale.

    The divergence itself is evaluated along the step, not its quadratic model; what is returned has been evaluated.
    Where it is NaN or infinite a step counts as too long. If no step is short enough within ``max_evaluations``,
    c = 0. Along a ray where the divergence rises and falls again, c is one that fits, not necessarily the largest.

    Derivatives go through the updates; c counts as a constant.

    Args:
        divergence: (params_p, params_q, *divergence_args) ↦ KL(p‖q), one number: p is where the step starts, q where
            it ends. Exchange them inside for the other order.
        params: θ, a pytree of floating-point arrays.
        updates: u, as ``optax.apply_updates`` takes it.
        radius: The largest divergence in nats, above 0.
        max_scale: The largest factor; above 1 short steps are lengthened.
        tolerance: A step is long enough at (1 - tolerance) radius.
        max_evaluations: How often the divergence may be evaluated.
        divergence_args: Further arguments for the divergence.

    Returns:
        The ``Step``: the updates, their scale and their divergence.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import geometry, logits
        >>> step = geometry.restrict_step(logits.kl, jnp.zeros(2), jnp.array([4.0, -4.0]), radius=0.01)
        >>> print(bool(0.0095 <= step.divergence <= 0.01))
        True

    References:
        Schulman, Levine, Moritz, Jordan and Abbeel (2015), "Trust region policy optimization", appendix C.
    """
    callable_divergence(divergence)
    _check(radius, max_scale, tolerance, max_evaluations)
    start, whole = lax.stop_gradient((params, updates))
    dtype = jax.tree.leaves(in_one_dtype("params", params))[0].dtype
    in_one_dtype("updates", updates)
    treedef: Any = jax.tree.structure(params)
    if treedef != jax.tree.structure(updates):
        raise ValueError(f"updates must have the structure of params, {treedef}; got {jax.tree.structure(updates)}.")
    limit = jnp.asarray(radius, dtype)
    import optax

    def at(scale: jax.Array) -> jax.Array:
        end = jax.tree.map(_rounded, optax.apply_updates(start, _scaled(scale, whole)))
        value = one_number(divergence(start, end, *divergence_args)).astype(dtype)
        return jnp.where(jnp.isnan(value), jnp.inf, value)

    def search(bracket: _Bracket) -> _Bracket:
        # √KL is nearly proportional to the length of a step; every third time, halve, in case it is not.
        low, high = jnp.sqrt(bracket.inside), jnp.sqrt(bracket.outside)
        share = (jnp.sqrt((1.0 - 0.5 * tolerance) * limit) - low) / jnp.where(high > low, high - low, 1.0)
        halve = jnp.isinf(high) | (bracket.evaluations % 3 == 0)
        share = jnp.where(halve, 0.5, jnp.clip(share, 0.01, 0.99))
        middle = bracket.shorter + share * (bracket.longer - bracket.shorter)
        value = at(middle)
        fits = value <= limit
        return _Bracket(
            jnp.where(fits, middle, bracket.shorter),
            jnp.where(fits, value, bracket.inside),
            jnp.where(fits, bracket.longer, middle),
            jnp.where(fits, bracket.outside, value),
            bracket.evaluations + 1,
        )

    def unfinished(bracket: _Bracket) -> jax.Array:
        short = bracket.inside < (1.0 - tolerance) * limit
        return (bracket.outside > limit) & short & (bracket.evaluations < max_evaluations)

    top = jnp.asarray(max_scale, dtype)
    nothing = jnp.zeros((), dtype)
    found = lax.while_loop(unfinished, search, _Bracket(nothing, nothing, top, at(top), jnp.ones((), jnp.int32)))
    fits = found.outside <= limit  # then the whole step does, and the search has not begun
    scale = jnp.where(fits, top, found.shorter)
    return Step(_scaled(scale, updates), scale, jnp.where(fits, found.outside, found.inside))


class _Bracket(NamedTuple):
    """Two scales, one that fits and one that does not, and the divergences there."""

    shorter: jax.Array
    inside: jax.Array
    longer: jax.Array
    outside: jax.Array
    evaluations: jax.Array


def trust_region(
    divergence: Divergence,
    radius: ArrayLike,
    *,
    max_scale: float = 1.0,
    tolerance: float = 0.05,
    max_evaluations: int = 40,
) -> optax.GradientTransformationExtraArgs:
    """Steps cut so that KL(p_θ‖p_θ+step) ≤ radius, as an optax transformation that stands last in its chain.

    After ``natural_gradient`` and ``optax.scale(-rate)`` it makes the steps of trust-region policy optimisation; after
    any other optimiser it keeps the steps of that one short. ``update`` takes ``divergence_args``, a tuple of further
    arguments for the divergence.

    Args:
        divergence: (params_p, params_q, *divergence_args) ↦ KL(p‖q), one number, as for ``restrict_step``.
        radius: The largest divergence in nats, above 0.
        max_scale: The largest factor; above 1 short steps are lengthened.
        tolerance: A step is long enough at (1 - tolerance) radius.
        max_evaluations: How often the divergence may be evaluated a step.

    Returns:
        The optax transformation; its state is a ``TrustRegionState``.

    Raises:
        ValueError: In ``update``, without params.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import optax
        >>> from kljax import geometry, logits
        >>> optimizer = optax.chain(optax.sgd(1e3), geometry.trust_region(logits.kl, 0.1))
        >>> params = jnp.zeros(3)
        >>> gradient = jax.grad(lambda z: logits.kl(jnp.array([2.0, 0.0, 0.0]), z))(params)
        >>> updates, _ = optimizer.update(gradient, optimizer.init(params), params)
        >>> print(bool(logits.kl(params, params + updates) <= 0.1))
        True

    References:
        Schulman, Levine, Moritz, Jordan and Abbeel (2015), "Trust region policy optimization".
    """
    callable_divergence(divergence)
    _check(radius, max_scale, tolerance, max_evaluations)

    def init(params: Any) -> TrustRegionState:
        nothing = jnp.zeros((), jax.tree.leaves(in_one_dtype("params", params))[0].dtype)
        return TrustRegionState(nothing, nothing)

    def update(
        updates: Any, state: TrustRegionState, params: Any = None, *, divergence_args: tuple[Any, ...] = (), **_: Any
    ) -> tuple[Any, TrustRegionState]:
        del state
        needed(params)
        step = restrict_step(
            divergence,
            params,
            updates,
            radius=radius,
            max_scale=max_scale,
            tolerance=tolerance,
            max_evaluations=max_evaluations,
            divergence_args=divergence_args,
        )
        return step.updates, TrustRegionState(step.scale, step.divergence)

    import optax

    return optax.GradientTransformationExtraArgs(init, update)


def _check(radius: ArrayLike, max_scale: float, tolerance: float, max_evaluations: int) -> None:
    options(radius=(radius, True), max_scale=(max_scale, True), tolerance=(tolerance, True))
    if tolerance >= 1.0:
        raise ValueError(f"tolerance must lie in (0, 1); got {tolerance!r}.")
    count("max_evaluations", max_evaluations)


def _rounded(leaf: jax.Array) -> jax.Array:
    """The rounding that the parameters will get, which a compiler may leave out where it computes in more digits."""
    kind = jnp.finfo(leaf.dtype)
    return lax.reduce_precision(leaf, kind.nexp, kind.nmant)


def _scaled(scale: jax.Array, updates: Any) -> Any:
    def one(update: Any) -> jax.Array:
        array = jnp.asarray(update)
        return (scale * array.astype(scale.dtype)).astype(array.dtype)

    return jax.tree.map(one, updates)
