"""Counts as the caller holds them ─▶ arrays of one length, aligned by label.

Arrays are aligned by position and may be traced. What has labels (``collections.Counter``, a dict, a pandas Series as
``value_counts()`` returns it) is aligned by them; a label that one side lacks counts 0 there. Whatever is concrete is
looked at: counts are whole, finite and not negative.

Concrete counts are computed with in NumPy's double precision and compile nothing; traced ones by JAX.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import special as traced_special
from scipy import special

Labels = tuple[Hashable, ...]


class Functions(NamedTuple):
    """NumPy with scipy's functions, or their counterparts in JAX."""

    xp: Any
    digamma: Callable[[Any], Any]
    gammaln: Callable[[Any], Any]
    trigamma: Callable[[Any], Any]


HOST = Functions(np, special.digamma, special.gammaln, lambda x: special.zeta(2.0, x))
TRACED = Functions(
    jnp, traced_special.digamma, traced_special.gammaln, lambda x: traced_special.zeta(jnp.asarray(2.0, x.dtype), x)
)


@contextlib.contextmanager
def as_numpy_does() -> Iterator[None]:
    """NumPy's way of mixing kinds and ranks serves both; 0 log 0 and its like are chosen away afterwards."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"), np.errstate(all="ignore"):
        yield


def functions(*arrays: Any) -> Functions:
    """Those that fit the arrays."""
    return TRACED if any(isinstance(one, jax.core.Tracer) for one in arrays) else HOST


def one(name: str, counts: Any) -> tuple[Any, Labels | None]:
    """Counts [..., K] and their labels, if they have any."""
    labels, values = _labelled(name, counts)
    array = _array(name, values)
    if array.ndim == 0:
        raise ValueError(
            f"{name} must be counts [..., outcomes], one number for each outcome; got the single number {counts!r}."
        )
    if array.shape[-1] == 0:
        raise ValueError(f"{name} must count at least one outcome; got {_described(counts, array)}.")
    _not_empty(name, array)
    return array, labels


def pair(counts_p: Any, counts_q: Any) -> tuple[Any, Any, Labels, Labels]:
    """Two counts of the same outcomes [..., K], and the labels that only one of them has."""
    (x, of_p), (y, of_q) = one("counts_p", counts_p), one("counts_q", counts_q)
    if (of_p is None) != (of_q is None):
        bare, named = ("counts_p", "counts_q") if of_p is None else ("counts_q", "counts_p")
        raise TypeError(
            f"{named} has labels and {bare} has none, so nothing says which outcomes are the same. Give both with "
            "labels (a Counter, a dict, a Series) or both as arrays in the same order."
        )
    if of_p is not None and of_q is not None:
        return _aligned(x, of_p, y, of_q)
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"counts_p and counts_q must count the same outcomes in the same order; they have {x.shape[-1]} and "
            f"{y.shape[-1]}. Where each lists only what it saw, give them with labels (a Counter, a dict, a Series)."
        )
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise ValueError(
            f"The shapes of counts_p and counts_q must broadcast together; they are {x.shape} and {y.shape}."
        ) from None
    xp = functions(x, y).xp
    return xp.broadcast_to(x, shape), xp.broadcast_to(y, shape), (), ()


def _aligned(x: np.ndarray, of_p: Labels, y: np.ndarray, of_q: Labels) -> tuple[np.ndarray, np.ndarray, Labels, Labels]:
    p, q = dict(zip(of_p, x, strict=True)), dict(zip(of_q, y, strict=True))
    together = list(dict.fromkeys([*of_p, *of_q]))
    if not set(p) & set(q) and {str(label) for label in p} & {str(label) for label in q}:
        left, right = next((a, b) for a in p for b in q if str(a) == str(b))
        raise ValueError(
            f"counts_p and counts_q have no label in common, though they read alike: {left!r} "
            f"({type(left).__name__}) and {right!r} ({type(right).__name__}). Make them of one type."
        )
    left_out = tuple(label for label in together if p.get(label, 0.0) > 0 and not q.get(label, 0.0) > 0)
    right_out = tuple(label for label in together if q.get(label, 0.0) > 0 and not p.get(label, 0.0) > 0)
    return (
        np.array([p.get(label, 0.0) for label in together]),
        np.array([q.get(label, 0.0) for label in together]),
        left_out,
        right_out,
    )


def table(counts: Any) -> Any:
    """A joint table [..., I, J]: an array, a pandas DataFrame (``crosstab``), or a mapping from pairs of labels."""
    if isinstance(counts, Mapping) or _is_series(counts):
        labels, values = _labelled("table", counts)
        if not all(isinstance(label, tuple) and len(label) == 2 for label in labels or ()):
            wrong = next(label for label in labels or () if not (isinstance(label, tuple) and len(label) == 2))
            raise ValueError(
                f"table must map pairs of outcomes to counts, as Counter(zip(a, b)) does; it has the label {wrong!r}."
            )
        cells = _array("table", values)
        pairs: Any = labels
        first, second = (
            {label: at for at, label in enumerate(dict.fromkeys(side))} for side in zip(*pairs, strict=True)
        )
        array = np.zeros((len(first), len(second)))
        array[[first[one] for one, _ in pairs], [second[other] for _, other in pairs]] = cells
    else:
        array = _array("table", counts.to_numpy() if _is_pandas(counts) else counts)
    if array.ndim < 2 or 0 in array.shape[-2:]:
        raise ValueError(
            f"table must be counts [..., I, J], one row for each outcome of the first variable and one column for "
            f"each of the second; got shape {array.shape}."
        )
    _not_empty("table", array, axes=2)
    return array


def _is_pandas(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas"


def _is_series(value: Any) -> bool:
    return _is_pandas(value) and type(value).__name__ == "Series"


def _labelled(name: str, counts: Any) -> tuple[Labels | None, Any]:
    if isinstance(counts, Mapping):
        return tuple(counts), list(counts.values())
    if _is_series(counts):
        if not counts.index.is_unique:
            twice = counts.index[counts.index.duplicated()][0]
            raise ValueError(f"{name} must have each label once; {twice!r} stands there twice. Sum them first.")
        return tuple(counts.index), counts.to_numpy()
    if _is_pandas(counts) or type(counts).__module__.partition(".")[0] == "polars":
        raise TypeError(
            f"{name} must be whole numbers, one for each outcome; got a {type(counts).__name__}. "
            "Of one column take its value_counts() as a pandas Series, or dict(zip(labels, counts)): the labels say "
            "which outcomes are the same."
        )
    return None, counts


def _array(name: str, values: Any) -> Any:
    if isinstance(values, jax.core.Tracer):
        if jnp.issubdtype(values.dtype, jnp.bool_) or jnp.issubdtype(values.dtype, jnp.complexfloating):
            raise TypeError(
                f"{name} must be whole numbers, how often each outcome was drawn; got {values.dtype} with "
                f"shape {values.shape}."
            )
        wide = jnp.issubdtype(values.dtype, jnp.floating) and values.dtype.itemsize >= 4
        return values if wide else values.astype(jnp.result_type(float))
    if values is None or isinstance(values, str):
        raise TypeError(f"{name} must be whole numbers, how often each outcome was drawn; got {values!r}.")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be whole numbers, one for each outcome; got {values!r:.60} ({error}).") from None
    if array.dtype.kind in "USO" and not _all_numbers(array):
        raise TypeError(
            f"{name} must say how often each outcome was drawn, not which were; got {values!r:.60}. Count "
            f"them first, with collections.Counter({name}) or {name}.value_counts()."
        )
    if array.dtype.kind == "b":
        raise TypeError(
            f"{name} must be whole numbers, how often each outcome was drawn; got booleans. Count them: "
            "np.bincount, or a Counter."
        )
    if array.dtype.kind == "c":
        raise TypeError(f"{name} must be whole numbers, how often each outcome was drawn; got {array.dtype}.")
    return _whole(name, array.astype(np.float64))


def _all_numbers(array: np.ndarray) -> bool:
    return array.dtype.kind == "O" and all(isinstance(one, int | float | np.number) for one in array.flat)


def _whole(name: str, array: np.ndarray) -> np.ndarray:
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite; it has {np.sum(~np.isfinite(array))} entries that are not.")
    if (array < 0).any():
        raise ValueError(f"{name} must not be negative; its smallest entry is {array.min():g}.")
    if (array != np.round(array)).any():
        odd = array[array != np.round(array)].flat[0]
        sums = array.sum(-1) if array.ndim else array
        hint = (
            "They sum to 1: for probabilities there is kljax.probs; how much was counted is what an error bar needs."
            if np.allclose(sums, 1.0, atol=1e-3)
            else "Weighted or averaged counts have no error bar of their own; for measures there is kljax.probs."
        )
        raise ValueError(f"{name} must be whole numbers; got {odd:g}. {hint}")
    return array


def _not_empty(name: str, array: Any, axes: int = 1) -> None:
    if array.ndim == axes and not isinstance(array, jax.core.Tracer) and not array.any():
        raise ValueError(f"{name} must count something; all its entries are 0.")


def _described(counts: Any, array: Any) -> str:
    return f"an empty {type(counts).__name__}" if isinstance(counts, Mapping) else f"shape {array.shape}"
