"""The jitted cores of the verbs: log-densities ─▶ weights and log-ratio at each draw ─generator─▶ summand ─mean─▶."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax import _checks
from kljax._checks import Axis
from kljax._kernels import normalise, statistics
from kljax._kernels.f_divergence import f_divergence
from kljax._types import Rows
from kljax.generators import Generator
from kljax.generators._internal import mass_gap, summand, weighted_slopes
from kljax.montecarlo._draws import Draws, DrawsFrom, prepare, source
from kljax.montecarlo._estimate import Estimate, effective_sample_size, standard_error
from kljax.montecarlo._k1 import K1, Form

ESTIMATORS = ("k1", "k3", "fitted")
NO_FORM = K1()


def evaluate(
    log_p: Rows,
    log_q: Rows,
    generator: Generator,
    estimator: str,
    draws_from: DrawsFrom,
    self_normalized: bool,
    axis: Axis,
    where: Rows | None,
    plain: K1 = NO_FORM,
    parameters: tuple[Any, ...] = (),
    names: tuple[str, ...] = ESTIMATORS,
) -> Estimate:
    """An f-divergence, with the arguments as the caller of a verb gave them."""
    came_from, log_m = source(draws_from)
    option("estimator", estimator, names)
    _checks.instance("self_normalized", self_normalized, bool, "True or False")
    if self_normalized:
        if estimator in ("k2", "fitted"):
            raise ValueError(
                "self_normalized makes the mean of every control variate zero, so that k1, k3 and fitted are the same "
                f'number: leave out estimator, or say "k3"; got {estimator!r}.'
            )
        return _self_normalized(log_p, log_q, log_m, generator, where, came_from=came_from, axis=axis)
    chosen = plain.choose(came_from) if estimator in ("k1", "fitted") else None
    if estimator == "k1" and chosen is None:
        raise ValueError(
            f'estimator="k1" has no form for {generator.name} and draws_from={came_from!r}, because what these draws '
            'cannot see costs infinitely much, or its price is not known; use "k3", or draws from a proposal.'
        )
    return _from_terms(
        log_p, log_q, log_m, generator, where, parameters, came_from=came_from, axis=axis, kind=estimator, plain=chosen
    )


def option(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raises unless ``value`` is one of the names."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(repr(one) for one in allowed)}; got {value!r}.")


def terms_of(generator: Generator, weight_p: jax.Array, weight_q: jax.Array) -> jax.Array:
    """q f(p/q)/m from the log-weights; where it is infinite, or overflows to that, it has no gradient."""
    return in_units(generator.perspective, weight_p, weight_q)


def in_units(form: Callable[..., jax.Array], log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    """A form homogeneous of degree one in p and q, evaluated in units of the larger, where nothing overflows."""
    larger = lax.stop_gradient(jnp.maximum(log_p, log_q))
    larger = jnp.where(jnp.isfinite(larger), larger, 0.0)
    a, b = log_p - larger, log_q - larger
    tried = weighed(lax.stop_gradient(form(a, b)), larger)
    lost = jnp.isinf(tried)
    value = weighed(form(jnp.where(lost, 0.0, a), jnp.where(lost, 0.0, b)), jnp.where(lost, 0.0, larger))
    return jnp.where(lost, tried, value)


def weighed(value: jax.Array, log_weight: jax.Array) -> jax.Array:
    """value · e^{log_weight}, which overflows only where the product does."""
    none = value == 0.0
    half = jnp.exp(0.5 * jnp.where(none, 0.0, log_weight))
    return (value * half) * jnp.where(jnp.isinf(half), jnp.finfo(half.dtype).max, half)


def _plain_terms(generator: Generator, chosen: tuple[Form, bool], parameters: Any, draws: Draws) -> jax.Array:
    form, by_q = chosen
    no_p, no_q = draws.weight_p == -jnp.inf, draws.weight_q == -jnp.inf
    inside = ~no_p & ~no_q
    weight, r = jnp.where(inside, draws.weight_q if by_q else draws.weight_p, 0.0), draws.log_ratio
    value = _over_weight(lambda r: form(r, *parameters), weight, r)
    # f(0) (1 - q/p) or f'(∞) (1 - p/q) is part of the summand, so that the other end costs both prices.
    prices = jnp.asarray(generator.at_zero, r.dtype) + jnp.asarray(generator.at_infinity, r.dtype)
    mass, only = (draws.weight_q, no_p & ~no_q) if by_q else (draws.weight_p, no_q & ~no_p)
    endless = jnp.isinf(prices)
    cost = jnp.where(endless, jnp.inf, jnp.exp(jnp.where(only, mass, -jnp.inf)) * jnp.where(endless, 0.0, prices))
    return jnp.where(inside, value, jnp.where(only, cost, 0.0))


def _over_weight(form: Callable[..., jax.Array], weight: jax.Array, r: jax.Array) -> jax.Array:
    """form(r) times a weight; what overflows has no gradient."""
    tried = weighed(*lax.stop_gradient((form(r), weight)))
    lost = jnp.isinf(tried)
    return jnp.where(lost, tried, weighed(form(jnp.where(lost, 0.0, r)), jnp.where(lost, 0.0, weight)))


def _half_squares(draws: Draws, weighted: bool) -> jax.Array:
    """½ (log p/q)², with p's weight where the draws are neither p's nor q's."""
    no_p, no_q = draws.weight_p == -jnp.inf, draws.weight_q == -jnp.inf
    if not weighted:
        return jnp.where(no_p == no_q, 0.5 * jnp.square(draws.log_ratio), jnp.inf)
    weight = jnp.where(no_p | no_q, 0.0, draws.weight_p)
    value = _over_weight(lambda r: 0.5 * jnp.square(r), weight, draws.log_ratio)
    return jnp.where(no_q & ~no_p, jnp.inf, value)


@functools.partial(jax.jit, static_argnames=("came_from", "axis", "kind", "plain"))
def _from_terms(log_p, log_q, log_m, generator, where, parameters, *, came_from, axis, kind, plain):
    draws = prepare(log_p, log_q, log_m, where, came_from, axis)
    weights: tuple[jax.Array, ...] = (draws.weight_p, draws.weight_q)
    lost = 1
    if kind == "k1":
        terms = _plain_terms(generator, plain, parameters, draws)
        weights = (weights[1],) if plain[1] else (weights[0],)
    elif kind == "k2":
        terms = _half_squares(draws, came_from == "m")
        weights = weights[:1] if came_from == "m" else ()
    else:
        terms = terms_of(generator, *weights)
    if kind == "fitted":
        if plain is not None:
            # The two differ by a multiple of the control variate; k1's terms stay in range where k3's would overflow,
            # or swallow all others.
            over = (~(lax.stop_gradient(terms) < 4.0) & draws.present).any(-1, keepdims=True)
            terms = jnp.where(over, _plain_terms(generator, plain, parameters, draws), terms)
        terms, lost = _controlled(terms, draws), 2
    value = draws.checked(draws.mean(terms))
    deviations = jnp.where(draws.present, terms - value[..., None], 0.0)
    stderr = standard_error(deviations, value, draws.number, lost)
    return Estimate(value, stderr, effective_sample_size(*weights) if weights else draws.number)


def _controlled(terms: jax.Array, draws: Draws) -> jax.Array:
    """terms + c (p - q)/m, whose second part has mean zero, with the c of least squares; c carries no gradient."""
    usable = (jnp.isfinite(lax.stop_gradient(terms)) | ~draws.present).all(-1, keepdims=True)
    # Where it would overflow, the control variate is lessened by a factor, which its coefficient makes up for.
    top = lax.stop_gradient(jnp.maximum(draws.weight_p, draws.weight_q)).max(-1, keepdims=True)
    limit = 0.5 * math.log(float(jnp.finfo(top.dtype).max))
    shift = jnp.where(top > limit, top - limit, 0.0)
    a, b = (jnp.where(usable, one, -jnp.inf) - shift for one in (draws.weight_p, draws.weight_q))
    inside = (a > -jnp.inf) & (b > -jnp.inf)
    p, q = jnp.exp(a), jnp.exp(b)
    control = jnp.where(inside, -mass_gap(p, q, jnp.where(inside, draws.log_ratio, 0.0)), p - q)
    terms = _without_largest(terms, control, usable, draws)
    h, s = (lax.stop_gradient(jnp.where(usable & draws.present, one, 0.0)) for one in (control, terms))
    size = jnp.abs(h).max(-1, keepdims=True)
    h = h / jnp.where(size > 0.0, size, 1.0)  # its square might underflow
    h, s = (jnp.where(draws.present, one - draws.mean(one)[..., None], 0.0) for one in (h, s))
    variance = (h * h).sum(-1, keepdims=True)
    # At the rounding of equal controls there is nothing to fit.
    eps = float(jnp.finfo(h.dtype).eps)
    flat = variance <= 16.0 * eps * eps * draws.number[..., None]
    slope = -(h * s).sum(-1, keepdims=True) / jnp.where(flat, 1.0, variance)
    slope = jnp.where(flat | (size == 0.0), 0.0, slope / jnp.where(size > 0.0, size, 1.0))
    return terms + slope * control


def _without_largest(terms: jax.Array, control: jax.Array, usable: jax.Array, draws: Draws) -> jax.Array:
    """The terms less the multiple of the control variate that makes the term of the draw it is largest at zero.

    The fit is the same. It takes nearly all of a term far above the others, which would leave only its rounding.
    """
    h = lax.stop_gradient(jnp.where(usable & draws.present, jnp.abs(control), 0.0))
    at = h.argmax(-1, keepdims=True)
    here = lax.broadcasted_iota(at.dtype, h.shape, h.ndim - 1) == at
    top, size = (lax.stop_gradient(jnp.take_along_axis(one, at, -1)) for one in (terms, control))
    far = usable & (jnp.abs(top) >= 4.0) & (size != 0.0)
    less = terms - jnp.where(far, top / jnp.where(far, size, 1.0), 0.0) * control
    less = jnp.where(here, less - lax.stop_gradient(less), less)
    return jnp.where(far, less, terms)


@functools.partial(jax.jit, static_argnames=("came_from", "axis"))
def _self_normalized(log_p, log_q, log_m, generator, where, *, came_from, axis):
    draws, rows = normalised(prepare(log_p, log_q, log_m, where, came_from, axis))
    value = draws.checked(jnp.where(draws.number > 0.0, f_divergence(generator, *rows, None), 0.0))
    # D is a function of the means of p/m, q/m and of the summand. With normalised weights the derivative of D by the
    # weight of a draw is P - p ΣdP/dlog p - q ΣdP/dlog q.
    p, q, r = reweighted(*rows)
    in_p, in_q = weighted_slopes(generator, p, q, r)
    moved = summand(generator, p, q, r) - p * in_p.sum(-1, keepdims=True) - q * in_q.sum(-1, keepdims=True)
    stderr = standard_error(draws.number[..., None] * moved, value, draws.number)
    return Estimate(value, stderr, effective_sample_size(draws.weight_p, draws.weight_q))


def normalised(draws: Draws) -> tuple[Draws, tuple[jax.Array, jax.Array]]:
    """The draws, and their log-weights as rows of logits; where no draw counts the rows are constant."""
    none = (draws.number == 0.0)[..., None]
    return draws, (jnp.where(none, 0.0, draws.weight_p), jnp.where(none, 0.0, draws.weight_q))


def reweighted(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(p, q, log p/q) of two rows of logits, without gradients."""
    a, b = lax.stop_gradient((a, b))
    return normalise(a, b, None, statistics(a, b))
