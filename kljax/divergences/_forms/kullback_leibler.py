"""The table of closed forms: KL(p‖q) by the families of p and q. A new pair is one row.

A form takes two records whose parameters are broadcast to one batch shape and are of one dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from kljax.divergences._forms.count_vectors import kl_dirichlet_multinomial, kl_multinomial
from kljax.divergences._forms.cross_half_line import (
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
from kljax.divergences._forms.cross_interval import (
    kl_beta_continuous_bernoulli,
    kl_beta_uniform,
    kl_continuous_bernoulli_uniform,
    kl_uniform_beta,
    kl_uniform_continuous_bernoulli,
)
from kljax.divergences._forms.cross_line import (
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
from kljax.divergences._forms.directions import (
    kl_power_spherical_uniform,
    kl_spherical_uniform,
    kl_uniform_power_spherical,
    kl_uniform_von_mises_fisher,
    kl_von_mises,
    kl_von_mises_fisher,
    kl_von_mises_fisher_uniform,
)
from kljax.divergences._forms.half_line import (
    kl_chi,
    kl_chi2,
    kl_exponential,
    kl_gamma,
    kl_half_cauchy,
    kl_half_normal,
    kl_inverse_gamma,
    kl_inverse_gaussian,
    kl_lindley,
    kl_log_normal,
    kl_log_uniform,
    kl_pareto,
    kl_rayleigh,
    kl_weibull,
)
from kljax.divergences._forms.integers import (
    equal_counts,
    kl_binomial,
    kl_discrete_uniform,
    kl_geometric,
    kl_logarithmic,
    kl_negative_binomial,
    kl_poisson,
    kl_zipf,
)
from kljax.divergences._forms.interval import (
    kl_beta,
    kl_continuous_bernoulli,
    kl_kumaraswamy,
    kl_kumaraswamy_beta,
    kl_logit_normal,
    kl_truncated_normal,
    kl_uniform,
)
from kljax.divergences._forms.outcomes import kl_categorical
from kljax.divergences._forms.power_spherical_fisher import kl_power_spherical_von_mises_fisher
from kljax.divergences._forms.simplex import (
    kl_beta_dirichlet,
    kl_dirichlet,
    kl_dirichlet_beta,
    kl_generalized_dirichlet,
    kl_multivariate_logit_normal,
)
from kljax.divergences._forms.trials import kl_bernoulli, kl_bernoulli_poisson
from kljax.divergences._forms.vectors_and_matrices import (
    kl_complex_normal,
    kl_inverse_wishart,
    kl_lkj,
    kl_matrix_normal,
    kl_multivariate_normal,
    kl_normal_gamma,
    kl_normal_inverse_wishart,
    kl_wishart,
)
from kljax.divergences._forms.whole_line import kl_cauchy, kl_gumbel, kl_laplace, kl_moyal, kl_normal
from kljax.families._bernoulli import Bernoulli
from kljax.families._beta import Beta
from kljax.families._binomial import Binomial
from kljax.families._categorical import Categorical, OneHotCategorical
from kljax.families._cauchy import Cauchy
from kljax.families._chi import Chi
from kljax.families._chi2 import Chi2
from kljax.families._complex_normal import ComplexNormal
from kljax.families._continuous_bernoulli import ContinuousBernoulli
from kljax.families._dirichlet import Dirichlet
from kljax.families._dirichlet_multinomial import DirichletMultinomial
from kljax.families._discrete_uniform import DiscreteUniform
from kljax.families._exponential import Exponential
from kljax.families._gamma import Gamma
from kljax.families._generalized_dirichlet import GeneralizedDirichlet
from kljax.families._geometric import Geometric
from kljax.families._gumbel import Gumbel
from kljax.families._half_cauchy import HalfCauchy
from kljax.families._half_normal import HalfNormal
from kljax.families._inverse_gamma import InverseGamma
from kljax.families._inverse_gaussian import InverseGaussian
from kljax.families._inverse_wishart import InverseWishart
from kljax.families._kumaraswamy import Kumaraswamy
from kljax.families._laplace import Laplace
from kljax.families._lindley import Lindley
from kljax.families._lkj import LKJ
from kljax.families._log_normal import LogNormal
from kljax.families._log_uniform import LogUniform
from kljax.families._logarithmic import Logarithmic
from kljax.families._logit_normal import LogitNormal
from kljax.families._matrix_normal import MatrixNormal
from kljax.families._moyal import Moyal
from kljax.families._multinomial import Multinomial
from kljax.families._multivariate_logit_normal import MultivariateLogitNormal
from kljax.families._multivariate_normal import MultivariateNormal
from kljax.families._negative_binomial import NegativeBinomial
from kljax.families._normal import Normal
from kljax.families._normal_gamma import NormalGamma
from kljax.families._normal_inverse_wishart import NormalInverseWishart
from kljax.families._pareto import Pareto
from kljax.families._poisson import Poisson
from kljax.families._power_spherical import PowerSpherical
from kljax.families._rayleigh import Rayleigh
from kljax.families._spherical_uniform import SphericalUniform
from kljax.families._truncated_normal import TruncatedNormal
from kljax.families._uniform import Uniform
from kljax.families._von_mises import VonMises
from kljax.families._von_mises_fisher import VonMisesFisher
from kljax.families._weibull import Weibull
from kljax.families._wishart import Wishart
from kljax.families._zipf import Zipf

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
