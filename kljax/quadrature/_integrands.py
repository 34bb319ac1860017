"""What is integrated: terms, value · e^exponent, of the log-densities at nodes and the logarithms of their weights.

An integrand is a record, and a pytree of what it is made with. Its terms carry the node's weight. The power of a
divergence stays a logarithm, for it may underflow at every node; the rest is made in units of the answer.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
from jax import lax

from kljax._special.safe import saturated
from kljax.generators import Generator
from kljax.generators._internal import parameter_tangent, summand, weighted_slopes

T = TypeVar("T")


class Terms(NamedTuple):
    """value · e^exponent, each [mains, batch..., nodes...]."""

    value: jax.Array
    exponent: jax.Array


def _operands(log_p: jax.Array, log_q: jax.Array, log_weight: jax.Array) -> tuple[Any, ...]:
    """(p, q, log(p/q), α ↦ pᵅq¹⁻ᵅ) times the weight; the power from the logarithms reaches further than p and q."""
    inside = (log_p > -jnp.inf) & (log_q > -jnp.inf)
    both = (log_p == -jnp.inf) & (log_q == -jnp.inf)
    ratio = jnp.where(both, 0.0, log_p) - jnp.where(both, 0.0, log_q)

    def power(order: Any) -> jax.Array:
        a, b = jnp.where(inside, log_p, 0.0), jnp.where(inside, log_q, 0.0)
        return jnp.where(inside, jnp.exp(order * a + (1.0 - order) * b + log_weight), 0.0)

    return jnp.exp(log_p + log_weight), jnp.exp(log_q + log_weight), ratio, power


@jax.custom_jvp
def _summand(generator: Generator, log_p: jax.Array, log_q: jax.Array, log_weight: jax.Array) -> jax.Array:
    """q f(p/q) times the weight, a constant."""
    operands = _operands(log_p, log_q, log_weight)
    value = summand(generator, *operands)
    # Far out p and q have long underflowed, and a form may find no number there.
    return jnp.where(jnp.isnan(value) & ~jnp.isnan(operands[2]), 0.0, value)


@_summand.defjvp
def _summand_jvp(primals, tangents):
    generator, log_p, log_q, log_weight = primals
    d_generator, d_log_p, d_log_q, _ = tangents
    p, q, r, power = _operands(log_p, log_q, log_weight)
    # What overflows saturates, so that times a cotangent of zero it is zero.
    top = 2.0**-40 * float(jnp.finfo(r.dtype).max)
    in_log_p, in_log_q = (saturated(one, top) for one in weighted_slopes(generator, p, q, r, power))
    tangent = in_log_p * d_log_p + in_log_q * d_log_q + parameter_tangent(generator, d_generator, p, q, r)
    return _summand(generator, log_p, log_q, log_weight), tangent


def _unit(logs: jax.Array, log_weight: jax.Array) -> jax.Array:
    """The logarithm of the unit of a summand: 1, and less where both masses would underflow beside a huge ratio."""
    lift = 0.7 * math.log(float(jnp.finfo(logs.dtype).tiny))
    return lax.stop_gradient(jnp.where(logs.max(0) + log_weight < lift, lift, jnp.zeros_like(log_weight)))


def _slopes(generator: Generator, value: jax.Array, logs: jax.Array, log_weight: jax.Array) -> jax.Array:
    """The derivatives of the summand in log p and in log q, to the accuracy that an error bound needs."""
    # They are p f'(p/q) and, the summand being homogeneous, the rest of it.
    inside = (logs > -jnp.inf).all(0)
    r = jnp.where(inside, logs[0] - logs[1], 0.0)
    in_log_p = jnp.exp(logs[0] + log_weight) * generator.derivative(r, *generator.parameters)
    in_log_p = jnp.where(inside & jnp.isfinite(in_log_p), in_log_p, jnp.where(logs[0] > -jnp.inf, value, 0.0))
    return jnp.stack([in_log_p, value - in_log_p])[None]


@dataclass_transform(frozen_default=True)
def _record(cls: type[T]) -> type[T]:
    made: Any = dataclasses.dataclass(frozen=True)(cls)
    return jax.tree_util.register_dataclass(
        made, data_fields=[f.name for f in dataclasses.fields(made)], meta_fields=[]
    )


@_record
class Divergence:
    """q f(p/q)"""

    generator: Generator

    def terms(self, logs: jax.Array, log_weight: jax.Array, extras: jax.Array) -> Terms:
        """From log-densities [2, …]; ``extras`` are the values of the functions that are averaged, here none."""
        unit = _unit(logs, log_weight)
        return Terms(_summand(self.generator, logs[0], logs[1], log_weight - unit)[None], unit[None])

    def slopes(self, terms: Terms, logs: jax.Array, log_weight: jax.Array) -> jax.Array:
        """The derivatives in the log-densities, [mains, densities, …], in units of e^exponent."""
        return _slopes(self.generator, terms.value[0], logs, log_weight - terms.exponent[0])


@_record
class Power:
    """The α-divergence and pᵅq¹⁻ᵅ, of which Rényi's divergence is made; the latter is ∞ where q is missing, α > 1."""

    generator: Generator

    def terms(self, logs: jax.Array, log_weight: jax.Array, extras: jax.Array) -> Terms:
        """As in ``Divergence``."""
        (order,) = self.generator.parameters
        inside = (logs > -jnp.inf).all(0)
        a, b = jnp.where(inside, logs[0], 0.0), jnp.where(inside, logs[1], 0.0)
        missed = (logs[0] > -jnp.inf) & (logs[1] == -jnp.inf) & (jnp.asarray(order) >= 1.0) & (log_weight > -jnp.inf)
        power = jnp.where(inside, 1.0, jnp.where(missed, jnp.inf, 0.0)).astype(a.dtype)
        # log pᵅq¹⁻ᵅ from whichever end is nearer: far out α log p alone may overflow.
        from_p = jnp.asarray(order) > 0.5
        power_log = jnp.where(from_p, a, b) + jnp.where(from_p, order - 1.0, order) * (a - b)
        exponent = jnp.where(inside, power_log + log_weight, jnp.where(missed, 0.0, -jnp.inf))
        unit = _unit(logs, log_weight)
        value = _summand(self.generator, logs[0], logs[1], log_weight - unit)
        return Terms(jnp.stack([value, power]), jnp.stack([unit, exponent]))

    def slopes(self, terms: Terms, logs: jax.Array, log_weight: jax.Array) -> jax.Array:
        """As in ``Divergence``."""
        (order,) = self.generator.parameters
        one = _slopes(self.generator, terms.value[0], logs, log_weight - terms.exponent[0])
        return jnp.concatenate([one, jnp.stack([order * terms.value[1], (1.0 - order) * terms.value[1]])[None]])


@_record
class CrossEntropy:
    """-p log q"""

    def terms(self, logs: jax.Array, log_weight: jax.Array, extras: jax.Array) -> Terms:
        """As in ``Divergence``."""
        return Terms(jnp.where(logs[0] > -jnp.inf, -logs[1], 0.0)[None], (logs[0] + log_weight)[None])

    def slopes(self, terms: Terms, logs: jax.Array, log_weight: jax.Array) -> jax.Array:
        """As in ``Divergence``."""
        return jnp.stack([terms.value[0], -jnp.ones_like(logs[0])])[None]


@_record
class Entropy:
    """-p log p"""

    def terms(self, logs: jax.Array, log_weight: jax.Array, extras: jax.Array) -> Terms:
        """As in ``Divergence``."""
        return Terms(-jnp.where(logs > -jnp.inf, logs, 0.0), logs + log_weight)

    def slopes(self, terms: Terms, logs: jax.Array, log_weight: jax.Array) -> jax.Array:
        """As in ``Divergence``."""
        return (terms.value - 1.0)[None]


@_record
class Mean:
    """p times a function"""

    def terms(self, logs: jax.Array, log_weight: jax.Array, extras: jax.Array) -> Terms:
        """As in ``Divergence``."""
        exponent = logs + log_weight
        # Far out the function may overflow, where the density has long underflowed.
        present = exponent > 2.0 * math.log(float(jnp.finfo(logs.dtype).tiny))
        return Terms(jnp.where(present, extras, 0.0), exponent)

    def slopes(self, terms: Terms, logs: jax.Array, log_weight: jax.Array) -> jax.Array:
        """As in ``Divergence``."""
        return terms.value[None]
