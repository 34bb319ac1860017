"""The sums over a row that an f-divergence's value and gradients take, and the gradients from them, piece by piece."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax.generators import Generator
from kljax.generators._masses import masses as form_masses
from kljax.generators._record import Power, summand, weighted_slopes

Totals = dict[str, jax.Array]
Masses = tuple[jax.Array, jax.Array, jax.Array]  # p, q and log(p/q) of a piece


def terms(generator: Generator, masses: Masses, power: Power) -> Totals:
    """Outcome by outcome, the value and what the gradients sum to."""
    in_p, in_q = weighted_slopes(generator, *masses, power)
    found = {"value": summand(generator, *masses, power), "in_p": in_p, "in_q": in_q}
    return found | _tails(generator, *masses, power)


def totals(generator: Generator, masses: Masses, power: Power) -> Totals:
    """A piece's part of the sums, each of shape [..., 1]."""
    return {name: x.sum(-1, keepdims=True) for name, x in terms(generator, masses, power).items()}


def none_yet(generator: Generator, like: jax.Array) -> Totals:
    """Zeros in place of the sums."""
    one = jax.ShapeDtypeStruct((1,), like.dtype)
    names = jax.eval_shape(lambda *x: terms(generator, x, lambda order: x[0]), one, one, one)
    return {name: jnp.zeros_like(like) for name in names}


def _tails(generator: Generator, p: Any, q: Any, r: Any, power: Power) -> Totals:
    """What a bounded slope lacks of its bound, with its sign; see ``slopes_of_rows``."""
    forms = generator.by_mass
    if forms is None or (forms.tail_p is None and forms.tail_q is None):
        return {}
    operands = form_masses(p, q, jnp.where(jnp.isinf(r), 0.0, r), power)
    found = {}
    if forms.tail_p is not None:
        tail = jnp.where(r == -jnp.inf, 0.0, forms.tail_p(operands, *generator.parameters))
        found["tail_p"] = jnp.where(r == jnp.inf, 0.0, -tail)
    if forms.tail_q is not None:
        tail = jnp.where(r == jnp.inf, 0.0, forms.tail_q(operands, *generator.parameters))
        found["tail_q"] = jnp.where(r == -jnp.inf, 0.0, -tail)
    return found


def gradients(generator: Generator, sums: Totals, masses: Masses, power: Power) -> tuple[jax.Array, jax.Array]:
    """The gradients in a piece's logits, from the sums over the whole row."""
    slopes = weighted_slopes(generator, *masses, power)
    tails = _tails(generator, *masses, power)
    found = []
    for side, mass, slope, bound in zip(
        "pq", masses[:2], slopes, (generator.at_infinity, generator.at_zero), strict=True
    ):
        total = sums[f"in_{side}"]
        if f"tail_{side}" in tails:
            apart = total > 0.5 * jnp.asarray(bound, mass.dtype)
            slope = jnp.where(apart, tails[f"tail_{side}"], slope)
            total = jnp.where(apart, sums[f"tail_{side}"], total)
        found.append(slope - mass * total)
    return found[0], found[1]
