"""How a pair of distributions is answered.

    p, q ─converted─▶ records ─▶ a form of the table, else by parts, rows, supports or an integral ─▶ nats

``TABLE`` is {(verb, type of p, type of q): form}, of one distribution {(verb, type of p, None): form}. Ours stand in
``_forms``, those of the user are added by ``kljax.register``. ``answer`` says in which order the answers are tried.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax import interop
from kljax._prompt import prompt
from kljax.divergences import _degenerate, _points, _structure, _supports
from kljax.divergences._forms import outcomes
from kljax.divergences._forms.table import FORMS, Closed
from kljax.divergences._structure import COMPOSITES
from kljax.divergences._supports import Costs
from kljax.divergences._verbs import KL, Name, Verb
from kljax.families._internal import FAMILIES, aligned, batch_shape, dtype_of
from kljax.quadrature import Support

Key = tuple[Verb, type, type | None]
TABLE: dict[Key, Any] = dict(FORMS)


class Question(NamedTuple):
    """What is asked of p and q: a divergence, with its options, as each of the answers needs to know it.

    Attributes:
        name: What messages call it.
        names: The names under which the table may have a form of it.
        of_rows: (rows, options) ↦ that of two rows, by ``probs`` or ``logits``.
        costs: Whether mass of p that q misses makes it infinite, and mass of q that p misses.
        integral: (p, q, options) ↦ that of two densities, by quadrature.
        limits: What it is for p = q, and for two that have nothing in common.
        options: Those of the verb.
        of_parts: (parts, options) ↦ what follows from the answers for the parts, None if nothing does; the sum of these
            if it is not given.
    """

    name: str
    names: tuple[Name, ...]
    of_rows: Callable[..., Any]
    costs: tuple[Costs, Costs]
    integral: Callable[..., Any]
    limits: tuple[Any, Any]
    options: Mapping[str, Any] = MappingProxyType({})
    of_parts: Callable[..., Any] | None = None


def answer(question: Question, p: Any, q: Any, table: Mapping[Key, Any] = TABLE) -> Any:
    """The first of these that there is:

    1. a form of the table, the user's or ours, where it holds;
    2. the answer for the same two distributions in simpler records;
    3. what follows from the answers for the parts that they are made of;
    4. that of two rows, where both have the same outcomes or one of them is a list of points;
    5. ∞, where the supports alone say so;
    6. an integral over the variable, if it is one number;

    or an error that says what to call instead.
    """
    p, q = converted(p), converted(q)
    form = _form(question, p, q, table)
    if form is not None:
        return _either(*form, lambda: answer(question, p, q, table={}))
    p, q = distribution("p", p), distribution("q", q)
    if isinstance(p, COMPOSITES) or isinstance(q, COMPOSITES):
        simpler = _structure.simplified(p, q)
        if simpler is not None:
            return answer(question, *simpler)
        check_draws(p, q)
        parts = _structure.parts(p, q)
        joined = None if parts is None else _joined(question, parts)
        if joined is not None:
            return joined
    shape = check_draws(p, q)
    rows = outcomes.rows(p, q) or _points.rows(p, q)
    if rows is not None:
        return question.of_rows(rows, **question.options)
    spaces = _check_variable(question.name, p, q, shape)
    missed = _supports.missed(question.costs, p, q, spaces)
    if missed is True:
        return _infinite(p, q)
    value = integrated(question.integral, p, q, dict(question.options), None, question.limits)
    return value if missed is False else jnp.where(missed, jnp.inf, value)


def _joined(question: Question, parts: _structure.Parts) -> Any:
    if question.of_parts is None:
        return _structure.added(parts, functools.partial(answer, question))
    return question.of_parts(parts, **question.options)


# --- forms of the table -------------------------------------------------------------------------------------


def _form(
    question: Question, p: Any, q: Any, table: Mapping[Key, Any]
) -> tuple[bool | jax.Array, Callable[[], Any]] | None:
    """Whether the first form under any of the names holds, and what it says; None if there is none."""
    for name in question.names:
        first, second = (q, p) if name.turned else (p, q)
        form = table.get((name.verb, type(first), type(second)))
        if form is None:
            continue
        if not isinstance(form, Closed):
            return True, functools.partial(_of_user, form, name, first, second)
        holds = form.holds is None or form.holds(first, second)
        given = form.function, first, second, dict(name.options), name.factor, question.limits
        return holds, functools.partial(compiled, *given)
    return None


def _either(holds: bool | jax.Array, value: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    if isinstance(holds, jax.core.Tracer):
        return lax.cond(holds, value, otherwise)
    return value() if holds else otherwise()


def _in_one_program(
    function: Callable[..., Any], p: Any, q: Any, options: dict[str, Any], factor: Any, limits: tuple[Any, Any]
) -> Any:
    """A factor times a function of two records of one batch and dtype, in one program; its limits at a scale of 0."""
    check_draws(p, q)
    p, q, degenerate = _degenerate.proper(*aligned(p, q))
    found = function(p, q, **options)
    if factor is not None:
        found = jnp.broadcast_to(jnp.asarray(factor).astype(found.dtype), found.shape) * found
    return _degenerate.shown(found, degenerate, limits)


compiled = prompt(_in_one_program, static_argnums=(0,))
integrated = prompt(_in_one_program, static_argnums=(0,), closed="numbers")


def has_form(verb: Verb, p: Any, q: Any) -> bool:
    """Whether the table has a form of this verb for the types of p and q."""
    return (verb, type(p), type(q)) in TABLE


def own(verb: Verb, *operands: Any, **options: Any) -> Any:
    """What the form that is registered under this verb says of one or two records; None if there is none."""
    kinds: Any = (*map(type, operands), None)[:2]
    form = TABLE.get((verb, *kinds))
    return None if form is None or isinstance(form, Closed) else _of_user(form, Name(verb, options), *operands)


def _of_user(form: Callable[..., Any], name: Name, *operands: Any) -> Any:
    found = form(*operands, **_taken(form, name)) if name.options else form(*operands)
    return found if name.factor is None else jnp.multiply(name.factor, found)


def _taken(form: Callable[..., Any], name: Name) -> dict[str, Any]:
    """The options, but those at their defaults that the form has no name for."""
    taken, defaults = inspect.signature(form).parameters, name.verb.defaults
    return {
        option: value
        for option, value in name.options.items()
        if option in taken or not (isinstance(value, (bool, float)) and value == defaults.get(option))
    }


# --- what a pair must be ------------------------------------------------------------------------------------


def converted(value: Any) -> Any:
    """The record of a known package's distribution, else the object itself."""
    if type(value) in FAMILIES:
        return value
    record = interop.convert(value)
    return value if record is None else record


def distribution(name: str, value: Any) -> Any:
    """The value itself, if it is a record of ours, else the record of a known package's distribution."""
    record = converted(value)
    if type(record) in FAMILIES:
        return record
    if isinstance(value, type) and value in FAMILIES:
        listed = ", ".join(one.name for one in dataclasses.fields(value))
        raise TypeError(f"{name} got the class {value.__name__}. Give it parameters: {value.__name__}({listed}).")
    raise TypeError(
        f"{name} must be a distribution of kljax.families, distrax, numpyro, TFP on JAX or scipy.stats; got "
        f"{type(value).__name__}. For two log-densities call kljax.quadrature, for probability vectors kljax.probs "
        "and for logits kljax.logits."
    )


def check_draws(p: Any, q: Any) -> Any:
    """The shape of one draw of p; raises unless one of q has the same."""
    shapes = p.event_shape, q.event_shape
    # A number and a vector may be two names of one thing, as in the row of Beta and Dirichlet, which looks itself.
    if shapes[0] != shapes[1] and (len(shapes[0]) == len(shapes[1]) or (KL, type(p), type(q)) not in TABLE):
        raise ValueError(
            f"One draw of p and of q must have the same shape; {type(p).__name__} has {shapes[0]} and "
            f"{type(q).__name__} has {shapes[1]}."
        )
    return shapes[0]


def _check_variable(verb: str, p: Any, q: Any, shape: Any) -> tuple[Support, Support]:
    """The supports of p and q; raises unless both are of one number, on the same kind of space."""
    both = f"{verb} of {type(p).__name__} and {type(q).__name__}"
    if shape:
        raise NotImplementedError(
            f"{both}: there is no closed form, and quadrature is for one variable. Call kljax.estimate(p, q, key=…) "
            "for an estimate from draws, with its error bar."
        )
    spaces = p.support, q.support
    kinds = spaces[0].kind, spaces[1].kind
    if kinds[0] != kinds[1]:
        first, second = (_SPACES.get(kind, kind) for kind in kinds)
        raise NotImplementedError(
            f"{both}: one lives on {first}, the other on {second}, so that neither has a density with respect to the "
            "other."
        )
    if kinds[0] not in _SPACES:
        raise NotImplementedError(
            f"{both}: there is no closed form, and what they take is neither a real number nor an integer nor an "
            "angle. Call kljax.estimate(p, q, key=…) for an estimate."
        )
    return spaces


_SPACES = {"interval": "the real line", "integers": "the integers", "circle": "a circle"}


def _infinite(p: Any, q: Any) -> jax.Array:
    p, q = aligned(p, q)
    return jnp.full(batch_shape(p), jnp.inf, dtype_of(p))
