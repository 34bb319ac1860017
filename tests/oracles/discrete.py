"""Distributions of integers, of categories and of angles: the textbook's formulas in probabilities, in mpmath."""

from __future__ import annotations

from mpmath import besseli, binomial, cos, exp, fsum, gamma, inf, log, loggamma, mpf, pi

from .distributions import Textbook, Vector


def sigmoid(x: mpf) -> mpf:
    """1/(1 + e⁻ˣ)"""
    return mpf(1) / (1 + exp(-x)) if x != -inf else mpf(0)


def softmax(logits: Vector) -> list[mpf]:
    """exp(a)/Σ exp(a)"""
    weights = [exp(one) if one != -inf else mpf(0) for one in logits]
    return [one / fsum(weights) for one in weights]


def _x_log(x: mpf, ratio: mpf, other: mpf) -> mpf:
    """x log(ratio/other), 0 for x = 0 and ∞ for x > 0 = other."""
    return mpf(0) if x == 0 else mpf(inf) if other == 0 else x * log(ratio / other)


def rows_kl(p: Vector, q: Vector) -> mpf:
    """Σ p log(p/q)"""
    return fsum(_x_log(a, a, b) for a, b in zip(p, q, strict=True))


def _trial_kl(p: mpf, q: mpf) -> mpf:
    return rows_kl([p, 1 - p], [q, 1 - q])


def _binomial_kl(p: Vector, q: Vector) -> mpf:
    """Summed, for any two counts; parameters (n, p)."""
    (n, a), (m, b) = p, q
    total = mpf(0)
    for k in range(int(n) + 1):
        x = binomial(n, k) * a**k * (1 - a) ** (n - k)
        y = binomial(m, k) * b**k * (1 - b) ** (m - k) if k <= m else mpf(0)
        total += _x_log(x, x, y)
    return total


def _negative_binomial(k: mpf, r: mpf, p: mpf) -> mpf:
    return loggamma(k + r) - loggamma(k + 1) - loggamma(r) + r * log(p) + (k * log(1 - p) if k else 0)


def _negative_binomial_kl(p: Vector, q: Vector) -> mpf:
    """r[log(p/q) + (1 - p)/p log((1 - p)/(1 - q))] for equal r, else summed; parameters (r, p)."""
    (r, a), (s, b) = p, q
    if r == s:
        return r * _trial_kl(a, b) / a
    total, k = mpf(0), 0
    while True:
        log_x = _negative_binomial(mpf(k), r, a)
        total += exp(log_x) * (log_x - _negative_binomial(mpf(k), s, b))
        k += 1
        if k > r * (1 - a) / a and log_x < -90:
            return total


def _length(p: mpf) -> mpf:
    return -log(1 - p)


def _logarithmic_kl(p: Vector, q: Vector) -> mpf:
    a, b = p[0], q[0]
    return a / ((1 - a) * _length(a)) * log(a / b) + log(_length(b) / _length(a))


def _von_mises_kl(p: Vector, q: Vector) -> mpf:
    (m, k), (n, c) = p, q
    level = besseli(0, k)
    return log(besseli(0, c) / level) + besseli(1, k) / level * (k - c * cos(m - n))


def _bernoulli_poisson_kl(p: Vector, q: Vector) -> mpf:
    return _x_log(p[0], p[0], q[0]) + _x_log(1 - p[0], 1 - p[0], mpf(1)) + q[0]


TEXTBOOK = {
    "Bernoulli": Textbook(lambda x, p: log(p) if x == 1 else log(1 - p), lambda p, q: _trial_kl(p[0], q[0])),
    "Binomial": Textbook(
        lambda k, n, p: log(gamma(n + 1) / gamma(k + 1) / gamma(n - k + 1)) + k * log(p) + (n - k) * log(1 - p),
        _binomial_kl,
    ),
    "Categorical": Textbook(lambda k, *p: log(p[int(k)]), rows_kl),
    "Geometric": Textbook(lambda k, p: log(p) + k * log(1 - p), lambda p, q: _trial_kl(p[0], q[0]) / p[0]),
    "Logarithmic": Textbook(lambda k, p: k * log(p) - log(k * _length(p)), _logarithmic_kl),
    "NegativeBinomial": Textbook(_negative_binomial, _negative_binomial_kl),
    "OneHotCategorical": Textbook(lambda x, *p: fsum(a * log(b) for a, b in zip(x, p, strict=True)), rows_kl),
    "VonMises": Textbook(lambda x, m, k: k * cos(x - m) - log(2 * pi * besseli(0, k)), _von_mises_kl),
}

CROSS = {
    ("Bernoulli", "Poisson"): _bernoulli_poisson_kl,
    ("Categorical", "OneHotCategorical"): rows_kl,
    ("OneHotCategorical", "Categorical"): rows_kl,
}
