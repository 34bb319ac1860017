"""Distributions of vectors and matrices from the textbook, in mpmath: log-densities and KL(p‖q).

A parameter is an mpf, a list of them or a list of rows. Nothing is arranged to be accurate in floating point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
from mpmath import besseli, cos, digamma, exp, fsum, log, loggamma, matrix, mpf, pi, quad, sin, sqrt

from .distributions import Textbook

Vector = Sequence[Any]


def _symmetric(rows: Any) -> matrix:
    a = matrix(rows)
    return (a + a.H) / 2


def _lower(rows: Any) -> matrix:
    return matrix([[x if j <= i else mpf(0) for j, x in enumerate(row)] for i, row in enumerate(rows)])


def _trace(a: matrix) -> Any:
    return fsum(a[i, i] for i in range(a.rows))


def _log_det(a: matrix) -> mpf:
    return log(mpmath.det(a).real)


def _dot(a: Vector, b: Vector) -> mpf:
    return fsum(x * y for x, y in zip(a, b, strict=True))


def _unit(a: Vector) -> list[mpf]:
    size = sqrt(_dot(a, a))
    return [x / size for x in a]


def _beta(concentration: Vector) -> mpf:
    return fsum(map(loggamma, concentration)) - loggamma(fsum(concentration))


# --- normal distributions ----------------------------------------------------------------------------------


def from_cholesky(loc: Vector, tril: Any) -> tuple[Vector, matrix]:
    return loc, _lower(tril) * _lower(tril).T


def from_precision(loc: Vector, precision: Any) -> tuple[Vector, matrix]:
    return loc, _symmetric(precision) ** -1


def from_diagonal(loc: Vector, scale: Vector) -> tuple[Vector, matrix]:
    return loc, mpmath.diag([x * x for x in scale])


def from_low_rank(loc: Vector, factor: Any, diagonal: Vector) -> tuple[Vector, matrix]:
    return loc, mpmath.diag(diagonal) + matrix(factor) * matrix(factor).T


def _normal(x: Vector, loc: Vector, covariance: Any) -> mpf:
    covariance, d = _symmetric(covariance), matrix(x) - matrix(loc)
    return -((d.T * covariance**-1 * d)[0] + _log_det(2 * pi * covariance)) / 2


def _normal_kl(p: Vector, q: Vector) -> mpf:
    (m, a), (n, b) = ((matrix(loc), _symmetric(covariance)) for loc, covariance in (p, q))
    inverse, d = b**-1, m - n
    return (_trace(inverse * a) - a.rows + _log_det(b) - _log_det(a) + (d.T * inverse * d)[0]) / 2


def _complex_normal(z: Vector, loc: Vector, covariance: Any) -> mpf:
    covariance, d = _symmetric(covariance), matrix(z) - matrix(loc)
    return -((d.H * covariance**-1 * d)[0].real + _log_det(pi * covariance))


def _complex_normal_kl(p: Vector, q: Vector) -> mpf:
    (m, a), (n, b) = ((matrix(loc), _symmetric(covariance)) for loc, covariance in (p, q))
    inverse, d = b**-1, m - n
    return _trace(inverse * a).real - a.rows + _log_det(b) - _log_det(a) + (d.H * inverse * d)[0].real


def _logit_normal(x: Vector, loc: Vector, covariance: Any) -> mpf:
    y = [log(one / x[-1]) for one in x[:-1]]
    return _normal(y, loc, covariance) - fsum(map(log, x))


def stacked(loc: Any, row: Any, column: Any) -> tuple[list[mpf], matrix]:
    """The rows of the matrix one after another, and their covariance, the Kronecker product."""
    u, v = (_lower(one) * _lower(one).T for one in (row, column))
    n, m = u.rows, v.rows
    whole = matrix(n * m, n * m)
    for i in range(n * m):
        for j in range(n * m):
            whole[i, j] = u[i // m, j // m] * v[i % m, j % m]
    return [x for one in loc for x in one], whole


def _matrix_normal(x: Any, loc: Any, row: Any, column: Any) -> mpf:
    return _normal([one for line in x for one in line], *stacked(loc, row, column))


# --- probabilities -----------------------------------------------------------------------------------------


def _dirichlet(x: Vector, a: Vector) -> mpf:
    return fsum((c - 1) * log(one) for c, one in zip(a, x, strict=True)) - _beta(a)


def _dirichlet_kl(p: Vector, q: Vector) -> mpf:
    (a,), (b,) = p, q
    mean = digamma(fsum(a))
    return _beta(b) - _beta(a) + fsum((x - y) * (digamma(x) - mean) for x, y in zip(a, b, strict=True))


def _powers(a: Vector, b: Vector) -> list[mpf]:
    """Of what is left after each outcome, in the density of Connor and Mosimann."""
    return [b[i] - a[i + 1] - b[i + 1] if i + 1 < len(a) else b[i] - 1 for i in range(len(a))]


def _generalized_dirichlet(x: Vector, a: Vector, b: Vector) -> mpf:
    left = [1 - fsum(x[: i + 1]) for i in range(len(a))]
    terms = (
        (c - 1) * log(one) + power * log(rest) - _beta([c, d])
        for c, d, one, power, rest in zip(a, b, x[:-1], _powers(a, b), left, strict=True)
    )
    return fsum(terms)


def _generalized_dirichlet_kl(p: Vector, q: Vector) -> mpf:
    (a, b), (c, d) = p, q
    total, log_left = mpf(0), mpf(0)
    for i, (power, other) in enumerate(zip(_powers(a, b), _powers(c, d), strict=True)):
        log_x = digamma(a[i]) - digamma(a[i] + b[i]) + log_left
        log_left += digamma(b[i]) - digamma(a[i] + b[i])
        total += _beta([c[i], d[i]]) - _beta([a[i], b[i]]) + (a[i] - c[i]) * log_x + (power - other) * log_left
    return total


# --- positive definite matrices ----------------------------------------------------------------------------


def _log_multigamma(n: int, a: mpf) -> mpf:
    return mpf(n * (n - 1)) / 4 * log(pi) + fsum(loggamma(a - mpf(j) / 2) for j in range(n))


def _multidigamma(n: int, a: mpf) -> mpf:
    return fsum(digamma(a - mpf(j) / 2) for j in range(n))


def _wishart(x: Any, df: mpf, scale: Any) -> mpf:
    x, v = matrix(x), _symmetric(scale)
    n = v.rows
    normaliser = df * (n * log(2) + _log_det(v)) / 2 + _log_multigamma(n, df / 2)
    return (df - n - 1) / 2 * _log_det(x) - _trace(v**-1 * x) / 2 - normaliser


def _inverse_wishart(x: Any, df: mpf, scale: Any) -> mpf:
    x, v = matrix(x), _symmetric(scale)
    n = v.rows
    normaliser = df * (n * log(2) - _log_det(v)) / 2 + _log_multigamma(n, df / 2)
    return -(df + n + 1) / 2 * _log_det(x) - _trace(v * x**-1) / 2 - normaliser


def _wishart_kl(p: Vector, q: Vector) -> mpf:
    # By E[X] = νV and E[log det X] = ψₙ(ν/2) + n log 2 + log det V.
    (f, v), (g, w) = ((df, _symmetric(scale)) for df, scale in (p, q))
    n = v.rows
    mean_log = _multidigamma(n, f / 2) + n * log(2) + _log_det(v)
    norms = [df * (n * log(2) + _log_det(one)) / 2 + _log_multigamma(n, df / 2) for df, one in ((f, v), (g, w))]
    return (f - g) / 2 * mean_log - f * (n - _trace(w**-1 * v)) / 2 - norms[0] + norms[1]


def _inverse_wishart_kl(p: Vector, q: Vector) -> mpf:
    # By E[X⁻¹] = νΨ⁻¹ and E[log det X] = log det Ψ - n log 2 - ψₙ(ν/2).
    (f, v), (g, w) = ((df, _symmetric(scale)) for df, scale in (p, q))
    n = v.rows
    mean_log = _log_det(v) - n * log(2) - _multidigamma(n, f / 2)
    norms = [df * (n * log(2) - _log_det(one)) / 2 + _log_multigamma(n, df / 2) for df, one in ((f, v), (g, w))]
    return (g - f) / 2 * mean_log - f * (n - _trace(w * v**-1)) / 2 - norms[0] + norms[1]


# --- directions --------------------------------------------------------------------------------------------


def _area(n: int) -> mpf:
    return 2 * pi ** (mpf(n) / 2) / mpmath.gamma(mpf(n) / 2)


def _fisher_norm(n: int, k: mpf) -> mpf:
    """log ∫ exp(κ μ·x)"""
    v = mpf(n) / 2 - 1
    return log(_area(n)) if k == 0 else log((2 * pi) ** (v + 1) * besseli(v, k) / k**v)


def _fisher_mean(n: int, k: mpf) -> mpf:
    v = mpf(n) / 2 - 1
    return mpf(0) if k == 0 else besseli(v + 1, k) / besseli(v, k)


def _fisher_kl(p: Vector, q: Vector) -> mpf:
    (m, k), (o, j) = p, q
    n, cosine = len(m), _dot(_unit(m), _unit(o))
    return (k - j * cosine) * _fisher_mean(n, k) - _fisher_norm(n, k) + _fisher_norm(n, j)


def _power_norm(n: int, k: mpf) -> mpf:
    """log ∫ (1 + μ·x)^κ"""
    b = mpf(n - 1) / 2
    a = b + k
    return (a + b) * log(2) + b * log(pi) + loggamma(a) - loggamma(a + b)


def _power_mean_log(n: int, k: mpf) -> mpf:
    """E[log(1 + μ·x)]"""
    b = mpf(n - 1) / 2
    return log(2) + digamma(b + k) - digamma(2 * b + k)


def _power_fisher_kl(p: Vector, q: Vector) -> mpf:
    (m, k), (o, j) = p, q
    n, cosine = len(m), _dot(_unit(m), _unit(o))
    return k * _power_mean_log(n, k) - _power_norm(n, k) - j * cosine * k / (k + n - 1) + _fisher_norm(n, j)


def _power_uniform_kl(p: Vector, q: Vector) -> mpf:
    n, k = len(p[0]), p[1]
    return k * _power_mean_log(n, k) - _power_norm(n, k) + log(_area(n))


def _uniform_power_kl(p: Vector, q: Vector) -> mpf:
    n, k = len(q[0]), q[1]
    return _power_norm(n, k) - k * _power_mean_log(n, mpf(0)) - log(_area(n))


def by_angle(n: int, k: mpf, j: mpf) -> mpf:
    """KL of a power spherical distribution from a von Mises–Fisher one about the same mean, by quadrature."""

    def term(t: mpf) -> mpf:
        if cos(t) == -1:
            return mpf(0)
        log_p, log_q = k * log(1 + cos(t)) - _power_norm(n, k), j * cos(t) - _fisher_norm(n, j)
        return exp(log_p) * (log_p - log_q) * sin(t) ** (n - 2)

    return _area(n - 1) * quad(term, [0, mpf(1) / 4, 1, 2, pi]) if n > 2 else 2 * quad(term, [0, mpf(1) / 4, 1, 2, pi])


TEXTBOOK = {
    "ComplexNormal": Textbook(_complex_normal, _complex_normal_kl),
    "Dirichlet": Textbook(_dirichlet, _dirichlet_kl),
    "GeneralizedDirichlet": Textbook(_generalized_dirichlet, _generalized_dirichlet_kl),
    "InverseWishart": Textbook(_inverse_wishart, _inverse_wishart_kl),
    "MatrixNormal": Textbook(_matrix_normal, lambda p, q: _normal_kl(stacked(*p), stacked(*q))),
    "MultivariateLogitNormal": Textbook(_logit_normal, _normal_kl),
    "MultivariateNormal": Textbook(_normal, _normal_kl),
    "PowerSpherical": Textbook(lambda x, m, k: k * log(1 + _dot(_unit(m), x)) - _power_norm(len(m), k)),
    "SphericalUniform": Textbook(lambda x, n: -log(_area(int(n))), lambda p, q: mpf(0)),
    "VonMisesFisher": Textbook(lambda x, m, k: k * _dot(_unit(m), x) - _fisher_norm(len(m), k), _fisher_kl),
    "Wishart": Textbook(_wishart, _wishart_kl),
}

CROSS = {
    ("Beta", "Dirichlet"): lambda p, q: _dirichlet_kl((p,), q),
    ("Dirichlet", "Beta"): lambda p, q: _dirichlet_kl(p, (q,)),
    ("PowerSpherical", "SphericalUniform"): _power_uniform_kl,
    ("PowerSpherical", "VonMisesFisher"): _power_fisher_kl,
    ("SphericalUniform", "PowerSpherical"): _uniform_power_kl,
    ("SphericalUniform", "VonMisesFisher"): lambda p, q: _fisher_norm(len(q[0]), q[1]) - log(_area(len(q[0]))),
    ("VonMisesFisher", "SphericalUniform"): lambda p, q: _fisher_kl(p, (p[0], mpf(0))),
}
