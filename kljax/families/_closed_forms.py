"""The table of closed forms: KL(p‖q) by the families of p and q. A new pair is one row.

A form takes two records whose parameters are broadcast to one batch shape and are of one dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from kljax.families._bernoulli import Bernoulli, kl_bernoulli, kl_bernoulli_poisson
from kljax.families._beta import Beta, kl_beta
from kljax.families._binomial import Binomial, equal_counts, kl_binomial
from kljax.families._categorical import Categorical, OneHotCategorical, kl_categorical
from kljax.families._cauchy import Cauchy, kl_cauchy
from kljax.families._chi import Chi, kl_chi
from kljax.families._chi2 import Chi2, kl_chi2
from kljax.families._exponential import Exponential, kl_exponential
from kljax.families._gamma import Gamma, kl_gamma
from kljax.families._geometric import Geometric, kl_geometric
from kljax.families._gumbel import Gumbel, kl_gumbel
from kljax.families._half_cauchy import HalfCauchy, kl_half_cauchy
from kljax.families._half_normal import HalfNormal, kl_half_normal
from kljax.families._inverse_gamma import InverseGamma, kl_inverse_gamma
from kljax.families._inverse_gaussian import InverseGaussian, kl_inverse_gaussian
from kljax.families._laplace import Laplace, kl_laplace
from kljax.families._log_normal import LogNormal, kl_log_normal
from kljax.families._log_uniform import LogUniform, kl_log_uniform
from kljax.families._logarithmic import Logarithmic, kl_logarithmic
from kljax.families._logit_normal import LogitNormal, kl_logit_normal
from kljax.families._moyal import Moyal, kl_moyal
from kljax.families._negative_binomial import NegativeBinomial, kl_negative_binomial
from kljax.families._normal import Normal, kl_normal
from kljax.families._pareto import Pareto, kl_pareto
from kljax.families._poisson import Poisson, kl_poisson
from kljax.families._rayleigh import Rayleigh, kl_rayleigh
from kljax.families._uniform import Uniform, kl_uniform
from kljax.families._von_mises import VonMises, kl_von_mises
from kljax.families._weibull import Weibull, kl_weibull

Form = Callable[[Any, Any], jax.Array]

KL: dict[tuple[type, type], Form] = {
    (Beta, Beta): kl_beta,
    (Cauchy, Cauchy): kl_cauchy,
    (Chi, Chi): kl_chi,
    (Chi2, Chi2): kl_chi2,
    (Exponential, Exponential): kl_exponential,
    (Gamma, Gamma): kl_gamma,
    (Gumbel, Gumbel): kl_gumbel,
    (HalfCauchy, HalfCauchy): kl_half_cauchy,
    (HalfNormal, HalfNormal): kl_half_normal,
    (InverseGamma, InverseGamma): kl_inverse_gamma,
    (InverseGaussian, InverseGaussian): kl_inverse_gaussian,
    (Laplace, Laplace): kl_laplace,
    (LogNormal, LogNormal): kl_log_normal,
    (LogUniform, LogUniform): kl_log_uniform,
    (LogitNormal, LogitNormal): kl_logit_normal,
    (Moyal, Moyal): kl_moyal,
    (Normal, Normal): kl_normal,
    (Pareto, Pareto): kl_pareto,
    (Poisson, Poisson): kl_poisson,
    (Rayleigh, Rayleigh): kl_rayleigh,
    (Uniform, Uniform): kl_uniform,
    (Bernoulli, Bernoulli): kl_bernoulli,
    (Bernoulli, Poisson): kl_bernoulli_poisson,
    (Binomial, Binomial): kl_binomial,
    (Categorical, Categorical): kl_categorical,
    (Categorical, OneHotCategorical): kl_categorical,
    (Geometric, Geometric): kl_geometric,
    (Logarithmic, Logarithmic): kl_logarithmic,
    (NegativeBinomial, NegativeBinomial): kl_negative_binomial,
    (OneHotCategorical, Categorical): kl_categorical,
    (OneHotCategorical, OneHotCategorical): kl_categorical,
    (VonMises, VonMises): kl_von_mises,
    (Weibull, Weibull): kl_weibull,
}

# Forms that hold under a condition, a boolean of the two records; elsewhere the pair is summed or integrated.
CONDITIONS: dict[tuple[type, type], Callable[[Any, Any], bool | jax.Array]] = {(Binomial, Binomial): equal_counts}
