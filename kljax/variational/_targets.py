"""Targets from elsewhere: a numpyro model, a TFP joint distribution, anything with a log-density of a pytree."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax


def unchanged(latent: Any) -> Any:
    """The latent itself."""
    return latent


@dataclasses.dataclass(frozen=True)
class Target:
    """An unnormalised log-density with an example of what it takes.

    Attributes:
        log_density: The log-density of one latent, which runs over the whole space.
        like: One latent, from which a guide takes its structure: ``full_rank(target.like)``.
        constrain: A latent ↦ the model's own variables, on their own supports.
    """

    log_density: Callable[[Any], Any]
    like: Any
    constrain: Callable[[Any], Any] = unchanged


def from_numpyro(model: Callable[..., Any], *args: Any, key: jax.Array | None = None, **kwargs: Any) -> Target:
    """The posterior of a numpyro model given its arguments, on the unconstrained space.

    Args:
        model: A numpyro model, with its observations passed as arguments or fixed by a handler.
        *args: Positional arguments of the model.
        key: A key by which numpyro looks at the model once; it has no influence on the density.
        **kwargs: Keyword arguments of the model.

    Returns:
        A ``Target``, whose ``like`` is a dictionary of the model's latent sites.

    Raises:
        ImportError: If numpyro is not installed.
        ValueError: If the model has no continuous latent site.

    Example:
        >>> from kljax import variational
        >>> def model(y):
        ...     import numpyro, numpyro.distributions as dist
        ...     mean = numpyro.sample("mean", dist.Normal(0.0, 10.0))
        ...     scale = numpyro.sample("scale", dist.HalfNormal(5.0))
        ...     numpyro.sample("y", dist.Normal(mean, scale), obs=y)
        >>> target = variational.from_numpyro(model, y)  # doctest: +SKIP
        >>> result = variational.fit(target, variational.full_rank(target.like), key=key)  # doctest: +SKIP
    """
    from numpyro.infer.util import initialize_model

    info = initialize_model(jax.random.key(0) if key is None else key, model, model_args=args, model_kwargs=kwargs)
    like = info.param_info.z
    if not like:
        raise ValueError("model must have at least one latent sample site that is continuous; got none.")
    return Target(_Minus(info.potential_fn), like, info.postprocess_fn)


@dataclasses.dataclass(frozen=True)
class _Minus:
    potential: Callable[[Any], Any]

    def __call__(self, latent: Any) -> Any:
        return -self.potential(latent)


def from_joint(joint: Any, **observed: Any) -> Target:
    """The posterior of a joint distribution of TFP on JAX, given some of its variables.

    Args:
        joint: A ``JointDistribution`` of TFP.
        **observed: The variables that are known, by name.

    Returns:
        A ``Target`` on the unconstrained space, with TFP's default bijectors and their Jacobians; its ``constrain``
        gives the variables of the joint distribution.

    Example:
        >>> from kljax import variational
        >>> target = variational.from_joint(joint, y=measured)  # doctest: +SKIP
        >>> result = variational.fit(target, variational.full_rank(target.like), key=key)  # doctest: +SKIP
    """
    if not hasattr(joint, "experimental_pin"):
        raise TypeError(
            f"joint must be a JointDistribution of TFP on JAX; got {type(joint).__name__}. Any function of a pytree is "
            "a target as it is."
        )
    pinned = joint.experimental_pin(**observed)
    bijector = pinned.experimental_default_event_space_bijector()
    shapes = bijector.inverse_event_shape(pinned.event_shape)
    like = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(tuple(shape), jax.numpy.result_type(float)),
        shapes,
        is_leaf=lambda one: hasattr(one, "as_list"),
    )
    ranks = jax.tree.map(lambda leaf: len(leaf.shape), like)

    def log_density(latent: Any) -> jax.Array:
        jacobian = bijector.forward_log_det_jacobian(latent, ranks)
        return pinned.unnormalized_log_prob(bijector.forward(latent)) + jacobian

    return Target(log_density, like, bijector.forward)
