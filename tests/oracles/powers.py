"""log ∫ pᵅq¹⁻ᵅ of members of exponential families from the textbook, in mpmath.

By natural parameters η(θ) and normalisers A(η) as they are printed: A(α η_p + (1 - α) η_q) - α A(η_p) - (1 - α) A(η_q),
∞ where the sum of the parameters leaves the family. Parameters are given as for the other tables: a list of numbers,
vectors or rows. ``of_densities`` integrates instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
from mpmath import besseli, cos, exp, expm1, fsum, inf, log, loggamma, matrix, mpf, pi, sin, sqrt, zeta

from .further import lkj_norm
from .multivariate import stacked

Vector = Sequence[Any]
LogPower = Callable[[Vector, Vector, mpf], mpf]


def exponential(
    natural: Callable[[Vector], list[Any]],
    normaliser: Callable[[list[Any]], mpf],
    inside: Callable[[list[Any]], bool] = lambda eta: True,
) -> LogPower:
    def log_power(p: Vector, q: Vector, order: mpf) -> mpf:
        a, b = natural(p), natural(q)
        mixed = [order * x + (1 - order) * y for x, y in zip(a, b, strict=True)]
        if not inside(mixed):
            return mpf(inf)
        return normaliser(mixed) - order * normaliser(a) - (1 - order) * normaliser(b)

    return log_power


def of_densities(log_density: Callable[..., mpf], ends: Sequence[Any]) -> LogPower:
    """By quadrature between the ends."""

    def log_power(p: Vector, q: Vector, order: mpf) -> mpf:
        def power(x: mpf) -> mpf:
            return exp(order * log_density(x, *p) + (1 - order) * log_density(x, *q))

        return log(mpmath.quad(power, ends))

    return log_power


def _positive(eta: list[Any]) -> bool:
    return all(x > 0 for x in eta)


# --- one variable ------------------------------------------------------------------------------------------

RATE = exponential(lambda p: [p[0]], lambda eta: -log(eta[0]), _positive)
SHAPE = exponential(lambda p: [p[0] / 2], lambda eta: loggamma(eta[0]), _positive)
NORMAL = exponential(
    lambda p: [p[0] / p[1] ** 2, 1 / p[1] ** 2],
    lambda eta: eta[0] ** 2 / (2 * eta[1]) - log(eta[1]) / 2,
    lambda eta: eta[1] > 0,
)
HALF_NORMAL = exponential(lambda p: [1 / p[0] ** 2], lambda eta: -log(eta[0]) / 2, _positive)
RAYLEIGH = exponential(lambda p: [1 / p[0] ** 2], lambda eta: -log(eta[0]), _positive)
GAMMA = exponential(lambda p: [p[0], p[1]], lambda eta: loggamma(eta[0]) - eta[0] * log(eta[1]), _positive)
POISSON = exponential(lambda p: [log(p[0])], lambda eta: exp(eta[0]))
INVERSE_GAUSSIAN = exponential(
    lambda p: [p[1] / p[0] ** 2, p[1]],
    lambda eta: -log(eta[1]) / 2 - sqrt(eta[0] * eta[1]),
    lambda eta: eta[0] >= 0 and eta[1] > 0,
)
LINDLEY = exponential(lambda p: [p[0]], lambda eta: log(1 + eta[0]) - 2 * log(eta[0]), _positive)
LOGARITHMIC = exponential(lambda p: [log(p[0])], lambda eta: log(-log(-expm1(eta[0]))), lambda eta: eta[0] < 0)
CONTINUOUS_BERNOULLI = exponential(lambda p: [p[0]], lambda eta: mpf(0) if eta[0] == 0 else log(expm1(eta[0]) / eta[0]))
VON_MISES = exponential(
    lambda p: [p[1] * cos(p[0]), p[1] * sin(p[0])], lambda eta: log(besseli(0, sqrt(eta[0] ** 2 + eta[1] ** 2)))
)
LAPLACE = exponential(lambda p: [1 / p[1]], lambda eta: -log(eta[0]), _positive)


def _shared(natural: Callable[[Vector], mpf], count: Any) -> LogPower:
    """Of a rate, times a count."""

    def log_power(p: Vector, q: Vector, order: mpf) -> mpf:
        return count * RATE([natural(p)], [natural(q)], order)

    return log_power


WEIBULL = _shared(lambda p: p[1] ** -p[0], 1)
GUMBEL = _shared(lambda p: exp(p[0] / p[1]), 1)
MOYAL = _shared(lambda p: exp(p[0] / p[1]), mpf(1) / 2)
KUMARASWAMY = _shared(lambda p: p[1], 1)


def _trials(p: Vector, q: Vector, order: mpf) -> mpf:
    (n, a), (_, b) = p, q
    return n * log(a**order * b ** (1 - order) + (1 - a) ** order * (1 - b) ** (1 - order))


def _waits(p: Vector, q: Vector, order: mpf) -> mpf:
    (n, a), (_, b) = p, q
    missed = (1 - a) ** order * (1 - b) ** (1 - order)
    return n * log(a**order * b ** (1 - order) / (1 - missed)) if missed < 1 else mpf(inf)


def _pareto(p: Vector, q: Vector, order: mpf) -> mpf:
    (a, m), (b, n) = p, q
    slope, start = order * a + (1 - order) * b, max(m, n)
    if slope <= 0 or (order > 1 and m < n) or (order < 0 and n < m):
        return mpf(inf)
    return order * (log(a) + a * log(m)) + (1 - order) * (log(b) + b * log(n)) - log(slope) - slope * log(start)


# --- vectors and matrices ----------------------------------------------------------------------------------


def _log_beta(a: Vector) -> mpf:
    return fsum(map(loggamma, a)) - loggamma(fsum(a))


DIRICHLET = exponential(lambda p: list(p[0]), _log_beta, _positive)
BETA = exponential(list, _log_beta, _positive)


def _sticks(p: Vector, q: Vector, order: mpf) -> mpf:
    pairs = zip(zip(*p, strict=True), zip(*q, strict=True), strict=True)
    return fsum(BETA(list(a), list(b), order) for a, b in pairs)


def _symmetric(rows: Any) -> matrix:
    a = matrix(rows)
    return (a + a.H) / 2


def _definite(a: matrix) -> bool:
    return all(mpmath.det(a[:i, :i]).real > 0 for i in range(1, a.rows + 1))


def _gauss(half: mpf) -> LogPower:
    """From (location, covariance); ``half`` is 1 for complex ones."""

    def natural(p: Vector) -> list[Any]:
        inverse = _symmetric(p[1]) ** -1
        return [inverse * matrix(p[0]), inverse]

    def normaliser(eta: list[Any]) -> mpf:
        return half * ((eta[0].H * eta[1] ** -1 * eta[0])[0].real - log(mpmath.det(eta[1]).real))

    return exponential(natural, normaliser, lambda eta: _definite(eta[1]))


MULTIVARIATE_NORMAL, COMPLEX_NORMAL = _gauss(mpf(1) / 2), _gauss(mpf(1))


def _log_multigamma(n: int, a: mpf) -> mpf:
    return mpf(n * (n - 1)) / 4 * log(pi) + fsum(loggamma(a - mpf(j) / 2) for j in range(n))


def _wishart(invert: bool) -> LogPower:
    def natural(p: Vector) -> list[Any]:
        return [p[0], _symmetric(p[1]) ** -1 if invert else _symmetric(p[1])]

    def normaliser(eta: list[Any]) -> mpf:
        n = eta[1].rows
        return eta[0] / 2 * (n * log(2) - log(mpmath.det(eta[1]))) + _log_multigamma(n, eta[0] / 2)

    return exponential(natural, normaliser, lambda eta: eta[0] > eta[1].rows - 1 and _definite(eta[1]))


def _fisher(p: Vector, q: Vector, order: mpf) -> mpf:
    def natural(one: Vector) -> list[mpf]:
        size = sqrt(fsum(x * x for x in one[0]))
        return [one[1] * x / size for x in one[0]]

    def normaliser(eta: list[mpf]) -> mpf:
        v, k = mpf(len(eta)) / 2 - 1, sqrt(fsum(x * x for x in eta))
        return -v * log(2) - loggamma(v + 1) if k == 0 else log(besseli(v, k) / k**v)

    return exponential(natural, normaliser)(p, q, order)


def _uniform_direction(p: Vector) -> Vector:
    """κ = 0 for a missing one."""
    return p if len(p) else [[mpf(1), mpf(0), mpf(0)], mpf(0)]


def _power_spherical(p: Vector, q: Vector, order: mpf) -> mpf:
    # In three dimensions ∫(1 + μ·x)^κ = 2π 2^(κ + 1)/(κ + 1).
    sizes = [[_uniform_direction(one)[1]] for one in (p, q)]
    return exponential(list, lambda eta: eta[0] * log(2) - log(eta[0] + 1), lambda eta: eta[0] > -1)(*sizes, order)


def _matrix_normal(p: Vector, q: Vector, order: mpf) -> mpf:
    return MULTIVARIATE_NORMAL(stacked(*p), stacked(*q), order)


def _beta_dirichlet(p: Vector, q: Vector, order: mpf) -> mpf:
    return BETA(*(one[0] if len(one) == 1 else one for one in (p, q)), order)


def _as_gamma(shape: Callable[[Vector], Vector], other: Callable[[Vector], Vector]) -> LogPower:
    return lambda p, q, order: GAMMA(shape(p), other(q), order)


def _chi2(p: Vector) -> Vector:
    return [p[0] / 2, mpf(1) / 2]


def _exponential(p: Vector) -> Vector:
    return [mpf(1), p[0]]


def _with_uniform(p: Vector, q: Vector, order: mpf) -> mpf:
    return _fisher(_uniform_direction(p), _uniform_direction(q), order)


BETWEEN: dict[tuple[str, str], LogPower] = {
    ("Beta", "Dirichlet"): _beta_dirichlet,
    ("Chi2", "Exponential"): _as_gamma(_chi2, _exponential),
    ("Chi2", "Gamma"): _as_gamma(_chi2, list),
    ("Dirichlet", "Beta"): _beta_dirichlet,
    ("Exponential", "Chi2"): _as_gamma(_exponential, _chi2),
    ("Exponential", "Gamma"): _as_gamma(_exponential, list),
    ("Gamma", "Chi2"): _as_gamma(list, _chi2),
    ("Gamma", "Exponential"): _as_gamma(list, _exponential),
    ("PowerSpherical", "SphericalUniform"): _power_spherical,
    ("SphericalUniform", "PowerSpherical"): _power_spherical,
    ("SphericalUniform", "VonMisesFisher"): _with_uniform,
    ("VonMisesFisher", "SphericalUniform"): _with_uniform,
}


def _multinomial(p: Vector, q: Vector, order: mpf) -> mpf:
    """Of n and probabilities."""
    return p[0] * log(fsum(a**order * b ** (1 - order) for a, b in zip(p[1:], q[1:], strict=True)))


def _lkj(p: Vector, q: Vector, order: mpf) -> mpf:
    """Of n and η."""
    n, a, b = int(p[0]), p[1], q[1]
    middle = order * a + (1 - order) * b
    if middle <= 0:
        return mpf(inf)
    return lkj_norm(n, middle) - order * lkj_norm(n, a) - (1 - order) * lkj_norm(n, b)


def _zipf(p: Vector, q: Vector, order: mpf) -> mpf:
    middle = order * p[0] + (1 - order) * q[0]
    if middle <= 1:
        return mpf(inf)
    return log(zeta(middle)) - order * log(zeta(p[0])) - (1 - order) * log(zeta(q[0]))


POWERS: dict[str, LogPower] = {
    "Bernoulli": lambda p, q, order: _trials([1, *p], [1, *q], order),
    "Beta": BETA,
    "Binomial": _trials,
    "Chi": SHAPE,
    "Chi2": SHAPE,
    "ComplexNormal": COMPLEX_NORMAL,
    "ContinuousBernoulli": CONTINUOUS_BERNOULLI,
    "Dirichlet": DIRICHLET,
    "Exponential": RATE,
    "Gamma": GAMMA,
    "GeneralizedDirichlet": _sticks,
    "Geometric": lambda p, q, order: _waits([1, *p], [1, *q], order),
    "Gumbel": GUMBEL,
    "HalfNormal": HALF_NORMAL,
    "InverseGamma": GAMMA,
    "InverseGaussian": INVERSE_GAUSSIAN,
    "InverseWishart": _wishart(invert=False),
    "Kumaraswamy": KUMARASWAMY,
    "LKJ": _lkj,
    "Laplace": LAPLACE,
    "Lindley": LINDLEY,
    "LogNormal": NORMAL,
    "Logarithmic": LOGARITHMIC,
    "LogitNormal": NORMAL,
    "MatrixNormal": _matrix_normal,
    "Moyal": MOYAL,
    "Multinomial": _multinomial,
    "MultivariateLogitNormal": MULTIVARIATE_NORMAL,
    "MultivariateNormal": MULTIVARIATE_NORMAL,
    "NegativeBinomial": _waits,
    "Normal": NORMAL,
    "Pareto": _pareto,
    "Poisson": POISSON,
    "Rayleigh": RAYLEIGH,
    "SphericalUniform": lambda p, q, order: mpf(0),
    "VonMises": VON_MISES,
    "VonMisesFisher": _fisher,
    "Weibull": WEIBULL,
    "Wishart": _wishart(invert=True),
    "Zipf": _zipf,
}


def chernoff(log_power: LogPower, p: Vector, q: Vector) -> tuple[mpf, mpf]:
    """(-min log ∫pᵅq¹⁻ᵅ, the α of the minimum), by golden sections."""
    golden = (sqrt(mpf(5)) - 1) / 2
    low, high = mpf(0), mpf(1)
    while high - low > mpf(10) ** (-mpmath.mp.dps // 3):
        step = golden * (high - low)
        if log_power(p, q, high - step) < log_power(p, q, low + step):
            high = low + step
        else:
            low = high - step
    order = (low + high) / 2
    return -log_power(p, q, order), order
