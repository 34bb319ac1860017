"""Coefficients of a KL penalty that follow the KL observed: records of numbers, and pure functions that step them."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _records
from kljax._names import advised


@_records.comparable
@dataclasses.dataclass(frozen=True, eq=False)
class AdaptiveKL:
    """A proportional controller of the coefficient of a KL penalty; step it with ``adaptive_kl_step``.

    Attributes:
        coefficient: β, what KL is multiplied by in the loss.
        target: The KL to be kept, in nats, in the same units as what is observed: a token, or a sequence.
        gain: By what factor a relative error of 1 changes β in a step.
        limit: The largest relative error that counts, in either direction.
    """

    coefficient: ArrayLike
    target: ArrayLike
    gain: ArrayLike = 0.1
    limit: ArrayLike = 0.2


@_records.comparable
@dataclasses.dataclass(frozen=True, eq=False)
class DualKL:
    """The dual variable λ of the constraint KL ≤ target; step it with ``dual_kl_step``.

    Attributes:
        log_coefficient: log λ, so that λ = exp(log_coefficient) stays positive.
        target: The bound on KL, in nats.
        rate: The step size of log λ, per nat.
        limit: The largest change of log λ in a step.
    """

    log_coefficient: ArrayLike
    target: ArrayLike
    rate: ArrayLike = 0.1
    limit: ArrayLike = 1.0

    @property
    def coefficient(self) -> jax.Array:
        """λ, what KL is multiplied by in the loss."""
        return jnp.exp(jnp.asarray(self.log_coefficient))


jax.tree_util.register_dataclass(AdaptiveKL, data_fields=["coefficient", "target", "gain", "limit"], meta_fields=[])
jax.tree_util.register_dataclass(DualKL, data_fields=["log_coefficient", "target", "rate", "limit"], meta_fields=[])
for _kind in (AdaptiveKL, DualKL):
    _records.exported(_kind)


def _observed(value: ArrayLike) -> jax.Array:
    array = _checks.floating("observed", value)
    if array.shape != ():
        raise ValueError(f"observed must be one number, such as a mean over the batch; got shape {array.shape}.")
    return jax.lax.stop_gradient(array)


def _number(name: str, value: ArrayLike, like: jax.Array, *, positive: bool) -> jax.Array:
    """A field as an array of the observation's dtype; a Python number must be in its range."""
    _checks.number(name, value, low=0.0 if positive else -float("inf"), open_low=positive)
    return _checks.scalar(name, value).astype(like.dtype)


@advised
def adaptive_kl_step(controller: AdaptiveKL, observed: ArrayLike) -> AdaptiveKL:
    """β ← β (1 + gain · clip(observed/target - 1, ±limit)), the controller after a step.

    Args:
        controller: The controller before it.
        observed: The KL of this step, one number in nats; inf counts as the limit, and NaN changes nothing.

    Returns:
        The controller with the new coefficient; nothing else changes.

    Example:
        >>> from kljax import montecarlo
        >>> controller = montecarlo.AdaptiveKL(coefficient=0.2, target=6.0)
        >>> print(montecarlo.adaptive_kl_step(controller, 12.0).coefficient)
        0.204

    References:
        Ziegler et al. (2019), "Fine-tuning language models from human preferences", section 2.2.
    """
    _checks.instance("controller", controller, AdaptiveKL, "an AdaptiveKL")
    kl = _observed(observed)
    beta, target, gain, limit = (
        _number(name, getattr(controller, name), kl, positive=True)
        for name in ("coefficient", "target", "gain", "limit")
    )
    error = jnp.where(jnp.isnan(kl), 0.0, jnp.clip((kl - target) / target, -limit, limit))
    return dataclasses.replace(controller, coefficient=beta * (1.0 + gain * error))


@advised
def dual_kl_step(dual: DualKL, observed: ArrayLike) -> DualKL:
    """log λ ← log λ + clip(rate · (observed - target), ±limit): ascent on the dual of the constraint KL ≤ target.

    With λ = ``dual.coefficient`` held fixed in the loss, ``objective + λ KL`` is what the parameters descend on. λ
    grows while KL is above its target and decays to zero while it stays below; a fixed point has KL = target.

    Args:
        dual: The dual variable before the step.
        observed: The KL of this step, one number in nats; inf counts as the limit, and NaN changes nothing.

    Returns:
        The dual variable with the new ``log_coefficient``; nothing else changes.

    Example:
        >>> from kljax import montecarlo
        >>> dual = montecarlo.DualKL(log_coefficient=0.0, target=0.5)
        >>> print(montecarlo.dual_kl_step(dual, 1.5).coefficient)
        1.105171

    References:
        Kivinen & Warmuth (1997), "Exponentiated gradient versus gradient descent for linear predictors"; Abdolmaleki et
        al. (2018), "Maximum a posteriori policy optimisation" (the dual of a KL constraint).
    """
    _checks.instance("dual", dual, DualKL, "a DualKL")
    kl = _observed(observed)
    target, rate, limit = (
        _number(name, getattr(dual, name), kl, positive=True) for name in ("target", "rate", "limit")
    )
    log_coefficient = _number("log_coefficient", dual.log_coefficient, kl, positive=False)
    move = jnp.where(jnp.isnan(kl), 0.0, jnp.clip(rate * (kl - target), -limit, limit))
    return dataclasses.replace(dual, log_coefficient=log_coefficient + move)
