"""Independent distributions of different kinds, as one."""

from __future__ import annotations

import functools
import operator
from typing import Any

import jax

from kljax.families._log_draws import draw, log_prob
from kljax.families._quantiles import standard_deviation
from kljax.families._record import batch_shape, family, filled, is_family, tree


@family
class Product:
    """Product(parts): log p(x) = Σ log pᵢ(xᵢ), for a dict, tuple or any pytree of distributions.

    A draw is a pytree of the same structure. Batches of the parts broadcast.

    Example:
        >>> from kljax.families import Normal, Poisson, Product
        >>> p = Product({"height": Normal(0.0, 1.0), "count": Poisson(3.0)})
        >>> print(f"{p.log_prob({'height': 0.5, 'count': 2.0}):.4f}")
        -2.5399
    """

    parts: Any = tree()

    def _check(self) -> None:
        leaves = jax.tree.leaves(self.parts, is_leaf=is_family)
        others = [one for one in leaves if not is_family(one)]
        if others or not leaves:
            raise TypeError(
                "Product: parts must be a pytree of distributions of kljax.families; got "
                f"{type(others[0]).__name__ if others else 'no distribution'}."
            )

    def _map(self, function: Any, *others: Any) -> Any:
        return jax.tree.map(function, self.parts, *others, is_leaf=is_family)

    @property
    def event_shape(self) -> Any:
        """A pytree of the shapes."""
        return self._map(lambda one: one.event_shape)

    def log_prob(self, x: Any) -> jax.Array:
        """Σ log pᵢ(xᵢ), of a pytree x."""
        structure: Any = jax.tree.structure(self.parts, is_leaf=is_family)
        given: Any = jax.tree.structure(x)
        if given != structure:
            raise ValueError(f"Product: x must have the structure of the parts, {structure}; got {given}.")
        return _sum(self._filled()._map(lambda one, at: one.log_prob(at), x))

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> Any:
        """A pytree of draws."""
        structure: Any
        leaves, structure = jax.tree.flatten(self._filled().parts, is_leaf=is_family)
        keys = jax.random.split(key, len(leaves))
        return structure.unflatten([one.sample(each, shape) for one, each in zip(leaves, keys, strict=True)])

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Any:
        structure: Any
        leaves, structure = jax.tree.flatten(self._filled().parts, is_leaf=is_family)
        keys = jax.random.split(key, len(leaves))
        return structure.unflatten([draw(one, each, shape) for one, each in zip(leaves, keys, strict=True)])

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        return _sum(self._filled()._map(log_prob, x))

    @property
    def support(self) -> Any:
        """A pytree of the supports."""
        return self._map(lambda one: one.support)

    @property
    def mode(self) -> Any:
        """A pytree of the modes."""
        return self._filled()._map(lambda one: one.mode)

    stddev = standard_deviation

    def entropy(self) -> jax.Array:
        """The sum of the entropies."""
        return _sum(self._filled()._map(lambda one: one.entropy()))

    @property
    def mean(self) -> Any:
        """A pytree of the means."""
        return self._filled()._map(lambda one: one.mean)

    @property
    def variance(self) -> Any:
        """A pytree of the variances."""
        return self._filled()._map(lambda one: one.variance)

    def _filled(self) -> Product:
        # A part without array parameters has no batch of its own.
        return self if batch_shape(self) == () else filled(self)


def _sum(values: Any) -> jax.Array:
    return functools.reduce(operator.add, jax.tree.leaves(values))
