"""Closed forms of a user's own, found before those of the package."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import ParamSpec, TypeVar

import jax

from kljax import interop
from kljax.families._closed_forms import KL
from kljax.families._geometric_means import LINES
from kljax.families._normal_variation import TOTAL_VARIATION

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., jax.Array])
_FORMS: dict[tuple[str, type, type], Callable[..., jax.Array]] = {}
_VERBS: set[str] = set()
_TABLES: dict[str, Collection[tuple[type, type]]] = {
    **dict.fromkeys(("kl", "jeffreys", "cross_entropy"), KL.keys()),
    **dict.fromkeys(("alpha", "bhattacharyya", "chi_squared", "renyi", "squared_hellinger", "tsallis"), LINES.keys()),
    "total_variation": TOTAL_VARIATION.keys(),
}


def registrable(verb: Callable[P, jax.Array]) -> Callable[P, jax.Array]:
    """A verb on two distributions that takes the form which is registered for their types, if there is one."""
    name = verb.__name__
    _VERBS.add(name)
    signature = inspect.signature(verb)

    @functools.wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> jax.Array:
        if _FORMS:
            given = signature.bind(*args, **kwargs).arguments
            p, q = (interop.convert(one) or one for one in (given.pop("p"), given.pop("q")))
            form = _FORMS.get((name, type(p), type(q)))
            if form is not None:
                return form(p, q, **given)
        return verb(*args, **kwargs)

    return call


def register(verb: Callable[..., jax.Array], kind_p: type, kind_q: type) -> Callable[[F], F]:
    """Makes the decorated function what ``verb(p, q)`` returns for a p and a q of these types.

    The types may be families of this package or classes of your own; of the latter nothing is asked. The function gets
    p, q and the options of the verb, and returns nats, [batch...]. A distribution of another package is met as the
    family that it is converted to.

    Args:
        verb: A divergence of this package: ``kljax.kl``, ``kljax.renyi``, ….
        kind_p: The class of p.
        kind_q: The class of q.

    Returns:
        A decorator, which returns the function as it is.

    Raises:
        TypeError: If ``verb`` is no divergence of this package, or a kind is no class.
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
    name = getattr(verb, "__name__", None)
    if name not in _VERBS:
        raise TypeError(f"verb must be a divergence of two distributions such as kljax.kl; got {verb!r}.")
    for label, kind in (("kind_p", kind_p), ("kind_q", kind_q)):
        if not isinstance(kind, type):
            raise TypeError(f"{label} must be a class; got {kind!r}.")
    key = name, kind_p, kind_q
    if key in _FORMS or (kind_p, kind_q) in _TABLES.get(str(name), ()):
        raise ValueError(
            f"{name} of {kind_p.__name__} and {kind_q.__name__} has a form already, which is not overwritten. "
            "Register your own for a subclass, or call your function."
        )

    def add(form: F) -> F:
        if not callable(form):
            raise TypeError(f"What is registered must be a function of p and q; got {type(form).__name__}.")
        _FORMS[key] = form
        return form

    return add
