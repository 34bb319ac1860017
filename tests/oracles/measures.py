"""Log-densities, entropies, means and variances of the textbook in their ordinary parameters, in mpmath.

Nothing is rearranged: with enough digits the formulas may cancel as they like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mpmath
from mpmath import digamma, euler, exp, gamma, inf, log, loggamma, mpf, pi, sqrt

from oracles.continuous import TEXTBOOK as MORE
from oracles.distributions import TEXTBOOK as FIRST

Formula = Callable[..., mpf]


class Measures(NamedTuple):
    """What is known of a family, as functions of its parameters; log_density(x, *parameters)."""

    log_density: Formula
    entropy: Formula | None
    mean: Formula | None
    variance: Formula | None


def _gamma_entropy(a: mpf, b: mpf) -> mpf:
    return a - log(b) + loggamma(a) + (1 - a) * digamma(a)


def _log_beta(a: mpf, b: mpf) -> mpf:
    return loggamma(a) + loggamma(b) - loggamma(a + b)


def _beta_entropy(a: mpf, b: mpf) -> mpf:
    return _log_beta(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) + (a + b - 2) * digamma(a + b)


def _chi_mean(k: mpf) -> mpf:
    return sqrt(2) * exp(loggamma((k + 1) / 2) - loggamma(k / 2))


def _kumaraswamy(a: mpf, b: mpf, n: int) -> mpf:
    return b * exp(_log_beta(1 + mpf(n) / a, b))


def _student_entropy(v: mpf, m: mpf, s: mpf) -> mpf:
    rise = digamma((v + 1) / 2) - digamma(v / 2)
    return (v + 1) / 2 * rise + log(sqrt(v)) + _log_beta(v / 2, mpf(1) / 2) + log(s)


def _inverse_gaussian_entropy(m: mpf, c: mpf) -> mpf:
    s = 2 * c / m
    return log(2 * pi * mpmath.e * m**3 / c) / 2 - mpf(3) / 2 * exp(s) * mpmath.e1(s)


def _tilted(eta: mpf) -> mpf:
    return mpf(1) / 2 if eta == 0 else 1 / (1 - exp(-eta)) - 1 / eta


def _tilted_norm(eta: mpf) -> mpf:
    return mpf(0) if eta == 0 else log((exp(eta) - 1) / eta)


def _tilted_variance(eta: mpf) -> mpf:
    return mpf(1) / 12 if eta == 0 else 1 / eta**2 - exp(eta) / (exp(eta) - 1) ** 2


def _normal_part(low: mpf, high: mpf) -> tuple[mpf, mpf, mpf]:
    """Mass, mean and variance of a standard normal variable between two bounds."""
    edge = [mpmath.npdf(one) if abs(one) < inf else mpf(0) for one in (low, high)]
    tails = [mpmath.erfc(one / sqrt(2)) / 2 for one in (low, high)]
    mass = tails[0] - tails[1]
    mean = (edge[0] - edge[1]) / mass
    moved = [x * y if abs(x) < inf else mpf(0) for x, y in zip((low, high), edge, strict=True)]
    return mass, mean, 1 + (moved[0] - moved[1]) / mass - mean**2


def _truncated(m: mpf, s: mpf, low: mpf, high: mpf) -> tuple[mpf, mpf, mpf, mpf]:
    a, b = (low - m) / s, (high - m) / s
    mass, mean, variance = _normal_part(a, b)
    entropy = log(s * mass * sqrt(2 * pi)) + (variance + mean**2) / 2
    return entropy, m + s * mean, s**2 * variance, mass


def _constant(value: mpf) -> Formula:
    return lambda *parameters: value


def _made(name: str, entropy: Formula | None, mean: Formula | None, variance: Formula | None) -> Measures:
    return Measures((FIRST.get(name) or MORE[name]).log_density, entropy, mean, variance)


MEASURES: dict[str, Measures] = {
    "Beta": _made("Beta", _beta_entropy, lambda a, b: a / (a + b), lambda a, b: a * b / ((a + b) ** 2 * (a + b + 1))),
    "Cauchy": _made("Cauchy", lambda m, s: log(4 * pi * s), None, None),
    "Chi": _made(
        "Chi",
        lambda k: loggamma(k / 2) + k / 2 - log(2) / 2 - (k - 1) / 2 * digamma(k / 2),
        _chi_mean,
        lambda k: k - _chi_mean(k) ** 2,
    ),
    "Chi2": _made("Chi2", lambda k: _gamma_entropy(k / 2, mpf(1) / 2), lambda k: k, lambda k: 2 * k),
    "ContinuousBernoulli": _made(
        "ContinuousBernoulli", lambda t: _tilted_norm(t) - t * _tilted(t), _tilted, _tilted_variance
    ),
    "Exponential": _made("Exponential", lambda r: 1 - log(r), lambda r: 1 / r, lambda r: 1 / r**2),
    "Gamma": _made("Gamma", _gamma_entropy, lambda a, b: a / b, lambda a, b: a / b**2),
    "Gumbel": _made(
        "Gumbel", lambda m, b: 1 + log(b) + euler, lambda m, b: m + euler * b, lambda m, b: pi**2 * b**2 / 6
    ),
    "HalfCauchy": _made("HalfCauchy", lambda s: log(2 * pi * s), None, None),
    "HalfNormal": _made(
        "HalfNormal",
        lambda s: log(s * sqrt(pi / 2)) + mpf(1) / 2,
        lambda s: s * sqrt(2 / pi),
        lambda s: s**2 * (1 - 2 / pi),
    ),
    "InverseGamma": _made(
        "InverseGamma",
        lambda a, b: a + log(b) + loggamma(a) - (1 + a) * digamma(a),
        lambda a, b: b / (a - 1) if a > 1 else mpf(inf),
        lambda a, b: b**2 / ((a - 1) ** 2 * (a - 2)) if a > 2 else mpf(inf),
    ),
    "InverseGaussian": _made("InverseGaussian", _inverse_gaussian_entropy, lambda m, c: m, lambda m, c: m**3 / c),
    "Kumaraswamy": _made(
        "Kumaraswamy",
        lambda a, b: 1 - 1 / b + (1 - 1 / a) * (euler + digamma(b + 1)) - log(a * b),
        lambda a, b: _kumaraswamy(a, b, 1),
        lambda a, b: _kumaraswamy(a, b, 2) - _kumaraswamy(a, b, 1) ** 2,
    ),
    "Laplace": _made("Laplace", lambda m, b: 1 + log(2 * b), lambda m, b: m, lambda m, b: 2 * b**2),
    "Lindley": _made(
        "Lindley",
        lambda t: log((1 + t) / t**2) + 1 - exp(t) * mpmath.e1(t) / (1 + t),
        lambda t: (t + 2) / (t * (t + 1)),
        lambda t: (t**2 + 4 * t + 2) / (t * (t + 1)) ** 2,
    ),
    "LogNormal": _made(
        "LogNormal",
        lambda m, s: m + log(s) + log(2 * pi * mpmath.e) / 2,
        lambda m, s: exp(m + s**2 / 2),
        lambda m, s: (exp(s**2) - 1) * exp(2 * m + s**2),
    ),
    "LogUniform": _made(
        "LogUniform",
        lambda a, b: log(a * b) / 2 + log(log(b / a)),
        lambda a, b: (b - a) / log(b / a),
        lambda a, b: (b**2 - a**2) / (2 * log(b / a)) - ((b - a) / log(b / a)) ** 2,
    ),
    "Logistic": _made("Logistic", lambda m, s: 2 + log(s), lambda m, s: m, lambda m, s: pi**2 * s**2 / 3),
    "LogitNormal": _made("LogitNormal", None, None, None),
    "Moyal": _made(
        "Moyal",
        lambda m, s: log(s) + (1 + euler + log(4 * pi)) / 2,
        lambda m, s: m + s * (euler + log(2)),
        lambda m, s: pi**2 * s**2 / 2,
    ),
    "Normal": _made("Normal", lambda m, s: log(s * sqrt(2 * pi * mpmath.e)), lambda m, s: m, lambda m, s: s**2),
    "Pareto": _made(
        "Pareto",
        lambda a, m: log(m / a) + 1 / a + 1,
        lambda a, m: a * m / (a - 1) if a > 1 else mpf(inf),
        lambda a, m: a * m**2 / ((a - 1) ** 2 * (a - 2)) if a > 2 else mpf(inf),
    ),
    "Rayleigh": _made(
        "Rayleigh",
        lambda s: 1 + log(s / sqrt(2)) + euler / 2,
        lambda s: s * sqrt(pi / 2),
        lambda s: (2 - pi / 2) * s**2,
    ),
    "StudentT": _made(
        "StudentT",
        _student_entropy,
        lambda v, m, s: m if v > 1 else mpf("nan"),
        lambda v, m, s: s**2 * v / (v - 2) if v > 2 else (mpf(inf) if v > 1 else mpf("nan")),
    ),
    "TruncatedNormal": _made("TruncatedNormal", *(lambda *q, at=at: _truncated(*q)[at] for at in range(3))),
    "Uniform": _made("Uniform", lambda a, b: log(b - a), lambda a, b: (a + b) / 2, lambda a, b: (b - a) ** 2 / 12),
    "Weibull": _made(
        "Weibull",
        lambda k, s: euler * (1 - 1 / k) + log(s / k) + 1,
        lambda k, s: s * gamma(1 + 1 / k),
        lambda k, s: s**2 * (gamma(1 + 2 / k) - gamma(1 + 1 / k) ** 2),
    ),
    "Poisson": _made("Poisson", None, lambda r: r, lambda r: r),
}
