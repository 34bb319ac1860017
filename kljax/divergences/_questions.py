"""The divergences that are answered in their own right: KL, those of generators, Rényi's, Bhattacharyya's, Chernoff's.

Each is a record of what ``_dispatch.answer`` asks for: its names in the table, and what it is over parts, for two rows,
by the supports and by quadrature. All the other verbs on two distributions are made of these.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._prompt import prompt
from kljax.divergences import _quadrature, _structure
from kljax.divergences._degenerate import Limits
from kljax.divergences._dispatch import Question, answer, converted, has_form
from kljax.divergences._forms.exponential_families import LINES, SHARED
from kljax.divergences._forms.lines import summed
from kljax.divergences._forms.outcomes import Rows
from kljax.divergences._forms.renyi_and_chernoff import Found, chernoff, full
from kljax.divergences._forms.trials import f_divergence_of_trials
from kljax.divergences._structure import Parts
from kljax.divergences._verbs import (
    BHATTACHARYYA,
    CHERNOFF_INFORMATION,
    F_DIVERGENCE,
    JEFFREYS,
    KL,
    RENYI,
    Name,
    names_of,
)
from kljax.generators import Generator
from kljax.generators._internal import is_static

_ENDLESS = Limits(0.0, math.inf)  # of what is ∞ for two that have nothing in common

KULLBACK_LEIBLER = Question(
    KL.name,
    (Name(KL),),
    lambda rows: rows.module.kl(rows.p, rows.q),
    (True, False),
    _quadrature.kl,
    _ENDLESS,
)
OVERLAP = Question(
    BHATTACHARYYA.name,
    (Name(BHATTACHARYYA), Name(RENYI, {"order": 0.5}, 0.5)),
    lambda rows: rows.module.bhattacharyya(rows.p, rows.q),
    (False, False),
    _quadrature.bhattacharyya,
    _ENDLESS,
)


def of_order(order: float | jax.Array) -> Question:
    """The question for Rényi's divergence."""
    return Question(
        RENYI.name,
        (Name(RENYI, {"order": order}),),
        lambda rows, order: rows.module.renyi(rows.p, rows.q, order=order),
        (order >= 1.0, False),
        _quadrature.renyi,
        _ENDLESS,
        {"order": order},
    )


# --- f-divergences ------------------------------------------------------------------------------------------


def f_divergence(p: Any, q: Any, generator: Generator) -> jax.Array:
    """The answer for the f-divergence of a generator. That of Jeffreys is a sum, and finds the forms of its terms."""
    p, q = converted(p), converted(q)
    if generator.name == JEFFREYS.name and _is_sum_of_forms(p, q):
        found: jax.Array = answer(KULLBACK_LEIBLER, p, q) + answer(KULLBACK_LEIBLER, q, p)
    else:
        found = answer(_of_generator(generator), p, q)
    return found


def _is_sum_of_forms(p: Any, q: Any) -> bool:
    """Whether there is a form of KL for p and q or for q and p, and none of Jeffreys' divergence itself."""
    if has_form(JEFFREYS, p, q) or has_form(F_DIVERGENCE, p, q):
        return False
    return has_form(KL, p, q) or has_form(KL, q, p)


def _of_generator(generator: Generator) -> Question:
    apart = generator.at_zero + generator.at_infinity
    return Question(
        F_DIVERGENCE.name,
        tuple(names_of(generator)),
        _of_rows,
        (generator.at_infinity == math.inf, generator.at_zero == math.inf),
        _quadrature.f_divergence,
        _ENDLESS if is_static(apart) and apart == math.inf else (0.0, apart),
        {"generator": generator},
        _over_parts,
    )


def _of_rows(rows: Rows, generator: Generator) -> Any:
    if generator.name == KL.name:
        return rows.module.kl(rows.p, rows.q)
    if rows.chances is not None:
        return _of_trials(generator, *rows.chances)
    return rows.module.f_divergence(rows.p, rows.q, generator)


_of_trials = prompt(f_divergence_of_trials)


def _over_parts(parts: Parts, generator: Generator) -> jax.Array:
    of_part = functools.partial(f_divergence, generator=generator)
    return _structure.f_divergence(parts, generator, of_part, lambda p, q, order: answer(of_order(order), p, q))


# --- Chernoff's information ---------------------------------------------------------------------------------


def _one_order(parts: Parts) -> Found | None:
    """One order for all parts, where each pair has a line; what is masked costs nothing."""
    if parts.mask is not None:
        return _structure.shown(parts, answer(BEST_ORDER, *parts.pairs[0]), _CHERNOFF_LIMITS.equal)
    return _of_lines(parts.axes, parts.pairs) if all(_has_line(*pair) for pair in parts.pairs) else None


def _has_line(p: Any, q: Any) -> bool:
    """Whether p and q are known to be of one exponential family."""
    if (type(p), type(q)) not in LINES:
        return False
    holds = SHARED[type(p)](p, q) if type(p) in SHARED else True
    return not isinstance(holds, jax.core.Tracer) and bool(holds)


@functools.partial(prompt, static_argnums=(0,))
def _of_lines(axes: int, pairs: list[tuple[Any, Any]]) -> Found:
    lines = [LINES[type(p), type(q)](p, q) for p, q in pairs]
    for _ in range(axes):
        lines = [summed(one) for one in lines]
    halves = full(pairs[0][0], 0.5)
    return chernoff(lines, jnp.full(halves.shape[: halves.ndim - axes], 0.5, halves.dtype))


_CHERNOFF_LIMITS = Limits((0.0, 0.5), (math.inf, 0.5))  # there no order is better than another
BEST_ORDER = Question(
    CHERNOFF_INFORMATION.name,
    (Name(CHERNOFF_INFORMATION, {"with_order": True}),),
    lambda rows: rows.module.chernoff_information(rows.p, rows.q, with_order=True),
    (False, False),
    _quadrature.chernoff_information,
    _CHERNOFF_LIMITS,
    of_parts=_one_order,
)
