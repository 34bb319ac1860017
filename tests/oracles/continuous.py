"""More distributions on the line, and KL between two different ones: the textbook's formulas, in mpmath."""

from __future__ import annotations

from mpmath import digamma, euler, exp, gamma, inf, log, loggamma, mpf, pi, sqrt

from .distributions import TEXTBOOK as FIRST
from .distributions import Textbook, Vector


def _log_gamma_kl(p: Vector, q: Vector) -> mpf:
    a, c = p[0] / 2, q[0] / 2
    return (a - c) * digamma(a) - loggamma(a) + loggamma(c)


def _inverse_gaussian_kl(p: Vector, q: Vector) -> mpf:
    # E[x] = μ and E[1/x] = 1/μ + 1/λ.
    (m, a), (n, b) = p, q
    return log(a / b) / 2 - mpf(1) / 2 + b / 2 * (m / n**2 - 2 / n + 1 / m + 1 / a)


def _log_uniform_kl(p: Vector, q: Vector) -> mpf:
    if p[0] < q[0] or p[1] > q[1]:
        return mpf(inf)
    return log(log(q[1] / q[0]) / log(p[1] / p[0]))


def _moyal_kl(p: Vector, q: Vector) -> mpf:
    # exp(-z) is chi-squared with one degree of freedom: E[z] = γ + log 2, E[exp(-rz)] = 2ʳ Γ(½ + r)/Γ(½).
    (m, s), (n, t) = p, q
    mean, ratio = euler + log(2), s / t
    far = exp((n - m) / t) * 2**ratio * gamma(mpf(1) / 2 + ratio) / sqrt(pi)
    return log(t / s) - (mean + 1) / 2 + ((m - n) / t + ratio * mean + far) / 2


def _logit_normal(x: mpf, m: mpf, s: mpf) -> mpf:
    return -(((log(x / (1 - x)) - m) / s) ** 2) / 2 - log(s * sqrt(2 * pi) * x * (1 - x))


TEXTBOOK = {
    "Chi": Textbook(
        lambda x, k: (k - 1) * log(x) - x**2 / 2 - (k / 2 - 1) * log(2) - loggamma(k / 2),
        _log_gamma_kl,
    ),
    "Chi2": Textbook(lambda x, k: (k / 2 - 1) * log(x) - x / 2 - k / 2 * log(2) - loggamma(k / 2), _log_gamma_kl),
    "HalfCauchy": Textbook(
        lambda x, s: log(2 / (pi * s * (1 + (x / s) ** 2))), lambda p, q: log((p[0] + q[0]) ** 2 / (4 * p[0] * q[0]))
    ),
    "InverseGaussian": Textbook(
        lambda x, m, a: log(a / (2 * pi * x**3)) / 2 - a * (x - m) ** 2 / (2 * m**2 * x), _inverse_gaussian_kl
    ),
    "LogUniform": Textbook(lambda x, low, high: -log(x * log(high / low)), _log_uniform_kl),
    "LogitNormal": Textbook(_logit_normal, FIRST["Normal"].kl),
    "Moyal": Textbook(
        lambda x, m, s: -((x - m) / s + exp(-(x - m) / s)) / 2 - log(s * sqrt(2 * pi)),
        _moyal_kl,
    ),
}

CROSS = {}
