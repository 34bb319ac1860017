"""One p-value for a column, from the counts of both tables in the same cells, without a permutation.

Counts a (reference, n rows) and b (current, m rows), t = a + b, N = n + m. If nothing changed, the labels of the rows
are exchangeable, and given t the vector b is multivariate hypergeometric:

    E b_j = m t_j/N,    Cov b = nm/(N - 1) [diag(t/N) - tt'/N²].

With polynomials φ_r of the pooled mid-ranks, orthonormal under t/N, the z_r = Σ (b_j - m t_j/N) φ_r(j) / √(nm/(N - 1))
are uncorrelated with unit variance, and of them are made

    order  AD = Σ_{r≤8} z_r²/(r(r + 1)),   a weighted sum of χ²_1     shifts: it looks at the order of the cells
    shape  S  = Σ_{r≤4} z_r²,              χ²_4                       spread, skewness, two modes
    any    X² = Σ_r z_r², r < cells,       gamma                      single cells; Pearson's, as G is liberal
    missing                                hypergeometric, exactly    rows without a value
    digits                                 as the first three         of a text, besides its length

whose p-values are combined by T = Σ ω_i tan((½ - p_i)π), p = ½ - arctan(T)/π, Cauchy's law, which holds far in the
tail whatever the dependence of the parts. At 5 % the dependence of the first three makes it 10 % too small, so they are
combined first, as p + c p^1.435 log(1/p), which is within 1.5 % at every p and number of cells; the missing values,
independent of them, join by the same law. All is symmetric in the two tables.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import legendre
from scipy import special

from kljax.tables._tail import hypergeometric, weighted_chi_squares

WEIGHTS = {"order": 0.5, "shape": 0.25, "any": 0.25}
MISSING = 0.2
_ORDERS, _SHAPES = 8, 4
_LEAST = 1e-300  # no p-value is less
_DEPENDENCE, _MOST, _POWER = 0.018, 0.125, 1.435  # fitted to 400 000 Gaussian draws for each number of cells


def p_values(reference: np.ndarray, current: np.ndarray, *, ordered: bool) -> dict[str, float]:
    """p-values of each part that applies to these cells, missing values apart; none where there is one cell."""
    a, b = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    a, b = a[a + b > 0], b[a + b > 0]
    n, m, cells = a.sum(), b.sum(), len(a)
    if cells < 2 or n == 0 or m == 0:
        return {}
    if cells == 2:
        p = hypergeometric(int(b[0]), int(m), int(a[0] + b[0]), int(n + m))
        return {"order": p, "any": p} if ordered else {"any": p}
    shares = (a + b) / (n + m)
    scale = math.sqrt(n * m / (n + m - 1))
    deviations = (b - m * shares) / np.sqrt(shares) / scale
    found = {"any": _pearson(float(deviations @ deviations), a + b, n, m)}
    if ordered:
        scores = _orthonormal(shares, min(_ORDERS, cells - 1)).T @ deviations
        r = np.arange(1, len(scores) + 1)
        found["order"] = weighted_chi_squares(float(np.sum(scores**2 / (r * (r + 1)))), 1 / (r * (r + 1)))
        shape = scores[:_SHAPES]
        found["shape"] = float(special.chdtrc(len(shape), float(shape @ shape)))
    return found


def missing_part(missing: tuple[int, int], rows: tuple[int, int]) -> dict[str, float]:
    """The p-value of the missing rows, if there are any."""
    if not sum(missing) or not all(rows):
        return {}
    return {"missing": hypergeometric(missing[1], rows[1], sum(missing), sum(rows))}


def combined(found: dict[str, float], cells: int) -> float:
    """One p-value of all parts of a column with so many cells; 1 of none."""
    weights = {name: weight for name, weight in WEIGHTS.items() if name in found}
    p = 1.0
    if weights:
        p = cauchy(found, weights)
        if len(weights) == len(WEIGHTS):
            p += min(_DEPENDENCE * cells, _MOST) * p**_POWER * -math.log(p)
    apart = [name for name in found if name not in WEIGHTS]
    if apart:
        shares = {name: MISSING / len(apart) for name in apart} | ({"values": 1 - MISSING} if weights else {})
        p = cauchy({**found, "values": p}, shares)
    return min(p, 1.0)


def cauchy(found: dict[str, float], weights: dict[str, float]) -> float:
    """½ - arctan(Σ ω tan((½ - p)π))/π, the weights made to sum to one; p itself where all are alike."""
    total, whole = 0.0, sum(weights.values())
    if len({found[name] for name in weights}) == 1:
        return max(found[next(iter(weights))], _LEAST)
    for name, weight in weights.items():
        p = min(max(found[name], _LEAST), 1 - 1e-12)
        total += weight / whole * (1 / (p * math.pi) if p < 1e-15 else math.tan((0.5 - p) * math.pi))
    return math.atan2(1.0, total) / math.pi


def _pearson(statistic: float, t: np.ndarray, n: float, m: float) -> float:
    """P(> X²) of a gamma variable of the statistic's mean, cells - 1, and its exact variance."""
    freedom, variance = len(t) - 1, pearson_variance(t, n, m)
    if variance <= 0:  # every arrangement of the labels gives the same statistic
        return 1.0
    return float(special.gammaincc(freedom**2 / variance, statistic * freedom / variance))


def pearson_variance(t: np.ndarray, n: float, m: float) -> float:
    """Variance of X² over all arrangements of n and m labels on the t rows of the cells, at least 4 rows in all.

    With N rows, v = (K - 1)(N - K)/(N - 1) and w = (Σ N/t - K²)/(N - 2) of either margin of K totals t, it is
    (1 - 1/N)² [2N/(N - 3) (v₁ - w₁)(v₂ - w₂) + N²/(N - 1) w₁w₂], and 2 (cells - 1) where all expected counts are large;
    small ones make it less.

    References:
        Haldane (1940), "The mean and variance of chi-squared, when used as a test of homogeneity, when expectations are
        small".
    """
    total = n + m
    if total < 4:
        return 2.0 * (len(t) - 1)
    v, w = [], []
    for margin in (np.array([n, m]), t):
        count = len(margin)
        v.append((count - 1) * (total - count) / (total - 1))
        w.append((float(np.sum(total / margin)) - count**2) / (total - 2))
    inner = 2 * total / (total - 3) * (v[0] - w[0]) * (v[1] - w[1]) + total**2 / (total - 1) * w[0] * w[1]
    return (1 - 1 / total) ** 2 * inner


def _orthonormal(shares: np.ndarray, orders: int) -> np.ndarray:
    """φ_r(j) √share_j for r = 1..orders, the columns orthonormal."""
    middle = np.cumsum(shares) - shares / 2
    basis = legendre.legvander(2 * middle - 1, orders) * np.sqrt(shares)[:, None]
    return np.linalg.qr(basis)[0][:, 1:]


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Adjusted p-values: the least false discovery rate at which each would be called."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(-p, kind="stable")
    ranks = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(p[order] * len(p) / ranks), 1.0)
    return adjusted
