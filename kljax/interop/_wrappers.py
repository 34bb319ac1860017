"""What wraps other distributions in any of the packages: the record of the inner one, wrapped in ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kljax import families, interop
from kljax.families._internal import batch_shape, broadcast, expanded, filled, free, parameters, static
from kljax.interop._conversions import Row, number


def inner(value: Any) -> Any:
    """The record of a distribution inside another."""
    record = interop.convert(value)
    if record is None:
        raise NotImplementedError(f"{type(value).__name__} inside another distribution is none of a known package.")
    return record


def independent(base: str, ndims: str) -> Row:
    """Batch dimensions as dimensions of a draw."""
    return lambda value: families.Independent(inner(getattr(value, base)), int(getattr(value, ndims)))


def mixture(weights: str, components: str) -> Row:
    """A mixture of one family, weighted by a categorical distribution."""

    def make(value: Any) -> Any:
        by = inner(getattr(value, weights))
        given = {"logits": by.logits} if by.probs is None else {"probs": by.probs}
        return families.Mixture(inner(getattr(value, components)), **given)

    return make


def masked(base: str, mask: str) -> Row:
    """A batch that counts only in part."""

    def make(value: Any) -> Any:
        return families.Masked(inner(getattr(value, base)), jnp.asarray(getattr(value, mask), bool))

    return make


def product(parts: str, kind: type) -> Row:
    """A pytree of distributions that do not depend on each other."""

    def make(value: Any) -> Any:
        held = getattr(value, parts)
        leaves: Any
        leaves, structure = jax.tree.flatten(held, is_leaf=lambda one: isinstance(one, kind))
        if not all(isinstance(one, kind) for one in leaves):
            raise NotImplementedError(
                f"{type(value).__name__} has a counterpart in kljax.families only if no part depends on another."
            )
        rebuilt: Any = structure
        return families.Product(rebuilt.unflatten([inner(one) for one in leaves]))

    return make


def is_nonzero(value: Any) -> bool:
    """Whether a number is known not to be zero; of a traced one that is not known."""
    return value is not None and not isinstance(value, jax.core.Tracer) and bool(jnp.any(jnp.asarray(value) != 0.0))


def point(value: Any, loc: Any, ndims: int = 0) -> Any:
    """All the mass at one point, without a tolerance around it."""
    if any(is_nonzero(getattr(value, name, None)) for name in ("atol", "rtol")):
        raise NotImplementedError(f"{type(value).__name__} has a counterpart only with a tolerance of zero.")
    return families.Delta(number(loc), ndims)


def repeated(record: Any, shape: tuple[int, ...]) -> Any:
    """Independent draws of one distribution as one draw of this shape in front."""
    record = filled(record)
    lead = batch_shape(record)
    for _ in shape:
        record = expanded(record, 0)
    return families.Independent(broadcast(record, (*lead, *shape)), len(shape))


def transformed(bijector: Callable[[Any, int], Any], base: str) -> Row:
    """What a bijector of the package makes of a distribution."""

    def make(value: Any) -> Any:
        record = inner(getattr(value, base))
        return families.Transformed(record, bijector(value, len(record.event_shape)))

    return make


@parameters
class WithJacobian:
    """A bijector of TFP or distrax."""

    bijector: Any = free()
    ndims: Any = static(0)

    def forward(self, x: Any) -> jax.Array:
        found: jax.Array = self.bijector.forward(x)
        return found

    def inverse(self, y: Any) -> jax.Array:
        found: jax.Array = self.bijector.inverse(y)
        return found

    def log_det(self, x: Any) -> jax.Array:
        # TFP sums over the dimensions that it is told of, distrax over those that the bijector itself acts on.
        told = {} if type(self.bijector).__module__.startswith("distrax") else {"event_ndims": self.ndims}
        found: jax.Array = self.bijector.forward_log_det_jacobian(x, **told)
        return jnp.broadcast_to(found, jnp.shape(x)[: jnp.ndim(x) - self.ndims]) if told else found


@parameters
class Transforms:
    """A list of transforms of numpyro, in the order in which they are applied."""

    transforms: Any = free()
    ndims: Any = static(0)

    def forward(self, x: Any) -> jax.Array:
        for one in self.transforms:
            x = one(x)
        return jnp.asarray(x)

    def inverse(self, y: Any) -> jax.Array:
        for one in reversed(self.transforms):
            y = one.inv(y)
        return jnp.asarray(y)

    def log_det(self, x: Any) -> jax.Array:
        total: Any = 0.0
        for one in self.transforms:
            y = one(x)
            slope = one.log_abs_det_jacobian(x, y)
            # Each sums over the dimensions that it acts on itself.
            total = total + slope.sum(tuple(range(-(slope.ndim - (jnp.ndim(x) - self.ndims)), 0)))
            x = y
        return jnp.asarray(total)
