"""How a pair of distributions is answered: by a row of the table, or by quadrature."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax import interop
from kljax._prompt import prompt
from kljax.divergences import _atoms, _degenerate, _structure, _supports
from kljax.divergences._forms.kullback_leibler import CONDITIONS, KL
from kljax.divergences._forms.outcomes import tables
from kljax.divergences._forms.trials import f_divergence_of_trials
from kljax.families import Bernoulli
from kljax.families._internal import aligned, batch_shape, dtype_of, is_family
from kljax.families._internal import integrals as _integrals
from kljax.quadrature import Integral, Support
from kljax.quadrature._internal import recipe


def distribution(name: str, value: Any) -> Any:
    """The value itself, if it is a record of ours, else the record of a known package's distribution."""
    if isinstance(value, type) and is_family(value):
        listed = ", ".join(one.name for one in dataclasses.fields(value))
        raise TypeError(f"{name} got the class {value.__name__}. Give it parameters: {value.__name__}({listed}).")
    if is_family(value):
        return value
    record = interop.convert(value)
    if record is None:
        raise TypeError(
            f"{name} must be a distribution of kljax.families, distrax, numpyro, TFP on JAX or scipy.stats; got "
            f"{type(value).__name__}. For two log-densities call kljax.quadrature, for probability vectors kljax.probs "
            "and for logits kljax.logits."
        )
    return record


def pair(p: Any, q: Any) -> tuple[Any, Any]:
    """p and q, their parameters broadcast to one batch, without a bijector that both have."""
    return both(*_structure.bases(distribution("p", p), distribution("q", q)))


def both(p: Any, q: Any) -> tuple[Any, Any]:
    """p and q in their simplest form, their parameters broadcast to one batch."""
    p, q = _structure.simplified(distribution("p", p), distribution("q", q))
    shapes = p.event_shape, q.event_shape
    # A number and a vector may be two names of one thing, as in the row of Beta and Dirichlet, which looks itself.
    if shapes[0] != shapes[1] and (len(shapes[0]) == len(shapes[1]) or (type(p), type(q)) not in KL):
        raise ValueError(
            f"One draw of p and of q must have the same shape; {type(p).__name__} has {shapes[0]} and "
            f"{type(q).__name__} has {shapes[1]}."
        )
    return aligned(p, q)


def kl(p: Any, q: Any) -> jax.Array:
    """KL by the closed form of the pair, else by quadrature."""
    p, q, edge, same = _degenerate.proper(p, q)
    return _degenerate.shown(_kl(p, q), edge, same, jnp.inf)


def _kl(p: Any, q: Any) -> jax.Array:
    kinds = type(p), type(q)
    form = KL.get(kinds)
    if form is None:
        return integrate("kl", p, q)
    holds = CONDITIONS[kinds](p, q) if kinds in CONDITIONS else True
    if isinstance(holds, jax.core.Tracer):
        return jax.lax.cond(holds, lambda: closed(form, p, q), lambda: integrate("kl", p, q))
    return closed(form, p, q) if holds else integrate("kl", p, q)


@functools.partial(prompt, static_argnums=(0,))
def closed(form: Any, p: Any, q: Any) -> jax.Array:
    """A form of two records, compiled."""
    value: jax.Array = form(p, q)
    return value


def integrate(verb: str, p: Any, q: Any, **options: Any) -> jax.Array:
    """The divergence by rows or quadrature, or an error if p and q do not live on the same kind of space."""
    rows = tables(p, q) or _atoms.rows(p, q)
    if verb == "f_divergence" and _has_chances(p) and _has_chances(q):
        return f_divergence_of_trials(options["generator"], p.probs, q.probs)
    if rows is not None:
        module, a, b = rows
        value: jax.Array = getattr(module, verb)(a, b, **options)
        return value
    if p.event_shape or q.event_shape:
        raise NotImplementedError(
            f"{verb} of {type(p).__name__} and {type(q).__name__}: there is no closed form, and quadrature is for one "
            f"variable. Call kljax.estimate(p, q, key=…) for an estimate from draws, with its error bar."
        )
    spaces = p.support, q.support
    if spaces[0].kind != spaces[1].kind:
        raise NotImplementedError(
            f"{verb} of {type(p).__name__} and {type(q).__name__}: one lives on {_named(spaces[0])}, the other on "
            f"{_named(spaces[1])}, so that neither has a density with respect to the other."
        )
    if spaces[0].kind not in _NAMES:
        raise NotImplementedError(
            f"{verb} of {type(p).__name__} and {type(q).__name__}: there is no closed form, and what they take is "
            "neither a real number nor an integer nor an angle. Call kljax.estimate(p, q, key=…) for an estimate."
        )
    missed = _infinite(verb, p, q, options)
    if missed is True:
        return jnp.full(batch_shape(p), jnp.inf, dtype_of(p))
    found = _value(_quadrature(verb, p, q, options))
    return found if missed is False else jnp.where(missed, jnp.inf, found)


def _infinite(verb: str, p: Any, q: Any, options: dict[str, Any]) -> bool | jax.Array:
    """Whether the supports alone make it infinite, where the mass beyond an end may be too small for a node to see."""
    if verb == "kl":
        return _supports.beyond(p, q)
    if verb == "renyi":
        return _both(options["order"] >= 1.0, p, q)
    if verb == "f_divergence":
        generator = options["generator"]
        first = _both(generator.at_infinity == math.inf, p, q)
        second = _both(generator.at_zero == math.inf, q, p)
        return first or second if isinstance(first, bool) else first | second
    return False


def _both(costs: bool | jax.Array, p: Any, q: Any) -> bool | jax.Array:
    """Whether mass of p where q is missing costs ∞, and there is some."""
    missed = False if costs is False else _supports.beyond(p, q)
    return missed if missed is False or costs is True else costs & missed


def _has_chances(one: Any) -> bool:
    return isinstance(one, Bernoulli) and one.logits is None


_NAMES = {"interval": "the real line", "integers": "the integers", "circle": "a circle"}


def _named(space: Support) -> str:
    return _NAMES.get(space.kind, space.kind)


@functools.partial(prompt, static_argnums=(0,))
def _quadrature(verb: str, p: Any, q: Any, options: dict[str, Any]) -> Integral:
    integrand, finish = recipe(verb, **options)
    found: Integral = finish(_integrals.totals(integrand, [p, q]))
    return found


def _value(found: Integral) -> jax.Array:
    return jnp.where(jnp.isinf(found.error) & jnp.isfinite(found.value), jnp.nan, found.value)
