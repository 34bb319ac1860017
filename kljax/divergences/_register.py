"""Closed forms of a user's own, found before those of the package.

A divergence has a name of its own and is one of a generator; several are another in other units. Whichever of its names
a form is registered under, every call that asks for that divergence finds it: ``f_divergence(p, q, generators.kl)`` the
form of ``kl``, ``jeffreys`` that of ``kl`` for the pair and for the pair turned round, ``bhattacharyya`` that of
``renyi``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp

from kljax import _names, interop
from kljax.divergences._forms.geometric_means import LINES
from kljax.divergences._forms.kullback_leibler import KL
from kljax.divergences._forms.total_variation import TOTAL_VARIATION
from kljax.divergences._powers import power_of
from kljax.families import MultivariateLogitNormal
from kljax.families._internal import is_family
from kljax.generators import Generator

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
Key = tuple[str, type, type | None]
_FORMS: dict[Key, Callable[..., jax.Array]] = {}
_VERBS: dict[str, Callable[..., Any]] = {}
_OF_ONE = {"entropy"}
_TABLES: dict[str, Collection[tuple[type, type]]] = {
    **dict.fromkeys(("kl", "jeffreys", "cross_entropy"), KL.keys()),
    **dict.fromkeys(("alpha", "bhattacharyya", "chi_squared", "renyi", "squared_hellinger", "tsallis"), LINES.keys()),
    "total_variation": TOTAL_VARIATION.keys(),
    "chernoff_information": LINES.keys(),
}
# The verb of a generator by its name, and whether p and q change places. Powers are found by their order.
_BY_NAME: dict[str, tuple[str, bool]] = {
    "jeffreys": ("jeffreys", False),
    "total_variation": ("total_variation", False),
    "squared_hellinger": ("squared_hellinger", False),
    "pearson": ("chi_squared", False),
    "neyman": ("chi_squared", True),
    "le_cam": ("le_cam", False),
    "jensen_shannon": ("jensen_shannon", False),
    "scaled_jensen_shannon": ("jensen_shannon", False),
    "skew_kl": ("skew_kl", False),
}


def registrable(verb: Callable[P, R]) -> Callable[P, R]:
    """A verb on distributions that takes the form which is registered for their types, if there is one."""
    name = verb.__name__
    signature = inspect.signature(verb)
    operands = ("p",) if name in _OF_ONE else ("p", "q")

    answer = _names.advised(verb)

    @functools.wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if _FORMS:
            try:
                given = signature.bind(*args, **kwargs).arguments
            except TypeError:
                return answer(*args, **kwargs)  # which says what does not fit
            found = [converted(given.pop(one)) for one in operands]
            form = registered(name, *found)
            if form is not None:
                return form(*found, **given)
        return answer(*args, **kwargs)

    _VERBS[name] = call
    return call


def names() -> tuple[str, ...]:
    """The names of the verbs on distributions."""
    return tuple(_VERBS)


def converted(value: Any) -> Any:
    """The record of a known package's distribution, else the object itself."""
    record = interop.convert(value)
    return value if record is None else record


def registered(verb: str, p: Any, q: Any = None) -> Callable[..., Any] | None:
    """The form that is registered for the types of p and q, if there is one."""
    return _FORMS.get((verb, type(p), None if q is None else type(q)))


def of_generator(generator: Generator, p: Any, q: Any) -> jax.Array | None:
    """The f-divergence by a form that is registered for one of its names; None if there is none."""
    if not _FORMS:
        return None
    p, q = converted(p), converted(q)

    def ask(verb: str, first: Any, second: Any, **options: Any) -> jax.Array | None:
        form = registered(verb, first, second)
        found: jax.Array | None = None if form is None else form(first, second, **options)
        return found

    name = generator.name
    if name in _BY_NAME:
        verb, turned = _BY_NAME[name]
        options: dict[str, Any] = {"weight": generator.parameters[0]} if generator.parameters else {}
        if name == "scaled_jensen_shannon":
            options["scaled"] = True
        found = ask(verb, q, p, **options) if turned else ask(verb, p, q, **options)
        if found is not None:
            return found
    if name == "jeffreys" and (registered("kl", p, q) or registered("kl", q, p)):
        return _VERBS["kl"](p, q) + _VERBS["kl"](q, p)
    power = power_of(generator)
    if power is None:
        return None
    order, factor = power
    end = _end(order)
    if end is not None:
        found = ask("kl", p, q) if end else ask("kl", q, p)
        return None if found is None else jnp.multiply(factor, found)
    found = ask("alpha", p, q, order=order)
    if found is not None:
        return jnp.multiply(factor, found)
    found = ask("tsallis", p, q, order=order)
    return None if found is None else jnp.multiply(factor, found) / order


def _has_entropy(kind: type) -> bool:
    """Whether a family knows its own; one says that there is no closed form."""
    return is_family(kind) and kind is not MultivariateLogitNormal


def _end(order: Any) -> int | None:
    """1 for KL(p‖q), 0 for KL(q‖p), None for a power between or beyond."""
    return int(order) if isinstance(order, (int, float)) and order in (0, 1) else None


def register(verb: Callable[..., Any], kind_p: type, kind_q: type | None = None) -> Callable[[F], F]:
    """Makes the decorated function what ``verb(p, q)`` returns for a p and a q of these types.

    The types may be families of this package or classes of your own; of the latter nothing is asked. (Type checkers
    take for a distribution what has a method ``log_prob``.) The function gets
    p, q and the options of the verb, and returns nats, [batch...]. A distribution of another package is met as the
    family that it is converted to. What is made of a divergence finds its form: ``jeffreys`` and
    ``f_divergence(p, q, kljax.generators.kl)`` that of ``kl``, ``cross_entropy`` those of ``kl`` and of ``entropy``,
    the parts of Independent, Product and Masked theirs.

    Args:
        verb: A divergence of this package: ``kljax.kl``, ``kljax.renyi``, …; or ``kljax.entropy``.
        kind_p: The class of p.
        kind_q: The class of q; not given for ``kljax.entropy``.

    Returns:
        A decorator, which returns the function as it is.

    Raises:
        ValueError: If there is a form for the pair already: none is overwritten.

    Example:
        >>> import dataclasses
        >>> import kljax
        >>> from kljax.families import Exponential
        >>> @dataclasses.dataclass
        ... class Erlang:
        ...     shape: int
        ...     rate: float
        >>> @kljax.register(kljax.kl, Erlang, Erlang)
        ... def kl_erlang(p, q):
        ...     return p.shape * kljax.kl(Exponential(p.rate), Exponential(q.rate))  # of one shape
        >>> print(f"{kljax.kl(Erlang(2, 1.0), Erlang(2, 2.0)):.4f}")
        0.6137
    """
    name = str(getattr(verb, "__name__", None))
    if name not in _VERBS:
        raise TypeError(f"verb must be a divergence of two distributions such as kljax.kl, or entropy; got {verb!r}.")
    if name not in _OF_ONE and kind_q is None:
        raise TypeError(f"kind_q must be given, since {name} is of two distributions.")
    if name in _OF_ONE and kind_q is not None:
        raise TypeError(f"kind_q must not be given, since {name} is of one distribution; got {kind_q!r}.")
    kinds = {"kind_p": kind_p} | ({} if kind_q is None else {"kind_q": kind_q})
    for label, kind in kinds.items():
        if not isinstance(kind, type):
            raise TypeError(f"{label} must be a class; got {kind!r}.")
    key = name, kind_p, kind_q
    known = _has_entropy(kind_p) if name == "entropy" else (kind_p, kind_q) in _TABLES.get(name, ())
    if key in _FORMS or known:
        named = " and ".join(kind.__name__ for kind in kinds.values())
        raise ValueError(
            f"{name} of {named} has a form already, which is not overwritten. "
            "Register your own for a subclass, or call your function."
        )

    def add(form: F) -> F:
        if not callable(form):
            raise TypeError(f"What is registered must be a function of the operands; got {type(form).__name__}.")
        _FORMS[key] = form
        return form

    return add
