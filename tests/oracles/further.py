"""More distributions from the textbook, in mpmath: counts, correlation matrices, extremes, conjugate priors."""

from __future__ import annotations

import itertools
from typing import Any

import mpmath
from mpmath import besseli, beta, digamma, exp, fsum, inf, log, loggamma, matrix, mpf, ncdf, pi, sqrt, zeta

from .discrete import rows_kl
from .distributions import TEXTBOOK as SCALARS
from .distributions import Textbook, Vector
from .multivariate import TEXTBOOK as VECTORS


def _log_choose(k: Vector) -> mpf:
    return loggamma(fsum(k) + 1) - fsum(loggamma(one + 1) for one in k)


def multinomial(k: Vector, n: mpf, p: Vector) -> mpf:
    return _log_choose(k) + fsum(one * log(q) for one, q in zip(k, p, strict=True) if one)


def dirichlet_multinomial(k: Vector, n: mpf, a: Vector) -> mpf:
    rise = fsum(loggamma(x + y) - loggamma(x) for x, y in zip(a, k, strict=True))
    return _log_choose(k) + rise - loggamma(fsum(a) + n) + loggamma(fsum(a))


def compositions(n: int, parts: int) -> list[tuple[int, ...]]:
    """All counts that add up to n."""
    return [k for k in itertools.product(range(n + 1), repeat=parts) if sum(k) == n]


def _dirichlet_multinomial_kl(p: Vector, q: Vector) -> mpf:
    (n, a), (m, b) = p, q
    total = mpf(0)
    for k in compositions(int(n), len(a)):
        x = dirichlet_multinomial(k, n, a)
        total += exp(x) * (x - dirichlet_multinomial(k, m, b))
    return total


def lkj_norm(n: int, eta: mpf) -> mpf:
    """log ∫ det(R)^(η - 1) by vines: ∏ over k of ∫(1 - r²)^(η + ½(n - 1 - k) - 1)dr, to the power n - 1 - (k - 1)."""
    total = mpf(0)
    for k in range(1, n):
        # Partial correlations of order k - 1, n - k of them, are 2 Beta(β, β) - 1, β = η + ½(n - 1 - k).
        b = eta + mpf(n - 1 - k) / 2
        total += (n - k) * ((2 * b - 1) * log(2) + log(beta(b, b)))
    return total


def _lkj_mean_log(n: int, eta: mpf) -> mpf:
    """E log det R"""
    return fsum(digamma(eta + mpf(n - 1 - k) / 2) - digamma(eta + mpf(n - 1) / 2) for k in range(1, n))


def _lkj_kl(p: Vector, q: Vector) -> mpf:
    (n, a), (_, b) = p, q
    return (a - b) * _lkj_mean_log(int(n), a) - lkj_norm(int(n), a) + lkj_norm(int(n), b)


def _lkj(r: Any, n: mpf, eta: mpf) -> mpf:
    return (eta - 1) * log(mpmath.det(matrix(r))) - lkj_norm(int(n), eta)


def _extreme(x: mpf, m: mpf, s: mpf, c: mpf) -> mpf:
    y = log(1 + c * (x - m) / s) / c if c else (x - m) / s
    return -log(s) - (1 + c) * y - exp(-y)


def _excess(x: mpf, m: mpf, s: mpf, c: mpf) -> mpf:
    y = log(1 + c * (x - m) / s) / c if c else (x - m) / s
    return -log(s) - (1 + c) * y


def _fisher(x: mpf, m: mpf, n: mpf) -> mpf:
    a, b = m / 2, n / 2
    return a * log(m / n) + (a - 1) * log(x) - (a + b) * log(1 + m * x / n) - log(beta(a, b))


def _triangular(x: mpf, low: mpf, high: mpf, peak: mpf) -> mpf:
    side = (x - low) / (peak - low) if x < peak else (high - x) / (high - peak)
    return log(2 * side / (high - low))


def _zipf_kl(p: Vector, q: Vector) -> mpf:
    s, t = p[0], q[0]
    return (s - t) * mpmath.zeta(s, 1, 1) / zeta(s) - log(zeta(s)) + log(zeta(t))


def _discrete_uniform_kl(p: Vector, q: Vector) -> mpf:
    return log((q[1] - q[0] + 1) / (p[1] - p[0] + 1)) if q[0] <= p[0] and p[1] <= q[1] else mpf(inf)


def _normal_gamma(x: Vector, m: mpf, k: mpf, a: mpf, b: mpf) -> mpf:
    mean, precision = x
    return SCALARS["Normal"].log_density(mean, m, 1 / sqrt(k * precision)) + SCALARS["Gamma"].log_density(
        precision, a, b
    )


def _normal_gamma_kl(p: Vector, q: Vector) -> mpf:
    # E over the precision of KL of the two normal distributions.
    (m, k, a, b), (n, j, _, _) = p, q
    normal = (j / k - 1 - log(j / k) + j * (m - n) ** 2 * a / b) / 2
    return normal + SCALARS["Gamma"].kl(p[2:], q[2:])


def _normal_inverse_wishart(x: Vector, m: Vector, k: mpf, df: mpf, scale: Any) -> mpf:
    mean, covariance = x
    given = VECTORS["MultivariateNormal"].log_density(mean, m, (matrix(covariance) / k).tolist())
    return given + VECTORS["InverseWishart"].log_density(covariance, df, scale)


def _normal_inverse_wishart_kl(p: Vector, q: Vector) -> mpf:
    (m, k, df, scale), (n, j, other, second) = p, q
    d = matrix(m) - matrix(n)
    away = (d.T * matrix(scale) ** -1 * d)[0]
    normal = (len(m) * (j / k - 1 - log(j / k)) + j * df * away) / 2
    return normal + VECTORS["InverseWishart"].kl((df, scale), (other, second))


TEXTBOOK = {
    "BetaBinomial": Textbook(lambda k, n, a, b: dirichlet_multinomial((k, n - k), n, (a, b))),
    "DirichletMultinomial": Textbook(dirichlet_multinomial, _dirichlet_multinomial_kl),
    "DiscreteUniform": Textbook(lambda k, low, high: -log(high - low + 1), _discrete_uniform_kl),
    "FisherSnedecor": Textbook(_fisher),
    "GeneralizedExtremeValue": Textbook(_extreme),
    "GeneralizedPareto": Textbook(_excess),
    "LKJ": Textbook(_lkj, _lkj_kl),
    "Multinomial": Textbook(multinomial, lambda p, q: p[0] * rows_kl(p[1], q[1])),
    "NormalGamma": Textbook(_normal_gamma, _normal_gamma_kl),
    "NormalInverseWishart": Textbook(_normal_inverse_wishart, _normal_inverse_wishart_kl),
    "Skellam": Textbook(
        lambda k, a, b: -a - b + k / 2 * log(a / b) + log(besseli(abs(k), 2 * sqrt(a * b))),
    ),
    "SkewNormal": Textbook(
        lambda x, m, s, a: log(2 / s) - ((x - m) / s) ** 2 / 2 - log(2 * pi) / 2 + log(ncdf(a * (x - m) / s))
    ),
    "Triangular": Textbook(_triangular),
    "Zipf": Textbook(lambda k, s: -s * log(k) - log(zeta(s)), _zipf_kl),
}
