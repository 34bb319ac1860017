"""Closed forms of a user's own, rows of the same table as those of the package and found before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kljax.divergences import _chernoff, _f_divergences, _kullback_leibler, _verbs
from kljax.divergences._dispatch import TABLE
from kljax.divergences._forms.table import FORMS
from kljax.divergences._verbs import Verb

F = TypeVar("F", bound=Callable[..., Any])
VERBS: dict[Any, Verb] = {
    _chernoff.chernoff_information: _verbs.CHERNOFF_INFORMATION,
    _f_divergences.alpha: _verbs.ALPHA,
    _f_divergences.bhattacharyya: _verbs.BHATTACHARYYA,
    _f_divergences.chi_squared: _verbs.CHI_SQUARED,
    _f_divergences.f_divergence: _verbs.F_DIVERGENCE,
    _f_divergences.le_cam: _verbs.LE_CAM,
    _f_divergences.renyi: _verbs.RENYI,
    _f_divergences.squared_hellinger: _verbs.SQUARED_HELLINGER,
    _f_divergences.total_variation: _verbs.TOTAL_VARIATION,
    _f_divergences.tsallis: _verbs.TSALLIS,
    _kullback_leibler.cross_entropy: _verbs.CROSS_ENTROPY,
    _kullback_leibler.entropy: _verbs.ENTROPY,
    _kullback_leibler.jeffreys: _verbs.JEFFREYS,
    _kullback_leibler.jensen_shannon: _verbs.JENSEN_SHANNON,
    _kullback_leibler.kl: _verbs.KL,
    _kullback_leibler.skew_kl: _verbs.SKEW_KL,
}


def register(verb: Callable[..., Any], kind_p: type, kind_q: type | None = None) -> Callable[[F], F]:
    """Makes the decorated function what ``verb(p, q)`` returns for a p and a q of these types.

    The types may be families of this package or classes of your own; of the latter nothing is asked. (Type checkers
    take for a distribution what has a method ``log_prob``.) The function gets p, q and the options of the verb, and
    returns nats, [batch...]. A distribution of another package is met as the
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
    asked = VERBS.get(verb) if callable(verb) else None
    if asked is None:
        raise TypeError(f"verb must be a divergence of two distributions such as kljax.kl, or entropy; got {verb!r}.")
    if asked.operands == 2 and kind_q is None:
        raise TypeError(f"kind_q must be given, since {asked.name} is of two distributions.")
    if asked.operands == 1 and kind_q is not None:
        raise TypeError(f"kind_q must not be given, since {asked.name} is of one distribution; got {kind_q!r}.")
    kinds = {"kind_p": kind_p} | ({} if kind_q is None else {"kind_q": kind_q})
    for label, kind in kinds.items():
        if not isinstance(kind, type):
            raise TypeError(f"{label} must be a class; got {kind!r}.")
    if (asked, kind_p, kind_q) in TABLE or (asked.case_of, kind_p, kind_q) in FORMS:
        named = " and ".join(kind.__name__ for kind in kinds.values())
        raise ValueError(
            f"{asked.name} of {named} has a form already, which is not overwritten. "
            "Register your own for a subclass, or call your function."
        )

    def add(form: F) -> F:
        if not callable(form):
            raise TypeError(f"What is registered must be a function of the operands; got {type(form).__name__}.")
        TABLE[asked, kind_p, kind_q] = form
        return form

    return add
