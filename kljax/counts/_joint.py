"""Information between the two variables of a joint table of counts: Ĥ(X) + Ĥ(Y) - Ĥ(X, Y), Ĥ(X, Y) - Ĥ(X)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

from kljax._names import advised
from kljax.counts import _estimators, _read
from kljax.counts._entropy import ALONE, DOUBT, FORMULAS
from kljax.counts._estimate import CountEstimate, estimate
from kljax.counts._read import Functions

JointMethod = Literal["auto", "chao_wang_jost", "chao_shen", "grassberger", "miller_madow", "jackknife", "plug_in"]


@advised
def mutual_information(table: Any, *, method: JointMethod = "auto") -> CountEstimate:
    """I(X; Y) = H(X) + H(Y) - H(X, Y), from a joint table of counts.

    That of the observed shares is too large, by about (I-1)(J-1)/2n: 0.33 nats for independent variables of 20 outcomes
    each and 500 counts. Here each entropy is estimated with what was never seen in it. The result scatters about 0
    where the variables are independent, so it may be negative.

    Args:
        table: Whole numbers [..., I, J]: how often outcome i of X came with outcome j of Y; a pandas DataFrame, as
            ``crosstab`` returns it; or a mapping from pairs (i, j) to counts, as ``Counter(zip(a, b))``.
        method: That of the entropies; ``"auto"`` is Chao, Wang and Jost's.

    Returns:
        ``CountEstimate``, in nats, of shape [...].

    Raises:
        ValueError: If counts are negative, not whole, or all 0.

    Example:
        >>> from kljax import counts
        >>> print(counts.mutual_information([[30, 10], [12, 48]]))
        0.15 ± 0.05 nats (ess 100)

    References:
        Miller (1955), "Note on the bias of information estimates"; Chao, Wang and Jost (2013), "Entropy and the species
        accumulation curve".
    """
    formula = _formula(method)
    cells = _read.table(table)
    with _read.as_numpy_does():
        f = _read.functions(cells)
        parts = [(1.0, cells.sum(-1)), (1.0, cells.sum(-2)), (-1.0, _flat(cells))]
        log_ratio = _log(f, _share(f, cells)) - _log(f, _share(f, cells).sum(-1)[..., None])
        log_ratio = log_ratio - _log(f, _share(f, cells).sum(-2)[..., None, :])
        rows, columns = ((cells.sum(axis) > 0).sum(-1) - 1.0 for axis in (-1, -2))
        high = min(math.log(cells.shape[-1]), math.log(cells.shape[-2]))
        return _combined(f, cells, parts, formula, log_ratio, rows * columns, method, high)


@advised
def conditional_entropy(table: Any, *, given: int = -2, method: JointMethod = "auto") -> CountEstimate:
    """H(Y | X) = H(X, Y) - H(X), from a joint table of counts: what is left unknown of Y once X is known.

    Args:
        table: Whole numbers [..., I, J]: how often outcome i of X came with outcome j of Y; a pandas DataFrame, as
            ``crosstab`` returns it; or a mapping from pairs (i, j) to counts, as ``Counter(zip(a, b))``.
        given: The axis of the variable that is known: -2, the rows, or -1, the columns.
        method: That of the entropies; ``"auto"`` is Chao, Wang and Jost's.

    Returns:
        ``CountEstimate``, in nats, of shape [...].

    Raises:
        ValueError: If counts are negative, not whole, or all 0.

    Example:
        >>> from kljax import counts
        >>> print(counts.conditional_entropy([[30, 10], [12, 48]]))
        0.54 ± 0.05 nats (ess 100)

    References:
        Chao, Wang and Jost (2013), "Entropy and the species accumulation curve".
    """
    formula = _formula(method)
    cells = _read.table(table)
    if given not in (-1, -2, cells.ndim - 1, cells.ndim - 2) or isinstance(given, bool):
        raise ValueError(f"given must be -2, the rows, or -1, the columns of the table; got {given!r}.")
    other = -1 if given % cells.ndim == cells.ndim - 2 else -2
    with _read.as_numpy_does():
        f = _read.functions(cells)
        parts = [(1.0, _flat(cells)), (-1.0, cells.sum(other))]
        of_given = _share(f, cells).sum(other, keepdims=True)
        log_ratio = _log(f, _share(f, cells)) - _log(f, of_given)
        free = (cells > 0).sum((-1, -2)) - (of_given > 0).sum((-1, -2))
        return _combined(f, cells, parts, formula, log_ratio, free, method, math.log(cells.shape[other]))


def _formula(method: str) -> Callable[[Functions, Any], Any]:
    if method not in get_args(JointMethod):
        raise ValueError(f"method must be one of {', '.join(map(repr, get_args(JointMethod)))}; got {method!r}.")
    return FORMULAS["chao_wang_jost" if method == "auto" else method]


def _flat(cells: Any) -> Any:
    return cells.reshape(*cells.shape[:-2], -1)


def _share(f: Functions, cells: Any) -> Any:
    return cells / f.xp.maximum(cells.sum((-1, -2)), 1.0)[..., None, None]


def _log(f: Functions, share: Any) -> Any:
    return f.xp.log(f.xp.where(share > 0, share, 1.0))


def _combined(
    f: Functions,
    cells: Any,
    parts: list[tuple[float, Any]],
    formula: Callable[[Functions, Any], Any],
    log_ratio: Any,
    free: Any,
    method: str,
    high: float,
) -> CountEstimate:
    """Signed entropies, and their error: Var(log-ratio)/n + free/2n², and the doubt about what was never seen."""
    xp = f.xp
    total = cells.sum((-1, -2))
    n = xp.maximum(total, 1.0)
    value, best, first = (
        sum(sign * one(f, counts) for sign, counts in parts)
        for one in (formula, _estimators.chao_wang_jost, _estimators.miller_madow)
    )
    share = _share(f, cells)
    centre = (share * log_ratio).sum((-1, -2))[..., None, None]
    variance = (share * (log_ratio - centre) ** 2).sum((-1, -2)) / n + free / (2.0 * n * n)
    return estimate(
        value,
        xp.sqrt(variance + (DOUBT * (best - first)) ** 2 + (value - best) ** 2),
        total,
        (cells == 1).sum((-1, -2)) / n,
        total=total,
        method=method,
        bound_above=ALONE,
        high=high,
    )
