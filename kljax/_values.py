"""Values that are probably not what was meant, said once per line of the caller: ``ValueWarning``.

Only operands that are there to be looked at are: concrete ones on a CPU, of at most a million entries. Under ``jit``
nothing is looked at and nothing costs, but within ``checked``. The texts name no numbers, so that Python's own filter,
once per line and text, shows each only once.
"""

from __future__ import annotations

import contextvars
import os
import sys
import warnings
from typing import Any

import jax
import numpy as np

from kljax import _checked

LARGEST = 10**6
_HERE = os.path.dirname(__file__)
_JAX = os.path.dirname(jax.__file__)
_MODULES = tuple(os.path.join(_HERE, module) for module in ("probs", "logits"))
_ONES: dict[tuple[int, str], np.ndarray] = {}
_told = {"double": False}
_asked: contextvars.ContextVar[str] = contextvars.ContextVar("asked", default="no")  # or "eager", or "traced"


def asked(how: str) -> contextvars.Token[str]:
    """From here on values are looked at on request; what undoes it."""
    return _asked.set(how)


def reset(token: contextvars.Token[str]) -> None:
    """As before."""
    _asked.reset(token)


class ValueWarning(UserWarning):
    """The values of an operand are probably not what was meant; the text says what to do."""


def warn(text: str) -> None:
    """Warns at the line outside this package, and outside JAX, from which it was called.

    ``{verb}`` in the text becomes the name of the function of ``probs`` or ``logits`` that was called.
    """
    frame, verb = sys._getframe(1), "kl"
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_HERE, _JAX)):
        if frame.f_code.co_filename.startswith(_MODULES) and not frame.f_code.co_name.startswith(("_", "call")):
            verb = frame.f_code.co_name
        frame = frame.f_back
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    at = frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__")
    warnings.warn_explicit(text.replace("{verb}", verb), ValueWarning, *at, registry)


def told_once_of_double() -> None:
    """float64 that becomes float32, said once in a process."""
    if not _told["double"]:
        _told["double"] = True
        warn(
            "float64 operands are computed in float32, since JAX's double precision is off. Switch it on with "
            "jax.config.update('jax_enable_x64', True), or pass float32. Said once."
        )


def entries(value: Any) -> np.ndarray | None:
    """The entries, if they are there to be looked at: a view where the array lies on a CPU."""
    if isinstance(value, np.ndarray):
        found = value
    elif isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer):
        if _asked.get() == "no" and (value.platform() != "cpu" or value.size > LARGEST):
            return None
        try:
            found = np.asarray(value)
        except RuntimeError:
            return None  # donated, or spread over processes
    else:
        return None
    return found if 0 < found.size <= LARGEST or (found.size and _asked.get() != "no") else None


def in_traced_code(value: Any) -> bool:
    """Whether this is traced, and to be looked at nevertheless."""
    return isinstance(value, jax.core.Tracer) and _asked.get() == "traced"


def concrete(value: Any) -> np.ndarray | None:
    """The entries as floating-point numbers, if they are there to be looked at."""
    found = entries(value)
    if found is None or found.dtype.char in "fd":
        return found
    return None if found.dtype.kind in "biucOSU" else found.astype(np.float32)  # refused elsewhere, or half precision


def _summed(rows: np.ndarray) -> np.ndarray:
    """The sums of rows, by the fastest way that there is for short ones."""
    key = rows.shape[-1], rows.dtype.char
    ones = _ONES.get(key)
    if ones is None:
        if len(_ONES) > 256:
            _ONES.clear()
        ones = _ONES[key] = np.ones(*key)
    return rows.dot(ones)


def _least(rows: np.ndarray) -> float:
    """The smallest entry, NaN if there is one: faster than ``min`` for what is short."""
    found: float = rows.item(rows.argmin())
    return found


def _rows(found: np.ndarray, axis: Any, where: Any, fill: float) -> np.ndarray | None:
    """The outcomes along the last axis, those that are masked filled; None where the arguments do not fit."""
    try:
        if where is not None:
            mask = concrete_mask(where)
            if mask is None:
                return None
            found = np.where(mask, found, np.asarray(fill, found.dtype))
        if axis != -1:
            axes = axis if isinstance(axis, tuple) else (axis,)
            found = np.moveaxis(found, axes, tuple(range(-len(axes), 0)))
            found = found.reshape(*found.shape[: found.ndim - len(axes)], -1)
    except (ValueError, TypeError, np.exceptions.AxisError):
        return None  # said by name where the arguments are checked
    return found if found.ndim and found.shape[-1] else None


def concrete_mask(where: Any) -> np.ndarray | None:
    """A mask that is there to be looked at."""
    return None if isinstance(where, jax.core.Tracer) else np.asarray(where)


def nothing(names: tuple[str, ...], operands: Any, where: Any, axis: Any) -> None:
    """Of operands of which nothing is known to be meant."""


def labels(classes: Any, rows: Any, axis: Any, tokens: Any) -> None:
    """Warns of class labels that name no outcome, such as the -100 by which other libraries mark padding."""
    found, shape = entries(classes), np.shape(rows)
    if found is None or not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        return
    count = shape[axis]
    if found.min() >= 0 and found.max() < count:
        return
    if tokens is not None:
        mask = concrete_mask(tokens)
        if mask is None or mask.shape != found.shape or not ((found < 0) | (found >= count))[mask].any():
            return
    warn(
        f"kljax.logits.{{verb}}: there are labels outside [0, {count}), which cost infinitely much. If they mark "
        "padding, pass tokens=labels >= 0."
    )


def tables_of_probabilities(names: tuple[str, ...], operands: Any, where: Any, _: Any) -> None:
    """Warns of joint tables of probabilities that are none."""
    if np.ndim(operands[0]) >= 2:
        probabilities(names, operands, where, (-2, -1))


def tables_of_logits(names: tuple[str, ...], operands: Any, where: Any, _: Any) -> None:
    """Warns of joint tables of logits that look like probabilities."""
    if np.ndim(operands[0]) >= 2:
        logits(names, operands, where, (-2, -1))


def probabilities(names: tuple[str, ...], operands: Any, where: Any, axis: Any) -> None:
    """Warns of rows of probabilities that are none."""
    for name, value in zip(names, operands, strict=True):
        found = concrete(value)
        if found is None:
            if _asked.get() == "traced":
                _checked.probabilities(name, value, where, axis)
            continue
        rows = found if axis == -1 and where is None and found.ndim else _rows(found, axis, where, 0.0)
        if rows is None or (where is not None and not np.any(where)):  # of nothing there are no sums
            continue
        off = _summed(rows.reshape(-1, rows.shape[-1])) - 1.0
        if _least(rows) >= 0.0 and off.dot(off) < _LOOSE**2:  # so that none is off by more
            continue
        sums = _summed(rows)
        text = _what_is_wrong(name, rows, sums, _looseness(value))
        if text is not None:
            warn("kljax.probs.{verb}: " + text)


_LOOSE = 1e-3  # of the sum of a row that was written down by hand, or summed in float32


def _looseness(value: Any) -> float:
    """How far from 1 a row's sum may be: half precision rounds to 2⁻⁸."""
    return 2.0**-5 if np.dtype(value.dtype).itemsize < 4 else _LOOSE


def _what_is_wrong(name: str, rows: np.ndarray, sums: np.ndarray, loose: float) -> str | None:
    if np.isnan(rows).any():
        return f"{name} has NaN entries; so has the result."
    if rows.min() < 0.0:
        logs = _log_sums(rows)
        if (rows <= 0.0).all() and (np.abs(logs) < 1e-2).all():
            return f"{name} holds log-probabilities, and probabilities are wanted: call kljax.logits.{{verb}}."
        return (
            f"{name} has negative entries, which no probability has, and the result is NaN there. Of logits or "
            "log-probabilities call kljax.logits.{verb}."
        )
    # A row of zeros is a padded one.
    off = (np.abs(sums - 1.0) > loose) & ((sums != 0.0) | (sums == 0.0).all())
    if not off.any():
        return None
    silence = "If a measure is meant, say measure=True."
    normal = f"Normalise them, {name} / {name}.sum(axis, keepdims=True)"
    whole = (rows == np.floor(rows)).all() and sums.max() > 1.0
    counted = "Of counts call kljax.counts, whose estimates have error bars. "
    if (np.abs(sums - 100.0) < 1.0).all():
        advice = counted if whole else ""
        return f"the rows of {name} sum to 100, not to 1: divide percentages by 100. {advice}{silence}"
    if whole:
        return f"the rows of {name} are whole numbers that do not sum to 1. {counted}{normal}. {silence}"
    if rows.max() > 1.0:
        normal += "; of logits call kljax.logits.{verb}, of data kljax.samples"
    return f"the rows of {name} do not sum to 1, and are taken as measures. {normal}. {silence}"


def _log_sums(rows: np.ndarray) -> np.ndarray:
    top = rows.max(-1, keepdims=True)
    with np.errstate(all="ignore"):
        total: np.ndarray = np.log(np.exp(rows - top).sum(-1)) + top[..., 0]
    return np.where(np.isfinite(top[..., 0]), total, np.inf)


def logits(names: tuple[str, ...], operands: Any, where: Any, axis: Any) -> None:
    """Warns of rows of logits that look like probabilities."""
    looks = []
    for value in operands:
        found = concrete(value)
        if found is None:
            if _asked.get() == "traced":
                _checked.logits(names, operands, where, axis)
            return
        rows = found if axis == -1 and where is None and found.ndim else _rows(found, axis, where, 0.0)
        if rows is None or _least(rows) < 0.0:
            return  # ordinary logits
        if not rows.max() <= 1.0 or not (np.abs(_summed(rows) - 1.0) < _looseness(value)).all():
            return
        looks.append((rows == np.floor(rows)).all())
    if all(looks):
        return  # of zeros and ones alone: these may well be logits
    listed = " and ".join(names)
    warn(
        f"kljax.logits.{{verb}}: the rows of {listed} lie in [0, 1] and sum to 1, as probabilities do, and logits are "
        "wanted. Of probabilities call kljax.probs.{verb}."
    )
