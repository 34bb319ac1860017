"""The table of exponential families: the line through two members, by the families of p and q. A new one is one row.

A row takes two records whose parameters are broadcast to one batch shape and are of one dtype. All divergences of the
powers pᵅq¹⁻ᵅ follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import log_ratio
from kljax.divergences._forms import lines_of_matrices, lines_of_one
from kljax.divergences._forms.count_vectors import multinomial_line
from kljax.divergences._forms.directions import one_minus_cosine
from kljax.divergences._forms.integers import equal_counts, zipf_line
from kljax.divergences._forms.lines import (
    Line,
    concentrations,
    counts,
    gammas,
    normals,
    powers,
    rates,
    shapes,
    summed,
    times,
)
from kljax.divergences._forms.simplex import of_beta
from kljax.divergences._forms.vectors_and_matrices import lkj_line
from kljax.families import (
    LKJ,
    Bernoulli,
    Beta,
    Binomial,
    Chi,
    Chi2,
    ComplexNormal,
    ContinuousBernoulli,
    Dirichlet,
    Exponential,
    Gamma,
    GeneralizedDirichlet,
    Geometric,
    Gumbel,
    HalfNormal,
    InverseGamma,
    InverseGaussian,
    InverseWishart,
    Kumaraswamy,
    Laplace,
    Lindley,
    Logarithmic,
    LogitNormal,
    LogNormal,
    MatrixNormal,
    Moyal,
    Multinomial,
    MultivariateLogitNormal,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    Pareto,
    Poisson,
    PowerSpherical,
    Rayleigh,
    SphericalUniform,
    VonMises,
    VonMisesFisher,
    Weibull,
    Wishart,
    Zipf,
)
from kljax.families._internal import aligned, as_gamma, bessel_order, trials_of


def _located(p: Any, q: Any) -> Line:
    return normals(p.loc, p.scale, q.loc, q.scale)


def _centred(p: Any, q: Any) -> Line:
    zero = jnp.zeros_like(p.scale)
    return normals(zero, p.scale, zero, q.scale)._replace(shift=None, shifts=None)


def _rayleigh(p: Rayleigh, q: Rayleigh) -> Line:
    return times(2.0, _centred(p, q))


def _exponential(p: Exponential, q: Exponential) -> Line:
    return rates(p.rate, q.rate)


def _laplace(p: Laplace, q: Laplace) -> Line:
    # 1/b is the rate of |x - μ|.
    return rates(q.scale, p.scale)


def _weibull(p: Weibull, q: Weibull) -> Line:
    # λ⁻ᵏ is the rate of xᵏ.
    return powers(-p.concentration * log_ratio(p.scale, q.scale))


def _gumbel(p: Gumbel, q: Gumbel) -> Line:
    # exp(μ/β) is the rate of exp(-x/β).
    return powers((p.loc - q.loc) / p.scale)


def _moyal(p: Moyal, q: Moyal) -> Line:
    # ½ exp(μ/σ) is the rate of exp(-x/σ), which is gamma distributed with concentration ½.
    return times(0.5, powers((p.loc - q.loc) / p.scale))


def _kumaraswamy(p: Kumaraswamy, q: Kumaraswamy) -> Line:
    # b is the rate of -log(1 - xᵃ).
    return rates(p.concentration0, q.concentration0)


def _chi(p: Any, q: Any) -> Line:
    return shapes(0.5 * p.df, 0.5 * q.df)


def _gamma_of(one: Any) -> Gamma:
    if isinstance(one, Chi2):
        return as_gamma(one)
    return Gamma(jnp.ones_like(one.rate), one.rate) if isinstance(one, Exponential) else one


def _gamma(p: Any, q: Any) -> Line:
    p, q = _gamma_of(p), _gamma_of(q)
    return gammas(p.concentration, p.rate, q.concentration, q.rate)


def _inverse_gamma(p: InverseGamma, q: InverseGamma) -> Line:
    return gammas(p.concentration, p.scale, q.concentration, q.scale)


def _beta(p: Any, q: Any) -> Line:
    a, b = (jnp.stack([one.concentration1, one.concentration0]) for one in (p, q))
    return concentrations(a, b)


def _dirichlet(p: Any, q: Any) -> Line:
    p, q = (of_beta(one, other) if isinstance(one, Beta) else one for one, other in ((p, q), (q, p)))
    return concentrations(jnp.moveaxis(p.concentration, -1, 0), jnp.moveaxis(q.concentration, -1, 0))


def _generalized_dirichlet(p: GeneralizedDirichlet, q: GeneralizedDirichlet) -> Line:
    return summed(_beta(p, q))


def _poisson(p: Poisson, q: Poisson) -> Line:
    return counts(p.rate, q.rate)


def _binomial(p: Binomial, q: Binomial) -> Line:
    return times(trials_of(p), lines_of_one.trials(p, q))


def _negative_binomial(p: NegativeBinomial, q: NegativeBinomial) -> Line:
    return times(p.total_count, lines_of_one.waits(p, q))


def _von_mises(p: VonMises, q: VonMises) -> Line:
    gap = 2.0 * jnp.square(jnp.sin(0.5 * (p.loc - q.loc)))
    return lines_of_one.directions(0.0, p.concentration, q.concentration, gap)


def _fisher(p: VonMisesFisher, q: VonMisesFisher) -> Line:
    gap = one_minus_cosine(p.mean_direction, q.mean_direction)
    return lines_of_one.directions(bessel_order(*p.event_shape), p.concentration, q.concentration, gap)


def _fisher_uniform(p: Any, q: Any) -> Line:
    # Uniform is κ = 0, of any direction.
    sizes = [one.concentration if isinstance(one, VonMisesFisher) else None for one in (p, q)]
    known = next(one for one in sizes if one is not None)
    zero = jnp.zeros_like(known)
    first, second = (zero if one is None else one for one in sizes)
    return lines_of_one.directions(bessel_order(*p.event_shape), first, second, zero)


def _spherical_uniform(p: SphericalUniform, q: SphericalUniform) -> Line:
    return Line(lambda s, r, c: 0.0 * (s + r))


def _power_spherical_uniform(p: Any, q: Any) -> Line:
    # Only the angle from μ tells them apart, and uniform is κ = 0.
    a, b = (jnp.stack(one._shapes()) if isinstance(one, PowerSpherical) else None for one in (p, q))
    half = next(one for one in (a, b) if one is not None)[1]
    even = jnp.stack([half, half])
    size = p.concentration if b is None else -q.concentration
    return concentrations(even if a is None else a, even if b is None else b, jnp.stack([size, 0.0 * size]))


def _logit_normal(p: MultivariateLogitNormal, q: MultivariateLogitNormal) -> Line:
    return lines_of_matrices.multivariate_normal(p.normal, q.normal)


LINES: dict[tuple[type, type], Callable[[Any, Any], Line]] = {
    (Bernoulli, Bernoulli): lines_of_one.trials,
    (Beta, Beta): _beta,
    (Beta, Dirichlet): _dirichlet,
    (Binomial, Binomial): _binomial,
    (Chi, Chi): _chi,
    (Chi2, Chi2): _chi,
    (Chi2, Exponential): _gamma,
    (Chi2, Gamma): _gamma,
    (ComplexNormal, ComplexNormal): lines_of_matrices.complex_normal,
    (ContinuousBernoulli, ContinuousBernoulli): lines_of_one.continuous_bernoulli,
    (Dirichlet, Beta): _dirichlet,
    (Dirichlet, Dirichlet): _dirichlet,
    (Exponential, Chi2): _gamma,
    (Exponential, Exponential): _exponential,
    (Exponential, Gamma): _gamma,
    (Gamma, Chi2): _gamma,
    (Gamma, Exponential): _gamma,
    (Gamma, Gamma): _gamma,
    (GeneralizedDirichlet, GeneralizedDirichlet): _generalized_dirichlet,
    (Geometric, Geometric): lines_of_one.waits,
    (Gumbel, Gumbel): _gumbel,
    (HalfNormal, HalfNormal): _centred,
    (InverseGamma, InverseGamma): _inverse_gamma,
    (InverseGaussian, InverseGaussian): lines_of_one.inverse_gaussian,
    (InverseWishart, InverseWishart): lines_of_matrices.inverse_wishart,
    (Kumaraswamy, Kumaraswamy): _kumaraswamy,
    (Laplace, Laplace): _laplace,
    (Lindley, Lindley): lines_of_one.lindley,
    (LKJ, LKJ): lkj_line,
    (LogNormal, LogNormal): _located,
    (Logarithmic, Logarithmic): lines_of_one.logarithmic,
    (LogitNormal, LogitNormal): _located,
    (MatrixNormal, MatrixNormal): lines_of_matrices.matrix_normal,
    (Moyal, Moyal): _moyal,
    (Multinomial, Multinomial): multinomial_line,
    (MultivariateLogitNormal, MultivariateLogitNormal): _logit_normal,
    (MultivariateNormal, MultivariateNormal): lines_of_matrices.multivariate_normal,
    (NegativeBinomial, NegativeBinomial): _negative_binomial,
    (Normal, Normal): _located,
    (Pareto, Pareto): lines_of_one.pareto,
    (Poisson, Poisson): _poisson,
    (PowerSpherical, SphericalUniform): _power_spherical_uniform,
    (Rayleigh, Rayleigh): _rayleigh,
    (SphericalUniform, PowerSpherical): _power_spherical_uniform,
    (SphericalUniform, SphericalUniform): _spherical_uniform,
    (SphericalUniform, VonMisesFisher): _fisher_uniform,
    (VonMises, VonMises): _von_mises,
    (VonMisesFisher, SphericalUniform): _fisher_uniform,
    (VonMisesFisher, VonMisesFisher): _fisher,
    (Weibull, Weibull): _weibull,
    (Wishart, Wishart): lines_of_matrices.wishart,
    (Zipf, Zipf): zipf_line,
}


def _same(name: str) -> Callable[[Any, Any], bool | jax.Array]:
    def holds(p: Any, q: Any) -> bool | jax.Array:
        first, second = getattr(p, name), getattr(q, name)
        if isinstance(first, float) and isinstance(second, float):
            return first == second
        return jnp.equal(*(getattr(one, name) for one in aligned(p, q))).all()

    return holds


# Families that are exponential ones only where they share a parameter; elsewhere the pair is summed or integrated.
SHARED: dict[type, Callable[[Any, Any], bool | jax.Array]] = {
    Binomial: equal_counts,
    Gumbel: _same("scale"),
    Kumaraswamy: _same("concentration1"),
    Laplace: _same("loc"),
    Moyal: _same("scale"),
    Multinomial: equal_counts,
    NegativeBinomial: _same("total_count"),
    Weibull: _same("concentration"),
}
