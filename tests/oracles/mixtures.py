"""Divergences of mixtures of numbers by Gauss–Legendre's rule on thousands of panels around each component."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LogDensity = Callable[[Array], Array]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def normal(x: Array, loc: float, scale: float) -> Array:
    """log of the normal density."""
    return -0.5 * ((x - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)


def laplace(x: Array, loc: float, scale: float) -> Array:
    """log of the Laplace density."""
    return -np.abs((x - loc) / scale) - np.log(2 * scale)


def mixture(weights: Sequence[float], locs: Sequence[float], scales: Sequence[float], kind: Callable) -> LogDensity:
    """log of the mixture's density."""

    def log_density(x: Array) -> Array:
        logs = np.stack([np.log(w) + kind(x, m, s) for w, m, s in zip(weights, locs, scales, strict=True)])
        top = logs.max(0)
        return top + np.log(np.exp(logs - top).sum(0))

    return log_density


def _kl(a: Array, b: Array) -> Array:
    return np.exp(a) * (a - b) - np.exp(a) + np.exp(b)


def _jensen_shannon(a: Array, b: Array) -> Array:
    m = np.logaddexp(a, b) - np.log(2.0)
    return 0.5 * (np.exp(a) * (a - m) + np.exp(b) * (b - m))


SUMMANDS: dict[str, Callable[[Array, Array], Array]] = {
    "kl": _kl,
    "jensen_shannon": _jensen_shannon,
    "squared_hellinger": lambda a, b: 0.5 * (np.exp(0.5 * a) - np.exp(0.5 * b)) ** 2,
    "total_variation": lambda a, b: 0.5 * np.abs(np.exp(a) - np.exp(b)),
}


def divergence(
    verb: str, log_p: LogDensity, log_q: LogDensity, centers: Sequence[float], scales: Sequence[float]
) -> float:
    """∫ of the verb's summand, from 60 widths below the lowest to 60 above the highest component."""
    steps = np.concatenate([np.linspace(0.0, 16.0, 129), 16.0 * 1.25 ** np.arange(1, 90)])
    cuts = [c + way * s * steps for c, s in zip(centers, scales, strict=True) for way in (-1.0, 1.0)]
    low = min(c - 60.0 * s for c, s in zip(centers, scales, strict=True))
    high = max(c + 60.0 * s for c, s in zip(centers, scales, strict=True))
    grid = np.unique(np.clip(np.concatenate(cuts), low, high))
    grid = np.unique(np.concatenate([grid, _crossings(grid, lambda x: log_p(x) - log_q(x))]))
    left, half = grid[:-1], 0.5 * np.diff(grid)
    x = left[:, None] + half[:, None] * (1.0 + _NODES)
    return float((SUMMANDS[verb](log_p(x), log_q(x)) * _WEIGHTS * half[:, None]).sum())


def _crossings(grid: Array, gap: LogDensity) -> Array:
    """Where the densities cross, by bisection: there |p - q| bends."""
    value = gap(grid)
    at = np.nonzero(value[:-1] * value[1:] < 0.0)[0]
    a, b, sign = grid[at], grid[at + 1], np.sign(value[at])
    for _ in range(80):
        middle = 0.5 * (a + b)
        same = np.sign(gap(middle)) == sign
        a, b = np.where(same, middle, a), np.where(same, b, middle)
    return 0.5 * (a + b)
