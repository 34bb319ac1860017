"""More distributions on the line, and KL between two different ones: the textbook's formulas, in mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mpmath import digamma, erf, erfc, euler, exp, expm1, gamma, inf, log, loggamma, mpf, pi, sinh, sqrt

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


def _log_norm(eta: mpf) -> mpf:
    """log((exp(η) - 1)/η)"""
    return log(expm1(eta) / eta) if eta else mpf(0)


def _tilted_mean(eta: mpf) -> mpf:
    return 1 / -expm1(-eta) - 1 / eta if eta else mpf(1) / 2


def _lindley_kl(p: Vector, q: Vector) -> mpf:
    (a,), (b,) = p, q
    return 2 * log(a / b) + log((1 + b) / (1 + a)) + (b - a) * (a + 2) / (a * (a + 1))


def log_complement_mean(c: mpf, b: mpf) -> mpf:
    """E[log(1 - uᶜ)] for u of density b(1 - u)ᵇ⁻¹: the trapezoidal rule in y, -b log(1 - u) = exp(y)."""
    # The integrand decays like exp(2y) below and is analytic within about π/2, for an error of 10⁻⁴⁰.
    low, high, step = log(min(b, mpf(1))) - 50, log(mpf(110)), mpf("0.1")
    total = mpf(0)
    for i in range(int((high - low) / step) + 1):
        s = exp(low + i * step)
        total += s * exp(-s) * log(-expm1(c * log(-expm1(-s / b))))
    return total * step


def _kumaraswamy_kl(p: Vector, q: Vector) -> mpf:
    (a, b), (c, d) = p, q
    log_mean = -(euler + digamma(b + 1)) / a
    level = log(a * b / (c * d)) + (a - c) * log_mean - (b - 1) / b
    return level - (d - 1) * log_complement_mean(c / a, b)


def _kumaraswamy_beta_kl(p: Vector, q: Vector) -> mpf:
    (a, b), (c, d) = p, q
    log_mean = -(euler + digamma(b + 1)) / a
    level = log(a * b) + (a - c) * log_mean - (b - 1) / b + _log_beta(c, d)
    return level - (d - 1) * log_complement_mean(1 / a, b)


def _log_beta(a: mpf, b: mpf) -> mpf:
    return loggamma(a) + loggamma(b) - loggamma(a + b)


def _normal_mass(low: mpf, high: mpf) -> mpf:
    """Φ(high) - Φ(low)"""
    if high < 0:
        low, high = -high, -low
    return (erfc(low / sqrt(2)) - erfc(high / sqrt(2))) / 2


def _truncated_normal(x: mpf, m: mpf, s: mpf, low: mpf, high: mpf) -> mpf:
    return -(((x - m) / s) ** 2) / 2 - log(s * sqrt(2 * pi) * _normal_mass((low - m) / s, (high - m) / s))


def _truncated_normal_kl(p: Vector, q: Vector) -> mpf:
    (m, s, low, high), (n, t, lower, higher) = p, q
    if low < lower or high > higher:
        return mpf(inf)
    a, b = (low - m) / s, (high - m) / s
    mass, other = _normal_mass(a, b), _normal_mass((lower - n) / t, (higher - n) / t)
    ends = [(exp(-(z**2) / 2) / sqrt(2 * pi), z if abs(z) < inf else mpf(0)) for z in (a, b)]
    first = (ends[0][0] - ends[1][0]) / mass
    second = 1 + (ends[0][1] * ends[0][0] - ends[1][1] * ends[1][0]) / mass
    d = m - n
    return log(t * other / (s * mass)) + ((s**2 * second + 2 * s * d * first + d**2) / t**2 - second) / 2


TEXTBOOK = {
    "Chi": Textbook(
        lambda x, k: (k - 1) * log(x) - x**2 / 2 - (k / 2 - 1) * log(2) - loggamma(k / 2),
        _log_gamma_kl,
    ),
    "Chi2": Textbook(lambda x, k: (k / 2 - 1) * log(x) - x / 2 - k / 2 * log(2) - loggamma(k / 2), _log_gamma_kl),
    "ContinuousBernoulli": Textbook(
        lambda x, eta: eta * x - _log_norm(eta),
        lambda p, q: (p[0] - q[0]) * _tilted_mean(p[0]) - _log_norm(p[0]) + _log_norm(q[0]),
    ),
    "HalfCauchy": Textbook(
        lambda x, s: log(2 / (pi * s * (1 + (x / s) ** 2))), lambda p, q: log((p[0] + q[0]) ** 2 / (4 * p[0] * q[0]))
    ),
    "InverseGaussian": Textbook(
        lambda x, m, a: log(a / (2 * pi * x**3)) / 2 - a * (x - m) ** 2 / (2 * m**2 * x), _inverse_gaussian_kl
    ),
    "Kumaraswamy": Textbook(lambda x, a, b: log(a * b) + (a - 1) * log(x) + (b - 1) * log(1 - x**a), _kumaraswamy_kl),
    "Lindley": Textbook(lambda x, t: log(t**2 * (1 + x) / (1 + t)) - t * x, _lindley_kl),
    "LogUniform": Textbook(lambda x, low, high: -log(x * log(high / low)), _log_uniform_kl),
    "LogitNormal": Textbook(_logit_normal, FIRST["Normal"].kl),
    "Moyal": Textbook(
        lambda x, m, s: -((x - m) / s + exp(-(x - m) / s)) / 2 - log(s * sqrt(2 * pi)),
        _moyal_kl,
    ),
    "TruncatedNormal": Textbook(_truncated_normal, _truncated_normal_kl),
}


class Moments(NamedTuple):
    """What the cross-entropies ask of p: its ends, its entropy and expectations under it."""

    low: mpf
    high: mpf
    entropy: mpf
    mean: mpf
    variance: mpf
    log_mean: mpf | None = None  # E[log x]
    log_rest_mean: mpf | None = None  # E[log(1 - x)]
    decay: Callable[[mpf], mpf] | None = None  # E[exp(-x/β)] of β
    distance: Callable[[mpf], mpf] | None = None  # E|x - c| of c


def _of_beta(a: mpf, b: mpf) -> Moments:
    s = a + b
    entropy = _log_beta(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) + (s - 2) * digamma(s)
    logs = digamma(a) - digamma(s), digamma(b) - digamma(s)
    return Moments(mpf(0), mpf(1), entropy, a / s, a * b / (s**2 * (s + 1)), *logs)


def _of_continuous_bernoulli(eta: mpf) -> Moments:
    mean = _tilted_mean(eta)
    variance = 1 / eta**2 - 1 / (4 * sinh(eta / 2) ** 2) if eta else mpf(1) / 12
    return Moments(mpf(0), mpf(1), _log_norm(eta) - eta * mean, mean, variance)


def _of_gamma(a: mpf, b: mpf) -> Moments:
    entropy = a - log(b) + loggamma(a) + (1 - a) * digamma(a)
    decay = lambda beta: (1 + 1 / (b * beta)) ** -a  # noqa: E731
    return Moments(mpf(0), mpf(inf), entropy, a / b, a / b**2, digamma(a) - log(b), None, decay)


def _of_gumbel(m: mpf, b: mpf) -> Moments:
    return Moments(-mpf(inf), mpf(inf), log(b) + euler + 1, m + euler * b, pi**2 * b**2 / 6)


def _of_laplace(m: mpf, b: mpf) -> Moments:
    return Moments(-mpf(inf), mpf(inf), 1 + log(2 * b), m, 2 * b**2)


def _of_normal(m: mpf, s: mpf) -> Moments:
    def distance(c: mpf) -> mpf:
        d = m - c
        return s * sqrt(2 / pi) * exp(-(d**2) / (2 * s**2)) + d * erf(d / (s * sqrt(2)))

    entropy = log(2 * pi * s**2) / 2 + mpf(1) / 2
    decay = lambda beta: exp(-m / beta + s**2 / (2 * beta**2))  # noqa: E731
    return Moments(-mpf(inf), mpf(inf), entropy, m, s**2, None, None, decay, distance)


def _of_pareto(a: mpf, m: mpf) -> Moments:
    mean = a * m / (a - 1) if a > 1 else mpf(inf)
    variance = a * m**2 / ((a - 1) ** 2 * (a - 2)) if a > 2 else mpf(inf)
    return Moments(m, mpf(inf), log(m / a) + 1 / a + 1, mean, variance, log(m) + 1 / a)


def _of_uniform(low: mpf, high: mpf) -> Moments:
    w = high - low

    def log_mean(l: mpf, h: mpf) -> mpf:  # noqa: E741
        return (h * log(h) - (l * log(l) if l else 0)) / w - 1

    logs = log_mean(low, high) if low >= 0 else None, log_mean(1 - high, 1 - low) if high <= 1 else None
    decay = lambda beta: beta * (exp(-low / beta) - exp(-high / beta)) / w  # noqa: E731
    return Moments(low, high, log(w), (low + high) / 2, w**2 / 12, *logs, decay)


def _of_weibull(k: mpf, s: mpf) -> Moments:
    first, second = gamma(1 + 1 / k), gamma(1 + 2 / k)
    entropy, log_mean = euler * (1 - 1 / k) + log(s / k) + 1, log(s) - euler / k
    return Moments(mpf(0), mpf(inf), entropy, s * first, s**2 * (second - first**2), log_mean)


MOMENTS = {
    "Beta": _of_beta,
    "Chi2": lambda k: _of_gamma(k / 2, mpf(1) / 2),
    "ContinuousBernoulli": _of_continuous_bernoulli,
    "Exponential": lambda rate: _of_gamma(mpf(1), rate),
    "Gamma": _of_gamma,
    "Gumbel": _of_gumbel,
    "Laplace": _of_laplace,
    "Normal": _of_normal,
    "Pareto": _of_pareto,
    "Uniform": _of_uniform,
    "Weibull": _of_weibull,
}


def _gamma_loss(m: Moments, a: mpf, b: mpf) -> mpf:
    if a == 1:
        return b * m.mean - log(b)
    return loggamma(a) - a * log(b) - (a - 1) * m.log_mean + b * m.mean


# -E_p[log q(x)] from what p's expectations are, and the support of q.
CROSS_ENTROPIES = {
    "Beta": lambda m, a, b: _log_beta(a, b) - (a - 1) * m.log_mean - (b - 1) * m.log_rest_mean,
    "Chi2": lambda m, k: _gamma_loss(m, k / 2, mpf(1) / 2),
    "ContinuousBernoulli": lambda m, eta: _log_norm(eta) - eta * m.mean,
    "Exponential": lambda m, rate: _gamma_loss(m, mpf(1), rate),
    "Gamma": _gamma_loss,
    "Gumbel": lambda m, loc, b: log(b) + (m.mean - loc) / b + exp(loc / b) * m.decay(b),
    "Laplace": lambda m, loc, b: log(2 * b) + m.distance(loc) / b,
    "Normal": lambda m, loc, s: log(s * sqrt(2 * pi)) + (m.variance + (m.mean - loc) ** 2) / (2 * s**2),
    "Pareto": lambda m, a, s: (a + 1) * m.log_mean - log(a) - a * log(s),
    "Uniform": lambda m, low, high: log(high - low),
}
SUPPORTS = {
    "Gumbel": lambda *q: (-inf, inf),
    "Laplace": lambda *q: (-inf, inf),
    "Normal": lambda *q: (-inf, inf),
    "Beta": lambda *q: (0, 1),
    "ContinuousBernoulli": lambda *q: (0, 1),
    "Pareto": lambda a, s: (s, inf),
    "Uniform": lambda low, high: (low, high),
}


def _by_moments(one: str, other: str) -> Callable[[Vector, Vector], mpf]:
    def kl(p: Vector, q: Vector) -> mpf:
        low, high = SUPPORTS.get(other, lambda *q: (0, inf))(*q)
        moments = MOMENTS[one](*p)
        if moments.low < low or moments.high > high:
            return mpf(inf)
        return CROSS_ENTROPIES[other](moments, *q) - moments.entropy

    return kl


_PAIRS = """
    Beta: ContinuousBernoulli Exponential Gamma Normal Uniform
    Chi2: Exponential Gamma
    ContinuousBernoulli: Exponential Normal Uniform
    Exponential: Chi2 Gamma Gumbel Normal
    Gamma: Chi2 Exponential Gumbel Normal
    Gumbel: Normal
    Laplace: Normal
    Normal: Gumbel Laplace
    Pareto: Exponential Gamma Normal
    Uniform: Beta ContinuousBernoulli Exponential Gamma Gumbel Normal Pareto
    Weibull: Exponential Gamma
"""
CROSS = {
    (one, other): _by_moments(one, other)
    for one, others in (line.strip().split(": ") for line in _PAIRS.strip().splitlines())
    for other in others.split()
} | {("Kumaraswamy", "Beta"): _kumaraswamy_beta_kl}
