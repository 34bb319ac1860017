"""Guides made of what the caller has: any distribution of ``kljax.families``, or a sampler and a log-density."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax.families._internal import is_record
from kljax.variational import _draws
from kljax.variational._guides import Guide, Params, nowhere


def family(distribution: Any, *, reparametrised: bool | None = None) -> Guide:
    """All distributions of the type of the given one: its parameters are what is fitted.

    Positive parameters are moved on the scale of their logarithms, probabilities on that of their log-odds. A latent is
    one draw, with the batch shape of the distribution as a part of it; the target must be finite on its support.

    Args:
        distribution: A record of ``kljax.families``, a combinator too (``Independent``, ``Product``); the starts lie
            about it.
        reparametrised: Whether its draws are differentiable in its parameters; looked up by default.

    Returns:
        A ``Guide``.

    Raises:
        ValueError: If a parameter lies on the boundary of where it may lie.

    Example:
        >>> from kljax import families, variational
        >>> variational.family(families.Gamma(2.0, 1.0))
        <guide: Gamma>
    """
    if not is_record(distribution) or not hasattr(distribution, "log_prob"):
        raise TypeError(
            f"distribution must be a record of kljax.families; got {type(distribution).__name__}. For a sampler and a "
            "log-density there is variational.custom."
        )
    centre = _mapped(distribution, _unbounded)
    if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(centre)):
        raise ValueError(f"distribution must have parameters inside their limits, not at them; got {distribution!r}.")

    def begin(source: Any) -> Any:
        leaves, structure = jax.tree.flatten(centre)
        moved = [
            leaf + 0.5 * _draws.normal(_draws.child(source, index), leaf.shape, leaf.dtype)
            for index, leaf in enumerate(leaves)
        ]
        return jax.tree.unflatten(structure, moved)

    def sample(free: Any, key: jax.Array) -> Any:
        return _mapped(free, _bounded).sample(key)

    def log_prob(free: Any, x: Any) -> jax.Array:
        return _mapped(free, _bounded).log_prob(x).sum()

    if reparametrised is None:
        reparametrised = _moves(sample, centre)
    return _from_keys(
        type(distribution).__name__,
        begin,
        sample,
        log_prob,
        reparametrised,
        functools.partial(_beside_the_support, distribution),
    )


def custom(
    params: Any,
    sample: Callable[[Any, jax.Array], Any],
    log_prob: Callable[[Any, Any], jax.Array],
    *,
    reparametrised: bool = True,
    name: str = "guide of your own",
) -> Guide:
    """A guide from a sampler and a log-density.

    Args:
        params: Parameters to start from, any pytree of real arrays.
        sample: (params, key) ↦ one latent.
        log_prob: (params, latent) ↦ its log-density or log-probability, one number.
        reparametrised: Whether its draws are differentiable in its parameters; if not, the gradient is the score
            function's.
        name: What messages call it.

    Returns:
        A ``Guide``. One start is made, at ``params``.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from kljax import variational
        >>> def sample(params, key):
        ...     return params["loc"] + jax.random.normal(key)
        >>> def log_prob(params, x):
        ...     return -0.5 * (x - params["loc"]) ** 2 - 0.5 * jnp.log(2 * jnp.pi)
        >>> variational.custom({"loc": 0.0}, sample, log_prob)
        <guide: guide of your own>
    """
    for what, function in (("sample", sample), ("log_prob", log_prob)):
        if not callable(function):
            raise TypeError(f"{what} must be a function; got {type(function).__name__}.")
    start = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(float)), params)
    return _from_keys(name, lambda _: start, sample, log_prob, reparametrised)


def _from_keys(
    name: str,
    begin: Callable[[Any], Any],
    sample: Callable[[Any, jax.Array], Any],
    log_prob: Callable[[Any, Any], jax.Array],
    reparametrised: bool,
    outside: Callable[[], list[Any]] = nowhere,
) -> Guide:
    """A guide whose base draws are keys."""

    def noise(source: Any, shape: tuple[int, ...]) -> jax.Array:
        return jax.random.split(_draws.as_key(source), shape)

    def push(params: Params, key: jax.Array, _: Any) -> tuple[Any, jax.Array]:
        x = sample(params.free, key)
        x = x if reparametrised else lax.stop_gradient(x)
        return x, log_prob(params.free, x)

    return Guide(
        name=name,
        latent=None,
        begin=begin,
        noise=noise,
        push=push,
        log_prob=lambda params, x: log_prob(params.free, x),
        reparametrised=reparametrised,
        outside=outside,
        advice="full_rank or a flow on the unconstrained space",
    )


def _beside_the_support(distribution: Any) -> list[Any]:
    """Points below and above the support of one variable on the line or the integers."""
    support: Any = getattr(distribution, "support", None)
    if getattr(support, "kind", None) not in ("interval", "integers"):
        return []
    like = distribution.sample(jax.random.key(0))
    ends = [(support.low, -1.0), (support.high, 1.0)]
    return [
        jnp.broadcast_to(jnp.asarray(end + way), like.shape).astype(like.dtype)
        for end, way in ends
        if np.isfinite(np.asarray(end)).all()
    ]


def _mapped(record: Any, change: Callable[[Any, jax.Array], jax.Array]) -> Any:
    """The record with each of its parameters changed, those of records inside it too."""
    new = object.__new__(type(record))
    for field in dataclasses.fields(record):
        value, limits = getattr(record, field.name), field.metadata["parameter"]
        if is_record(value):
            value = _mapped(value, change)
        elif limits.tree:
            value = jax.tree.map(
                lambda leaf: _mapped(leaf, change) if is_record(leaf) else leaf, value, is_leaf=is_record
            )
        elif isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.floating):
            value = change(limits, value)
        object.__setattr__(new, field.name, value)
    return new


def _unbounded(limits: Any, value: jax.Array) -> jax.Array:
    if limits.high == 1.0:
        return jnp.log(value) - jnp.log1p(-value)
    return jnp.log(value) if limits.low == 0.0 else value


def _bounded(limits: Any, value: jax.Array) -> jax.Array:
    if limits.high == 1.0:
        return jax.nn.sigmoid(value)
    return jnp.exp(value) if limits.low == 0.0 else value


def _moves(sample: Callable[[Any, jax.Array], Any], free: Any) -> bool:
    """Whether a draw moves with the parameters."""
    ones = jax.tree.map(jnp.ones_like, free)
    _, moved = jax.jvp(lambda at: sample(at, jax.random.key(0)), (free,), (ones,))
    leaves = [leaf for leaf in jax.tree.leaves(moved) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return bool(leaves) and all(bool((leaf != 0.0).any()) for leaf in leaves)
