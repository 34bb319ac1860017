"""A column of one table in a few numbers, as they are shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from kljax.tables._findings import Summary
from kljax.tables._source import Categories, Overview


def of_values(values: np.ndarray, seen: Overview) -> Summary:
    """Of a sample of numbers, dates or bools, none missing; the ends are those of the whole column."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if len(finite) == 0:
        return Summary(distinct=len(np.unique(values)))
    dates = finite.dtype.kind == "M"
    numbers = finite.view(np.int64) if dates else finite.astype(np.int64) if finite.dtype.kind == "b" else finite
    base = int(numbers.min()) if numbers.dtype.kind in "iu" else 0
    if int(numbers.dtype.kind in "iu") and int(numbers.max()) - base < 2**63:
        shifted = (numbers - numbers.min()).astype(np.float64)  # before the integers are rounded
    else:
        shifted = numbers.astype(np.float64) - base
    scale = max(float(np.abs(shifted).max()), 1.0)  # sums of squares would overflow near the largest double
    mean, sd = float((shifted / scale).mean()) * scale, float((shifted / scale).std()) * scale
    ranks = np.sort(numbers)
    quartiles = [ranks[round(share * (len(ranks) - 1))] for share in (0.25, 0.5, 0.75)]
    distinct = int(np.count_nonzero(ranks[1:] != ranks[:-1])) + 1
    low, high = (ranks[0], ranks[-1]) if seen.low is None else (seen.low, seen.high)
    if dates:
        day = 86_400e6
        middle = np.datetime64(int(base) + round(mean), "us")
        q1, q2, q3 = (iso(np.datetime64(int(q), "us")) for q in quartiles)
        return Summary(iso(middle), sd / day, (q1, q2, q3), iso(_date(low)), iso(_date(high)), distinct)
    first, median, third = map(_number, quartiles)
    return Summary(float(base) + mean, sd, (first, median, third), _number(low), _number(high), distinct)


def of_categories(found: Categories) -> Summary:
    """Of a column compared value by value."""
    return Summary(distinct=found.distinct)


def iso(date: np.datetime64) -> str:
    """A date as people write it, without a time where that is midnight."""
    text = str(date.astype("datetime64[us]")).removesuffix(".000000").removesuffix("T00:00:00")
    return text.replace("T", " ")


def _date(value: Any) -> np.datetime64:
    return value if isinstance(value, np.datetime64) else np.datetime64(int(value), "us")


def _number(value: Any) -> float | int:
    return int(value) if isinstance(value, int | np.integer | np.bool_ | bool) else float(value)
