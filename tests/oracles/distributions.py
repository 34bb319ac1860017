"""Distributions from the textbook: log-densities and KL(p‖q) in their ordinary parameters, in mpmath."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mpmath import cosh, digamma, euler, exp, gamma, inf, log, loggamma, mpf, pi, sqrt

Vector = Sequence[mpf]


@dataclass(frozen=True)
class Textbook:
    """log_density(x, *parameters), and KL(p‖q) of two lists of parameters where a formula is known."""

    log_density: Callable[..., mpf]
    kl: Callable[[Vector, Vector], mpf] | None = None


def _normal_kl(p: Vector, q: Vector) -> mpf:
    return log(q[1] / p[1]) + (p[1] ** 2 + (p[0] - q[0]) ** 2) / (2 * q[1] ** 2) - mpf(1) / 2


def _half_normal_kl(p: Vector, q: Vector) -> mpf:
    return log(q[0] / p[0]) + p[0] ** 2 / (2 * q[0] ** 2) - mpf(1) / 2


def _gamma_kl(p: Vector, q: Vector) -> mpf:
    (a, b), (c, d) = p, q
    return (a - c) * digamma(a) - loggamma(a) + loggamma(c) + c * log(b / d) + a * (d - b) / b


def _laplace_kl(p: Vector, q: Vector) -> mpf:
    gap = abs(p[0] - q[0])
    return log(q[1] / p[1]) + (p[1] * exp(-gap / p[1]) + gap) / q[1] - 1


def _gumbel_kl(p: Vector, q: Vector) -> mpf:
    # E[z] = γ for z = (x - μ)/β under p, and E[exp(-(x - μ')/β')] = exp((μ' - μ)/β') Γ(1 + β/β').
    (m, b), (n, c) = p, q
    return log(c / b) - euler - 1 + (m + b * euler - n) / c + exp((n - m) / c) * gamma(1 + b / c)


def _weibull_kl(p: Vector, q: Vector) -> mpf:
    (k, a), (m, b) = p, q
    ratio = (a / b) ** m * gamma(1 + m / k)
    return log(k / a**k) - log(m / b**m) + (k - m) * (log(a) - euler / k) + ratio - 1


def _pareto_kl(p: Vector, q: Vector) -> mpf:
    if p[1] < q[1]:
        return mpf(inf)
    return log(p[0] / q[0]) + q[0] * log(p[1] / q[1]) + q[0] / p[0] - 1


def _beta_log_norm(a: mpf, b: mpf) -> mpf:
    return loggamma(a) + loggamma(b) - loggamma(a + b)


def _beta_kl(p: Vector, q: Vector) -> mpf:
    (a, b), (c, d) = p, q
    slopes = (a - c) * digamma(a) + (b - d) * digamma(b) + (c - a + d - b) * digamma(a + b)
    return _beta_log_norm(c, d) - _beta_log_norm(a, b) + slopes


def _uniform_kl(p: Vector, q: Vector) -> mpf:
    return log((q[1] - q[0]) / (p[1] - p[0])) if q[0] <= p[0] and p[1] <= q[1] else mpf(inf)


def _normal(x: mpf, m: mpf, s: mpf) -> mpf:
    return -(((x - m) / s) ** 2) / 2 - log(s * sqrt(2 * pi))


TEXTBOOK = {
    "Beta": Textbook(lambda x, a, b: (a - 1) * log(x) + (b - 1) * log(1 - x) - _beta_log_norm(a, b), _beta_kl),
    "Cauchy": Textbook(
        lambda x, m, s: -log(pi * s * (1 + ((x - m) / s) ** 2)),
        lambda p, q: log(((p[1] + q[1]) ** 2 + (p[0] - q[0]) ** 2) / (4 * p[1] * q[1])),
    ),
    "Exponential": Textbook(lambda x, r: log(r) - r * x, lambda p, q: log(p[0] / q[0]) + q[0] / p[0] - 1),
    "Gamma": Textbook(lambda x, a, b: a * log(b) - loggamma(a) + (a - 1) * log(x) - b * x, _gamma_kl),
    "Gumbel": Textbook(lambda x, m, b: -(x - m) / b - exp(-(x - m) / b) - log(b), _gumbel_kl),
    "HalfNormal": Textbook(lambda x, s: _normal(x, 0, s) + log(2), _half_normal_kl),
    "InverseGamma": Textbook(lambda x, a, b: a * log(b) - loggamma(a) - (a + 1) * log(x) - b / x, _gamma_kl),
    "Laplace": Textbook(lambda x, m, b: -abs(x - m) / b - log(2 * b), _laplace_kl),
    "LogNormal": Textbook(lambda x, m, s: _normal(log(x), m, s) - log(x), _normal_kl),
    "Logistic": Textbook(lambda x, m, s: -2 * log(2 * cosh((x - m) / (2 * s))) - log(s)),
    "Normal": Textbook(_normal, _normal_kl),
    "Pareto": Textbook(lambda x, a, m: log(a) + a * log(m) - (a + 1) * log(x), _pareto_kl),
    "Poisson": Textbook(
        lambda k, r: k * log(r) - r - loggamma(k + 1), lambda p, q: p[0] * log(p[0] / q[0]) - p[0] + q[0]
    ),
    "Rayleigh": Textbook(
        lambda x, s: log(x / s**2) - x**2 / (2 * s**2), lambda p, q: 2 * log(q[0] / p[0]) + p[0] ** 2 / q[0] ** 2 - 1
    ),
    "StudentT": Textbook(
        lambda x, v, m, s: (
            loggamma((v + 1) / 2)
            - loggamma(v / 2)
            - log(v * pi) / 2
            - log(s)
            - (v + 1) / 2 * log(1 + ((x - m) / s) ** 2 / v)
        )
    ),
    "Uniform": Textbook(lambda x, low, high: -log(high - low), _uniform_kl),
    "Weibull": Textbook(lambda x, k, s: log(k / s) + (k - 1) * log(x / s) - (x / s) ** k, _weibull_kl),
}
