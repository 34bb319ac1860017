"""What a divergence is to rows that come in pieces: statistics that join, sums, and the gradient in a piece's logits.

Whole rows go to the kernels that serve ``kljax.logits``. Pieces of rows go one after another, or one on each device:

pieces ─part, merge─▶ statistics of the rows ─terms, sum─▶ value and gradient in the logits of a piece
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from kljax._kernels import parts, powers, shannon, sums, totals
from kljax._kernels.blocks import single_or_double
from kljax._kernels.rows import Rows, exp_of_sum, less, log_ratio, masses, power_exponent, power_of_rows
from kljax._special.elementwise import log1p
from kljax.generators import Generator, kl
from kljax.generators._internal import mass_gap, parameter_tangent, summand

Logits = tuple[jax.Array, ...]


@dataclasses.dataclass(frozen=True)
class Functional:
    """A number for each row of one or two heads' logits; ``given`` holds what else it depends on.

    Attributes:
        rows: (given, labels, *logits) ↦ [T], of whole rows, with the kernels' derivative rules.
        part: (given, mark, *logits) ↦ statistics of a piece, where ``mark`` says which logits are the labels'.
        empty: zeros ↦ statistics of no outcome.
        merge: The statistics of two pieces.
        across: (statistics, axis_name) ↦ those of all devices' pieces.
        value: (given, statistics, sums) ↦ [T, 1].
        gradient: (given, mark, statistics, sums, *logits) ↦ the gradients in a piece's logits.
        logs: statistics ↦ the heads' log-partitions, each [T, 1].
        in_given: (given, its tangent, statistics, *logits) ↦ the tangent of a piece's sum, where there is one.
        terms: (given, statistics, *logits) ↦ a piece's sums over its outcomes, each [T, 1]; ``None`` if none needed.
    """

    rows: Callable[..., jax.Array]
    part: Callable[..., Any]
    empty: Callable[..., Any]
    merge: Callable[..., Any]
    across: Callable[..., Any]
    value: Callable[..., jax.Array]
    gradient: Callable[..., Logits]
    logs: Callable[..., Logits]
    terms: Callable[..., Any] | None = None
    in_given: Callable[..., jax.Array] | None = None
    balanced: bool = True  # whether the gradients sum to zero over a row

    @property
    def passes(self) -> int:
        """How often the logits are formed for the value."""
        return 1 if self.terms is None else 2


def _pair_logs(found: parts.Parts) -> Logits:
    _, rows = parts.finish(found)
    logs = rows.top_p + jnp.log(rows.norm_p), rows.top_q + jnp.log(rows.norm_q)
    return tuple(_or_none(top, log) for top, log in zip((found.top_p, found.top_q), logs, strict=True))


def _or_none(top: jax.Array, log_partition: jax.Array) -> jax.Array:
    """The log-partition; -∞ of a row that has no outcome."""
    return jnp.where(top == -jnp.inf, -jnp.inf, log_partition)


def _level_log(found: parts.Level) -> jax.Array:
    return _or_none(found.top, found.top + _log_norm(found))


_PAIR: dict[str, Any] = {
    "part": lambda given, mark, a, b: parts.of_part(a, b),
    "empty": parts.nothing,
    "merge": parts.merge,
    "across": parts.across,
    "logs": _pair_logs,
}
_SINGLE: dict[str, Any] = {
    "part": lambda given, mark, a: parts.level_of_part(a, mark),
    "empty": parts.no_level,
    "merge": parts.merge_levels,
    "across": parts.levels_across,
    "logs": lambda found: (_level_log(found),),
}


def _total(x: jax.Array) -> jax.Array:
    return x.sum(-1, keepdims=True)


def _masses(found: parts.Parts, a: jax.Array, b: jax.Array) -> tuple[Rows, tuple[jax.Array, jax.Array, jax.Array]]:
    _, rows = parts.finish(found)
    return rows, masses(a, b, None, rows)


# --- Kullback and Leibler's, in one pass ------------------------------------------------------------------


def _kl_gradient(given, mark, found, _, a, b):
    # ∂/∂a = p (r - Σ p r), ∂/∂b = q - p, both over the outcomes that q has.
    rows, (p, q, r) = _masses(found, a, b)
    lost = r == jnp.inf
    mean = parts.shared_slope(found, rows)
    # Where q misses nothing, from a - b and its mean, which keep the digits of an outcome with nearly all of p.
    about_mean = log_ratio(a, b, rows._replace(shift=found.center, shift_tail=found.drift), None)
    level = jnp.where(found.missed > 0.0, jnp.where(lost, 0.0, r) - mean, about_mean)
    level = jnp.where(jnp.isinf(r), -mean, level)
    missing = found.missed / rows.norm_p  # Σ (q - p) over the outcomes that q has
    in_p = p * level
    return in_p, jnp.where(lost, 0.0, mass_gap(p, q, r)) - q * missing


KL = Functional(
    rows=lambda given, labels, a, b: sums.f_divergence(kl, a, b, None),
    value=lambda given, found, _: parts.finish(found)[0],
    gradient=_kl_gradient,
    **_PAIR,
)


# --- every f-divergence ---------------------------------------------------------------------------------------


def _f_terms(generator: Generator, found: parts.Parts, a: jax.Array, b: jax.Array) -> totals.Totals:
    rows, mass = _masses(found, a, b)
    return totals.totals(generator, mass, power_of_rows(a, b, rows, None, *mass))


def _f_gradient(generator, mark, found, sums_, a, b):
    rows, mass = _masses(found, a, b)
    power = power_of_rows(a, b, rows, None, *mass)
    return tuple(totals.gradient(generator, side, sums_, mass, power) for side in "pq")


def _f_in_given(generator: Generator, moved: Generator, found: parts.Parts, a: jax.Array, b: jax.Array) -> jax.Array:
    return _total(parameter_tangent(generator, moved, *_masses(found, a, b)[1]))


F_DIVERGENCE = Functional(
    rows=lambda generator, labels, a, b: sums.f_divergence(generator, a, b, None),
    terms=_f_terms,
    value=lambda generator, found, sums_: sums_["value"],
    gradient=_f_gradient,
    in_given=_f_in_given,
    **_PAIR,
)


# --- Rényi's ---------------------------------------------------------------------------------------------------


class _Tilted(NamedTuple):
    """The statistics of two rows, and the largest of α a + (1 - α) b."""

    parts: parts.Parts
    top: jax.Array


def _renyi_part(generator: Generator, mark: None, a: jax.Array, b: jax.Array) -> _Tilted:
    (order,) = powers.capped(generator, single_or_double(a)).parameters
    absent = (a == -jnp.inf) | (b == -jnp.inf)
    tilt = order * jnp.where(absent, 0.0, a) + (1.0 - order) * jnp.where(absent, 0.0, b)
    return _Tilted(parts.of_part(a, b), jnp.where(absent, -jnp.inf, tilt).max(-1, keepdims=True))


def _renyi_masses(generator: Generator, found: _Tilted, a: jax.Array, b: jax.Array) -> tuple[Any, ...]:
    """(log pᵅq¹⁻ᵅ of the outcome that has most of it, about; pᵅq¹⁻ᵅ over that; (p, q, r); their powers)."""
    (order,) = powers.capped(generator, single_or_double(a)).parameters
    rows, mass = _masses(found.parts, a, b)
    top = found.top - order * rows.top_p - (1.0 - order) * rows.top_q
    top = jnp.where(found.top == -jnp.inf, 0.0, top)
    tilted = exp_of_sum(*less(*power_exponent(order, a, b, rows, None), top))
    level = top - (order * jnp.log(rows.norm_p) + (1.0 - order) * jnp.log(rows.norm_q))
    return level, tilted, mass, power_of_rows(a, b, rows, None, *mass)


def _renyi_terms(generator: Generator, found: _Tilted, a: jax.Array, b: jax.Array) -> dict[str, jax.Array]:
    _, tilted, (p, q, r), power = _renyi_masses(generator, found, a, b)
    divergence = summand(powers.capped(generator, p), p, q, r, power)
    return {"divergence": _total(divergence), "mass": _total(tilted)}


def _renyi_value(generator: Generator, found: _Tilted, sums_: dict[str, jax.Array]) -> jax.Array:
    (order,) = powers.capped(generator, found.top).parameters
    _, rows = parts.finish(found.parts)
    top = found.top - order * rows.top_p - (1.0 - order) * rows.top_q
    top = jnp.where(found.top == -jnp.inf, 0.0, top)
    log_sum = jnp.log(sums_["mass"]) + top - (order * jnp.log(rows.norm_p) + (1.0 - order) * jnp.log(rows.norm_q))
    infinite = (found.parts.missed > 0.0) & (jnp.asarray(order) >= 1.0) & ~jnp.isnan(log_sum)
    return powers.log_of_divergence(order, sums_["divergence"], jnp.where(infinite, jnp.inf, log_sum))


def _renyi_gradient(generator, mark, found, sums_, a, b):
    _, tilted, (p, q, r), _ = _renyi_masses(generator, found, a, b)
    value = _renyi_value(generator, found, sums_)[..., 0]
    share = tilted / jnp.where(sums_["mass"] > 0.0, sums_["mass"], 1.0)
    return powers.loose_slopes(powers.capped(generator, p).parameters[0], value, p, q, r, share)


RENYI = Functional(
    rows=lambda generator, labels, a, b: powers.renyi(generator, a, b, None),
    **{
        **_PAIR,
        "part": _renyi_part,
        "empty": lambda zero: _Tilted(parts.nothing(zero), zero - jnp.inf),
        "merge": lambda x, y: _Tilted(parts.merge(x.parts, y.parts), jnp.maximum(x.top, y.top)),
        "across": lambda x, name: _Tilted(parts.across(x.parts, name), parts.largest_across(name, x.top)),
        "logs": lambda x: _pair_logs(x.parts),
    },
    terms=_renyi_terms,
    value=_renyi_value,
    gradient=_renyi_gradient,
)


# --- entropies -------------------------------------------------------------------------------------------------


def _cross_terms(given: None, found: parts.Parts, a: jax.Array, b: jax.Array) -> dict[str, jax.Array]:
    rows, (p, _, r) = _masses(found, a, b)
    return {"value": _total(_paid(rows, p, r, b))}


def _paid(rows: Rows, p: jax.Array, r: jax.Array, b: jax.Array) -> jax.Array:
    """-p log q; ∞ where q misses an outcome of p."""
    absent = b == -jnp.inf
    log_q = (jnp.where(absent, rows.top_q, b) - rows.top_q) - jnp.log(rows.norm_q)
    return jnp.where(r == jnp.inf, jnp.inf, jnp.where(absent, 0.0, -p * log_q))


def _cross_gradient(given, mark, found, sums_, a, b):
    rows, (p, q, r) = _masses(found, a, b)
    lost = r == jnp.inf
    total = jnp.where(jnp.isinf(sums_["value"]), 0.0, sums_["value"])
    in_p = jnp.where(lost, 0.0, _paid(rows, p, jnp.where(lost, 0.0, r), b)) - p * total
    missing = found.missed / rows.norm_p
    return jnp.where(jnp.isinf(sums_["value"]), 0.0, in_p), jnp.where(lost, 0.0, mass_gap(p, q, r)) - q * missing


CROSS_ENTROPY = Functional(
    rows=lambda given, labels, a, b: shannon.cross_entropy(a, b, None),
    terms=_cross_terms,
    value=lambda given, found, sums_: sums_["value"],
    gradient=_cross_gradient,
    **_PAIR,
)


def _log_norm(found: parts.Level) -> jax.Array:
    """log Σ exp(a - top), NaN for a row that is no distribution."""
    return log1p(found.others) + (found.top - found.top)


def _log_p(found: parts.Level, a: jax.Array) -> jax.Array:
    return (a - found.top) - _log_norm(found)


def _entropy_gradient(given, mark, found, _, a):
    value = _entropy_value(given, found, _)
    log_p = _log_p(found, a)
    return (jnp.where(log_p == -jnp.inf, 0.0, -jnp.exp(log_p) * (jnp.where(log_p == -jnp.inf, 0.0, log_p) + value)),)


def _entropy_value(given: None, found: parts.Level, _: Any) -> jax.Array:
    return _log_norm(found) + found.depth / (1.0 + found.others)


ENTROPY = Functional(
    rows=lambda given, labels, a: shannon.entropy(a, None), value=_entropy_value, gradient=_entropy_gradient, **_SINGLE
)


def _label_gradient(given, mark, found, _, a):
    # p - 1[y]; where the label is the largest outcome, 1 - p is the share of the others.
    p = jnp.exp(_log_p(found, a))
    rest = jnp.where(a == found.top, found.others / (1.0 + found.others), 1.0 - p)
    return (jnp.where(found.chosen == -jnp.inf, 0.0, jnp.where(mark, -rest, p)),)


LABELS = Functional(
    rows=lambda given, labels, a: shannon.label_cost(a, labels),
    value=lambda given, found, _: (found.top - found.chosen) + _log_norm(found),
    gradient=_label_gradient,
    **_SINGLE,
)

LOG_PARTITION = Functional(
    rows=lambda given, labels, a: logsumexp(a, axis=-1),
    value=lambda given, found, _: _level_log(found),
    gradient=lambda given, mark, found, _, a: (jnp.exp(_log_p(found, a)),),
    balanced=False,
    **_SINGLE,
)
