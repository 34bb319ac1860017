"""The table of closed forms: KL(p‖q) by the families of p and q. A new pair is one row.

A form takes two records whose parameters are broadcast to one batch shape and are of one dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from kljax.divergences.forms.cross_half_line import (
    kl_beta_exponential,
    kl_beta_gamma,
    kl_chi2_exponential,
    kl_chi2_gamma,
    kl_continuous_bernoulli_exponential,
    kl_exponential_chi2,
    kl_exponential_gamma,
    kl_gamma_chi2,
    kl_gamma_exponential,
    kl_pareto_exponential,
    kl_pareto_gamma,
    kl_uniform_exponential,
    kl_uniform_gamma,
    kl_uniform_pareto,
    kl_weibull_exponential,
    kl_weibull_gamma,
)
from kljax.divergences.forms.cross_interval import (
    kl_beta_continuous_bernoulli,
    kl_beta_uniform,
    kl_continuous_bernoulli_uniform,
    kl_uniform_beta,
    kl_uniform_continuous_bernoulli,
)
from kljax.divergences.forms.cross_line import (
    kl_beta_normal,
    kl_continuous_bernoulli_normal,
    kl_exponential_gumbel,
    kl_exponential_normal,
    kl_gamma_gumbel,
    kl_gamma_normal,
    kl_gumbel_normal,
    kl_laplace_normal,
    kl_normal_gumbel,
    kl_normal_laplace,
    kl_pareto_normal,
    kl_uniform_gumbel,
    kl_uniform_normal,
)
from kljax.divergences.forms.power_spherical_fisher import kl_power_spherical_von_mises_fisher
from kljax.families._bernoulli import Bernoulli, kl_bernoulli, kl_bernoulli_poisson
from kljax.families._beta import Beta, kl_beta
from kljax.families._binomial import Binomial, equal_counts, kl_binomial
from kljax.families._categorical import Categorical, OneHotCategorical, kl_categorical
from kljax.families._cauchy import Cauchy, kl_cauchy
from kljax.families._chi import Chi, kl_chi
from kljax.families._chi2 import Chi2, kl_chi2
from kljax.families._complex_normal import ComplexNormal, kl_complex_normal
from kljax.families._continuous_bernoulli import ContinuousBernoulli, kl_continuous_bernoulli
from kljax.families._dirichlet import Dirichlet, kl_beta_dirichlet, kl_dirichlet, kl_dirichlet_beta
from kljax.families._dirichlet_multinomial import DirichletMultinomial, kl_dirichlet_multinomial
from kljax.families._discrete_uniform import DiscreteUniform, kl_discrete_uniform
from kljax.families._exponential import Exponential, kl_exponential
from kljax.families._gamma import Gamma, kl_gamma
from kljax.families._generalized_dirichlet import GeneralizedDirichlet, kl_generalized_dirichlet
from kljax.families._geometric import Geometric, kl_geometric
from kljax.families._gumbel import Gumbel, kl_gumbel
from kljax.families._half_cauchy import HalfCauchy, kl_half_cauchy
from kljax.families._half_normal import HalfNormal, kl_half_normal
from kljax.families._inverse_gamma import InverseGamma, kl_inverse_gamma
from kljax.families._inverse_gaussian import InverseGaussian, kl_inverse_gaussian
from kljax.families._inverse_wishart import InverseWishart, kl_inverse_wishart
from kljax.families._kumaraswamy import Kumaraswamy, kl_kumaraswamy, kl_kumaraswamy_beta
from kljax.families._laplace import Laplace, kl_laplace
from kljax.families._lindley import Lindley, kl_lindley
from kljax.families._lkj import LKJ, kl_lkj
from kljax.families._log_normal import LogNormal, kl_log_normal
from kljax.families._log_uniform import LogUniform, kl_log_uniform
from kljax.families._logarithmic import Logarithmic, kl_logarithmic
from kljax.families._logit_normal import LogitNormal, kl_logit_normal
from kljax.families._matrix_normal import MatrixNormal, kl_matrix_normal
from kljax.families._moyal import Moyal, kl_moyal
from kljax.families._multinomial import Multinomial, kl_multinomial
from kljax.families._multivariate_logit_normal import MultivariateLogitNormal, kl_multivariate_logit_normal
from kljax.families._multivariate_normal import MultivariateNormal, kl_multivariate_normal
from kljax.families._negative_binomial import NegativeBinomial, kl_negative_binomial
from kljax.families._normal import Normal, kl_normal
from kljax.families._normal_gamma import NormalGamma, kl_normal_gamma
from kljax.families._normal_inverse_wishart import NormalInverseWishart, kl_normal_inverse_wishart
from kljax.families._pareto import Pareto, kl_pareto
from kljax.families._poisson import Poisson, kl_poisson
from kljax.families._power_spherical import PowerSpherical, kl_power_spherical_uniform, kl_uniform_power_spherical
from kljax.families._rayleigh import Rayleigh, kl_rayleigh
from kljax.families._spherical_uniform import SphericalUniform, kl_spherical_uniform
from kljax.families._truncated_normal import TruncatedNormal, kl_truncated_normal
from kljax.families._uniform import Uniform, kl_uniform
from kljax.families._von_mises import VonMises, kl_von_mises
from kljax.families._von_mises_fisher import (
    VonMisesFisher,
    kl_uniform_von_mises_fisher,
    kl_von_mises_fisher,
    kl_von_mises_fisher_uniform,
)
from kljax.families._weibull import Weibull, kl_weibull
from kljax.families._wishart import Wishart, kl_wishart
from kljax.families._zipf import Zipf, kl_zipf

Form = Callable[[Any, Any], jax.Array]

KL: dict[tuple[type, type], Form] = {
    (Bernoulli, Bernoulli): kl_bernoulli,
    (Bernoulli, Poisson): kl_bernoulli_poisson,
    (Beta, Beta): kl_beta,
    (Beta, ContinuousBernoulli): kl_beta_continuous_bernoulli,
    (Beta, Dirichlet): kl_beta_dirichlet,
    (Beta, Exponential): kl_beta_exponential,
    (Beta, Gamma): kl_beta_gamma,
    (Beta, Normal): kl_beta_normal,
    (Beta, Uniform): kl_beta_uniform,
    (Binomial, Binomial): kl_binomial,
    (Categorical, Categorical): kl_categorical,
    (Categorical, OneHotCategorical): kl_categorical,
    (Cauchy, Cauchy): kl_cauchy,
    (Chi, Chi): kl_chi,
    (Chi2, Chi2): kl_chi2,
    (Chi2, Exponential): kl_chi2_exponential,
    (Chi2, Gamma): kl_chi2_gamma,
    (ComplexNormal, ComplexNormal): kl_complex_normal,
    (ContinuousBernoulli, ContinuousBernoulli): kl_continuous_bernoulli,
    (ContinuousBernoulli, Exponential): kl_continuous_bernoulli_exponential,
    (ContinuousBernoulli, Normal): kl_continuous_bernoulli_normal,
    (ContinuousBernoulli, Uniform): kl_continuous_bernoulli_uniform,
    (Dirichlet, Beta): kl_dirichlet_beta,
    (Dirichlet, Dirichlet): kl_dirichlet,
    (DirichletMultinomial, DirichletMultinomial): kl_dirichlet_multinomial,
    (DiscreteUniform, DiscreteUniform): kl_discrete_uniform,
    (Exponential, Chi2): kl_exponential_chi2,
    (Exponential, Exponential): kl_exponential,
    (Exponential, Gamma): kl_exponential_gamma,
    (Exponential, Gumbel): kl_exponential_gumbel,
    (Exponential, Normal): kl_exponential_normal,
    (Gamma, Chi2): kl_gamma_chi2,
    (Gamma, Exponential): kl_gamma_exponential,
    (Gamma, Gamma): kl_gamma,
    (Gamma, Gumbel): kl_gamma_gumbel,
    (Gamma, Normal): kl_gamma_normal,
    (GeneralizedDirichlet, GeneralizedDirichlet): kl_generalized_dirichlet,
    (Geometric, Geometric): kl_geometric,
    (Gumbel, Gumbel): kl_gumbel,
    (Gumbel, Normal): kl_gumbel_normal,
    (HalfCauchy, HalfCauchy): kl_half_cauchy,
    (HalfNormal, HalfNormal): kl_half_normal,
    (InverseGamma, InverseGamma): kl_inverse_gamma,
    (InverseGaussian, InverseGaussian): kl_inverse_gaussian,
    (InverseWishart, InverseWishart): kl_inverse_wishart,
    (Kumaraswamy, Beta): kl_kumaraswamy_beta,
    (Kumaraswamy, Kumaraswamy): kl_kumaraswamy,
    (LKJ, LKJ): kl_lkj,
    (Laplace, Laplace): kl_laplace,
    (Laplace, Normal): kl_laplace_normal,
    (Lindley, Lindley): kl_lindley,
    (LogNormal, LogNormal): kl_log_normal,
    (LogUniform, LogUniform): kl_log_uniform,
    (Logarithmic, Logarithmic): kl_logarithmic,
    (LogitNormal, LogitNormal): kl_logit_normal,
    (MatrixNormal, MatrixNormal): kl_matrix_normal,
    (Moyal, Moyal): kl_moyal,
    (Multinomial, Multinomial): kl_multinomial,
    (MultivariateLogitNormal, MultivariateLogitNormal): kl_multivariate_logit_normal,
    (MultivariateNormal, MultivariateNormal): kl_multivariate_normal,
    (NegativeBinomial, NegativeBinomial): kl_negative_binomial,
    (Normal, Gumbel): kl_normal_gumbel,
    (Normal, Laplace): kl_normal_laplace,
    (Normal, Normal): kl_normal,
    (NormalGamma, NormalGamma): kl_normal_gamma,
    (NormalInverseWishart, NormalInverseWishart): kl_normal_inverse_wishart,
    (OneHotCategorical, Categorical): kl_categorical,
    (OneHotCategorical, OneHotCategorical): kl_categorical,
    (Pareto, Exponential): kl_pareto_exponential,
    (Pareto, Gamma): kl_pareto_gamma,
    (Pareto, Normal): kl_pareto_normal,
    (Pareto, Pareto): kl_pareto,
    (Poisson, Poisson): kl_poisson,
    (PowerSpherical, SphericalUniform): kl_power_spherical_uniform,
    (PowerSpherical, VonMisesFisher): kl_power_spherical_von_mises_fisher,
    (Rayleigh, Rayleigh): kl_rayleigh,
    (SphericalUniform, PowerSpherical): kl_uniform_power_spherical,
    (SphericalUniform, SphericalUniform): kl_spherical_uniform,
    (SphericalUniform, VonMisesFisher): kl_uniform_von_mises_fisher,
    (TruncatedNormal, TruncatedNormal): kl_truncated_normal,
    (Uniform, Beta): kl_uniform_beta,
    (Uniform, ContinuousBernoulli): kl_uniform_continuous_bernoulli,
    (Uniform, Exponential): kl_uniform_exponential,
    (Uniform, Gamma): kl_uniform_gamma,
    (Uniform, Gumbel): kl_uniform_gumbel,
    (Uniform, Normal): kl_uniform_normal,
    (Uniform, Pareto): kl_uniform_pareto,
    (Uniform, Uniform): kl_uniform,
    (VonMises, VonMises): kl_von_mises,
    (VonMisesFisher, SphericalUniform): kl_von_mises_fisher_uniform,
    (VonMisesFisher, VonMisesFisher): kl_von_mises_fisher,
    (Weibull, Exponential): kl_weibull_exponential,
    (Weibull, Gamma): kl_weibull_gamma,
    (Weibull, Weibull): kl_weibull,
    (Wishart, Wishart): kl_wishart,
    (Zipf, Zipf): kl_zipf,
}

# Forms that hold under a condition, a boolean of the two records; elsewhere the pair is summed or integrated.
CONDITIONS: dict[tuple[type, type], Callable[[Any, Any], bool | jax.Array]] = {
    (Binomial, Binomial): equal_counts,
    (DirichletMultinomial, DirichletMultinomial): equal_counts,
    (Multinomial, Multinomial): equal_counts,
}
