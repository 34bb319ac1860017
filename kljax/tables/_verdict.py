"""From an estimate and a p-value to a verdict, the rows that would allow one, and words.

    different    p ≤ alpha, KL ≥ floor          same        p > alpha, the interval ends below what is material
    negligible   p ≤ alpha, KL < floor          undecided   p > alpha, it doesn't

The scale is that of a normal column shifted by δ standard deviations, KL = δ²/2, of whose rows a reader guesses the
right table Φ(δ/2) of the time.
"""

from __future__ import annotations

import math

from scipy import special

from kljax.tables._cuts import size
from kljax.tables._findings import Interval

DIFFERENT, NEGLIGIBLE, SAME, UNDECIDED = "different", "negligible", "same", "undecided"
_SCALE = ((0.005, "negligible"), (0.02, "small"), (0.05, "moderate"), (0.125, "large"))
_Z = 1.959963984540054
_MOST_ROWS = 10**9


def verdict(p_adjusted: float, kl: Interval, alpha: float, floor: float, material: float) -> str:
    """One of the four."""
    if p_adjusted <= alpha:
        return DIFFERENT if kl.value >= floor else NEGLIGIBLE
    return SAME if kl.high < material else UNDECIDED


def scale(nats: float) -> str:
    """How large a divergence is, in a word or two."""
    return next((word for bound, word in _SCALE if nats < bound), "very large")


def best_guess(nats: float) -> float:
    """Φ(√(KL/2)): how often a row's table would be guessed, were the column normal and shifted."""
    return float(special.ndtr(math.sqrt(max(nats, 0.0) / 2)))


def rows_to_tell(n: int, m: int, cells: int, material: float, *, fixed: bool) -> int:
    """Rows of the smaller table at which the noise of an unchanged column, z√v₀, is no more than ``material``.

    Args:
        n: Rows of one table.
        m: Rows of the other.
        cells: The cells that were compared.
        material: Nats.
        fixed: Whether more rows would bring no more cells: categories, and numbers of few values.

    Returns:
        Rows; the larger table keeps those it has.
    """
    now = size(n, m)

    def noise(rows: int) -> float:
        other = max(n, m, rows)
        count = cells if fixed else max(cells * size(rows, other) / now, 2.0)
        return _Z * math.sqrt((count - 1) / 2) * (1 / rows + 1 / other)

    low, high = 1, 2
    while noise(high) > material and high < _MOST_ROWS:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if noise(middle) > material else (low, middle)
    return high


def rounded(rows: int) -> int:
    """Rows to two digits, upwards, as one says them."""
    step = 10 ** max(len(str(rows)) - 2, 0)
    return -(-rows // step) * step
