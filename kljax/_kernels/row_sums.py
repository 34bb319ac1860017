"""The sums over a row that an f-divergence's value and gradients take, and the gradients from them, piece by piece.

    D = Σ P,    ∂D/∂a = s_p − p Σ s_p = t_p − p Σ t_p,    t = s − l p

    P           an outcome's summand q f(p/q)
    s_p, s_q    its slopes in log p and log q
    l           the bound of a slope over its mass, f(0) or f'(∞), where there is one
    t           its tail: where p and q are all but disjoint, s is all but l p, and a multiple of p changes nothing

So a piece's gradient takes Σ s of the whole row, and near the bound Σ t.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax.generators import Generator
from kljax.generators._internal import Power, summand, weighted_slopes
from kljax.generators._internal import masses as form_masses

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


def names(generator: Generator, sides: tuple[str, ...]) -> tuple[str, ...]:
    """The sums that the gradients of these sides, "p" and "q", take."""
    forms = generator.by_mass
    bounded = {"p": forms and forms.tail_p, "q": forms and forms.tail_q}
    tails = tuple(f"tail_{side}" for side in sides if bounded[side] is not None)
    return tuple(f"in_{side}" for side in sides) + tails


def apart(generator: Generator, side: str, total: jax.Array) -> jax.Array:
    """Whether p and q are all but disjoint, so that a side's derivatives lie at their bound; by their sum."""
    bound = generator.at_infinity if side == "p" else generator.at_zero
    return total > 0.5 * jnp.asarray(bound, total.dtype)


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


def gradient(generator: Generator, side: str, sums: Totals, masses: Masses, power: Power) -> jax.Array:
    """The gradient in one side's logits of a piece, from the sums over the whole row."""
    mass, slope = masses["pq".index(side)], weighted_slopes(generator, *masses, power)["pq".index(side)]
    total, tail = sums[f"in_{side}"], _tails(generator, *masses, power).get(f"tail_{side}")
    if tail is not None:
        here = apart(generator, side, total)
        slope, total = jnp.where(here, tail, slope), jnp.where(here, sums[f"tail_{side}"], total)
    return slope - mass * total
