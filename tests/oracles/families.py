"""Exponential families from the textbook: divergences in ordinary parameters, as functions of the natural ones.

Nothing here is written with a log-partition function: sums over outcomes where there are finitely many, and
closed forms of the integrals of pᵅq¹⁻ᵅ elsewhere. Derivatives are central differences in 80-digit arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mpmath
from mpmath import mpf

Vector = Sequence[mpf]
DIGITS = 80


@dataclass(frozen=True)
class Family:
    """Natural parameters ↦ KL(p‖q), and log ∫ pᵅ q¹⁻ᵅ."""

    kl: Callable[[Vector, Vector], mpf]
    log_affinity: Callable[[Vector, Vector, mpf], mpf]


def _finite(probabilities: Callable[[Vector], list[mpf]]) -> Family:
    def kl(p: Vector, q: Vector) -> mpf:
        pairs = zip(probabilities(p), probabilities(q), strict=True)
        return mpmath.fsum(a * mpmath.log(a / b) for a, b in pairs)

    def log_affinity(p: Vector, q: Vector, order: mpf) -> mpf:
        pairs = zip(probabilities(p), probabilities(q), strict=True)
        return mpmath.log(mpmath.fsum(a**order * b ** (1 - order) for a, b in pairs))

    return Family(kl, log_affinity)


def _two(logit: Vector) -> list[mpf]:
    return [1 / (1 + mpmath.exp(logit[0])), 1 / (1 + mpmath.exp(-logit[0]))]


def _softmax(logits: Vector) -> list[mpf]:
    total = mpmath.fsum(map(mpmath.exp, logits))
    return [mpmath.exp(one) / total for one in logits]


def _poisson_kl(p: Vector, q: Vector) -> mpf:
    a, b = mpmath.exp(p[0]), mpmath.exp(q[0])
    return a * mpmath.log(a / b) - a + b


def _poisson_affinity(p: Vector, q: Vector, order: mpf) -> mpf:
    a, b = mpmath.exp(p[0]), mpmath.exp(q[0])
    return a**order * b ** (1 - order) - order * a - (1 - order) * b


def _gamma_kl(p: Vector, q: Vector) -> mpf:
    (a, b), (c, d) = (p[0], -p[1]), (q[0], -q[1])  # shapes a, c and rates b, d
    return (
        (a - c) * mpmath.digamma(a) - mpmath.loggamma(a) + mpmath.loggamma(c) + c * mpmath.log(b / d) + a * (d - b) / b
    )


def _gamma_affinity(p: Vector, q: Vector, order: mpf) -> mpf:
    (a, b), (c, d) = (p[0], -p[1]), (q[0], -q[1])
    shape, rate = order * a + (1 - order) * c, order * b + (1 - order) * d
    scale_p = a * mpmath.log(b) - mpmath.loggamma(a)
    scale_q = c * mpmath.log(d) - mpmath.loggamma(c)
    return order * scale_p + (1 - order) * scale_q + mpmath.loggamma(shape) - shape * mpmath.log(rate)


def _moments(eta: Vector) -> tuple[mpf, mpf]:
    variance = -1 / (2 * eta[1])
    return eta[0] * variance, variance


def _gaussian_kl(p: Vector, q: Vector) -> mpf:
    (m, v), (n, w) = _moments(p), _moments(q)
    return (v / w - 1 - mpmath.log(v / w) + (m - n) ** 2 / w) / 2


def _gaussian_affinity(p: Vector, q: Vector, order: mpf) -> mpf:
    (m, v), (n, w) = _moments(p), _moments(q)
    mixed = order * w + (1 - order) * v
    return ((1 - order) * mpmath.log(v) + order * mpmath.log(w) - mpmath.log(mixed)) / 2 - order * (1 - order) * (
        m - n
    ) ** 2 / (2 * mixed)


def _log_beta(concentration: Vector) -> mpf:
    return mpmath.fsum(map(mpmath.loggamma, concentration)) - mpmath.loggamma(mpmath.fsum(concentration))


def _dirichlet_kl(p: Vector, q: Vector) -> mpf:
    mean = mpmath.digamma(mpmath.fsum(p))
    return (
        _log_beta(q)
        - _log_beta(p)
        + mpmath.fsum((a - b) * (mpmath.digamma(a) - mean) for a, b in zip(p, q, strict=True))
    )


def _dirichlet_affinity(p: Vector, q: Vector, order: mpf) -> mpf:
    mixed = [order * a + (1 - order) * b for a, b in zip(p, q, strict=True)]
    return _log_beta(mixed) - order * _log_beta(p) - (1 - order) * _log_beta(q)


FAMILIES = {
    "bernoulli": _finite(_two),
    "categorical": _finite(_softmax),
    "poisson": Family(_poisson_kl, _poisson_affinity),
    "gamma": Family(_gamma_kl, _gamma_affinity),
    "gaussian": Family(_gaussian_kl, _gaussian_affinity),
    "dirichlet": Family(_dirichlet_kl, _dirichlet_affinity),
}


def gradient(f: Callable[[list[mpf]], mpf], at: Sequence[mpf]) -> list[mpf]:
    """Central differences of f by each entry of its argument."""
    step = mpf(10) ** -25

    def moved(i: int, by: mpf) -> list[mpf]:
        return [x + by if j == i else x for j, x in enumerate(at)]

    return [(f(moved(i, step)) - f(moved(i, -step))) / (2 * step) for i in range(len(at))]


def hessian(f: Callable[[list[mpf]], mpf], at: Sequence[mpf]) -> list[list[mpf]]:
    """Central differences of central differences."""
    return [
        list(row) for row in zip(*(gradient(lambda z, i=i: gradient(f, z)[i], at) for i in range(len(at))), strict=True)
    ]
