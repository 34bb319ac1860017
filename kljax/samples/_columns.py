"""A smooth increasing map a column, after which it is nearer to a normal: of x and y alike, or of one model's own.

After the pooled median and quartiles, t = asinh(c v)/c for heavy tails (c = 0: t = v), then Yeo and Johnson's power of
order λ for skewness. c and λ maximise the likelihood of normal columns, each sample with its own mean and variance,

    -½ n log Var x - ½ m log Var y + Σ log t'(v),

over a grid, on some hundred quantiles of each sample. Where the gain over the identity is below the price of two
parameters, log(n + m), a column stays as it is.
"""

from __future__ import annotations

import dataclasses

import numpy as np

QUANTILES = 300
TAILS = (0.0, 0.5, 1.0, 2.0, 5.0)
ORDERS = np.linspace(0.0, 2.0, 21)  # beyond these the map's range ends, and a sample could fall off it


@dataclasses.dataclass(frozen=True)
class Columns:
    """(v - centre)/spread, the tail's map, the power of order λ, then over ``scale``; a number of each a column."""

    centre: np.ndarray
    spread: np.ndarray
    tail: np.ndarray
    order: np.ndarray
    shift: np.ndarray
    scale: np.ndarray

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Rows [n, d] in the new coordinates."""
        mapped = (rows - self.centre) / self.spread
        for at in np.flatnonzero((self.tail != 0.0) | (self.order != 1.0)):
            mapped[:, at] = _power(_tails(mapped[:, at], self.tail[at])[0], self.order[at])[0]
        return (mapped - self.shift) / self.scale

    def inverse(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the old coordinates."""
        mapped = rows * self.scale + self.shift
        for at in np.flatnonzero((self.tail != 0.0) | (self.order != 1.0)):
            mapped[:, at] = _unbend(_unpower(mapped[:, at], self.order[at]), self.tail[at])
        return mapped * self.spread + self.centre

    @property
    def dimension(self) -> int:
        """Parameters of the shapes."""
        return int((self.tail != 0.0).sum() + (self.order != 1.0).sum())

    def log_slopes(self, rows: np.ndarray) -> np.ndarray:
        """log |∂new/∂old| of each entry, [n, d]."""
        standard = (rows - self.centre) / self.spread
        slopes = np.broadcast_to(-np.log(self.spread * self.scale), rows.shape).copy()
        for at in np.flatnonzero((self.tail != 0.0) | (self.order != 1.0)):
            bent, slope = _tails(standard[:, at], self.tail[at])
            slopes[:, at] += slope + _power(bent, self.order[at])[1]
        return slopes

    def log_jacobian(self, rows: np.ndarray) -> np.ndarray:
        """The sum of these over the columns, [n]."""
        return self.log_slopes(rows).sum(1)

    def only(self, columns: np.ndarray) -> Columns:
        """The maps of some columns."""
        return Columns(*(getattr(self, one.name)[columns] for one in dataclasses.fields(self)))

    def where(self, chosen: np.ndarray, other: Columns) -> Columns:
        """Those of ``other`` for the chosen columns."""
        pairs = ((getattr(self, one.name), getattr(other, one.name)) for one in dataclasses.fields(self))
        return Columns(*(np.where(chosen, b, a) for a, b in pairs))


def fit_columns(*samples: np.ndarray) -> Columns:
    """The map for the columns of one sample, or of several together."""
    pooled = np.concatenate(samples)
    lower, centre, upper = np.quantile(pooled, (0.25, 0.5, 0.75), axis=0)
    deviation = pooled.std(0)
    spread = np.where(upper > lower, (upper - lower) / 1.349, deviation)
    spread = np.where(spread > 1e-3 * deviation, spread, deviation)
    spread = np.where(spread > 0, spread, 1.0)
    width = pooled.shape[1]
    standard = [_quantiles((one - centre) / spread) for one in samples]
    counts = [len(one) for one in samples]

    best = np.full(width, -np.inf)
    tail, order = np.zeros(width), np.ones(width)
    plain = _likelihood(standard, counts, 0.0, np.ones(1))[0]
    for one in TAILS:
        likelihood = _likelihood(standard, counts, one, ORDERS)
        place = likelihood.argmax(0)
        value = likelihood[place, np.arange(width)]
        better = value > best
        best = np.where(better, value, best)
        tail, order = np.where(better, one, tail), np.where(better, ORDERS[place], order)
    kept = best - plain <= np.log(len(pooled))
    tail, order = np.where(kept, 0.0, tail), np.where(kept, 1.0, order)

    none = np.zeros(width)
    unscaled = Columns(centre, spread, tail, order, none, np.ones(width))
    mapped = [unscaled(one) for one in samples]
    shift = np.mean([one.mean(0) for one in mapped], axis=0)
    scale = np.sqrt(np.mean([one.var(0) for one in mapped], axis=0))
    return dataclasses.replace(unscaled, shift=shift, scale=np.where(scale > 0, scale, 1.0))


def _quantiles(rows: np.ndarray) -> np.ndarray:
    """The rows themselves, or some hundred quantiles of each column."""
    if len(rows) <= QUANTILES:
        return rows
    return np.quantile(rows, (np.arange(QUANTILES) + 0.5) / QUANTILES, axis=0)


def _likelihood(samples: list[np.ndarray], counts: list[int], tail: float, orders: np.ndarray) -> np.ndarray:
    """[orders, d]."""
    total = np.zeros((len(orders), samples[0].shape[1]))
    for rows, count in zip(samples, counts, strict=True):
        bent, slope = _tails(rows, tail)
        for at, order in enumerate(orders):
            mapped, steep = _power(bent, order)
            total[at] += count * ((slope + steep).mean(0) - 0.5 * np.log(np.maximum(mapped.var(0), 1e-300)))
    return total


def _tails(v: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    """asinh(c v)/c and the logarithm of its slope."""
    if c == 0.0:
        return v, np.zeros_like(v)
    return np.arcsinh(c * v) / c, -0.5 * np.log1p(np.square(c * v))


def _unbend(v: np.ndarray, c: float) -> np.ndarray:
    return v if c == 0.0 else np.sinh(np.clip(c * v, -300.0, 300.0)) / c


def _unpower(v: np.ndarray, order: float) -> np.ndarray:
    """The inverse of Yeo and Johnson's power, orders 0 to 2."""
    if order == 1.0:
        return v
    exponent = np.where(v >= 0, order, 2.0 - order)
    flat = np.abs(exponent) < 1e-9
    grown = np.log1p(exponent * np.abs(v)) / np.where(flat, 1.0, exponent)
    return np.sign(v) * np.expm1(np.minimum(np.where(flat, np.abs(v), grown), 300.0))


def _power(v: np.ndarray, order: float) -> tuple[np.ndarray, np.ndarray]:
    """Yeo and Johnson's power and the logarithm of its slope."""
    if order == 1.0:
        return v, np.zeros_like(v)
    magnitude = np.log1p(np.abs(v))
    exponent = np.where(v >= 0, order, 2.0 - order)
    flat = np.abs(exponent) < 1e-9
    grown = np.where(flat, magnitude, np.expm1(exponent * magnitude) / np.where(flat, 1.0, exponent))
    return np.sign(v) * grown, (exponent - 1.0) * magnitude
