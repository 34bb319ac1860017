"""Distributions: frozen records of parameters with the textbook's names, that are pytrees.

    parameters ─family─▶ log-densities, samples, moments; and a row of the table of closed forms for a pair

A family is a class with annotated parameters; ``jit``, ``grad`` and ``vmap`` go through its records, and a batch of
distributions is a record with batches of parameters, which broadcast. All divergences of two records are in ``kljax``
itself: ``kljax.kl(Normal(0.0, 1.0), Laplace(0.0, 1.0))``.

A parameter given as a Python number is checked on the spot. Arrays are not looked at: what they make of the formulas is
what comes, NaN for a negative scale for instance.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.families._bernoulli import Bernoulli as Bernoulli
from kljax.families._beta import Beta as Beta
from kljax.families._beta_binomial import BetaBinomial as BetaBinomial
from kljax.families._bijectors import Affine as Affine
from kljax.families._bijectors import Bijector as Bijector
from kljax.families._bijectors import Chain as Chain
from kljax.families._bijectors import Exp as Exp
from kljax.families._bijectors import Log as Log
from kljax.families._bijectors import Sigmoid as Sigmoid
from kljax.families._bijectors import Softplus as Softplus
from kljax.families._bijectors import Tanh as Tanh
from kljax.families._binomial import Binomial as Binomial
from kljax.families._categorical import Categorical as Categorical
from kljax.families._categorical import OneHotCategorical as OneHotCategorical
from kljax.families._cauchy import Cauchy as Cauchy
from kljax.families._chi import Chi as Chi
from kljax.families._chi2 import Chi2 as Chi2
from kljax.families._complex_normal import ComplexNormal as ComplexNormal
from kljax.families._continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from kljax.families._delta import Delta as Delta
from kljax.families._dirichlet import Dirichlet as Dirichlet
from kljax.families._dirichlet_multinomial import DirichletMultinomial as DirichletMultinomial
from kljax.families._discrete_uniform import DiscreteUniform as DiscreteUniform
from kljax.families._empirical import Empirical as Empirical
from kljax.families._exponential import Exponential as Exponential
from kljax.families._fisher_snedecor import FisherSnedecor as FisherSnedecor
from kljax.families._fit import Fitted as Fitted
from kljax.families._gamma import Gamma as Gamma
from kljax.families._generalized_dirichlet import GeneralizedDirichlet as GeneralizedDirichlet
from kljax.families._generalized_extreme_value import GeneralizedExtremeValue as GeneralizedExtremeValue
from kljax.families._generalized_pareto import GeneralizedPareto as GeneralizedPareto
from kljax.families._geometric import Geometric as Geometric
from kljax.families._gumbel import Gumbel as Gumbel
from kljax.families._half_cauchy import HalfCauchy as HalfCauchy
from kljax.families._half_normal import HalfNormal as HalfNormal
from kljax.families._independent import Independent as Independent
from kljax.families._inverse_gamma import InverseGamma as InverseGamma
from kljax.families._inverse_gaussian import InverseGaussian as InverseGaussian
from kljax.families._inverse_wishart import InverseWishart as InverseWishart
from kljax.families._kumaraswamy import Kumaraswamy as Kumaraswamy
from kljax.families._laplace import Laplace as Laplace
from kljax.families._lindley import Lindley as Lindley
from kljax.families._lkj import LKJ as LKJ
from kljax.families._log_normal import LogNormal as LogNormal
from kljax.families._log_uniform import LogUniform as LogUniform
from kljax.families._logarithmic import Logarithmic as Logarithmic
from kljax.families._logistic import Logistic as Logistic
from kljax.families._logit_normal import LogitNormal as LogitNormal
from kljax.families._masked import Masked as Masked
from kljax.families._matrix_normal import MatrixNormal as MatrixNormal
from kljax.families._mixture import Mixture as Mixture
from kljax.families._moyal import Moyal as Moyal
from kljax.families._multinomial import Multinomial as Multinomial
from kljax.families._multivariate_logit_normal import MultivariateLogitNormal as MultivariateLogitNormal
from kljax.families._multivariate_normal import MultivariateNormal as MultivariateNormal
from kljax.families._negative_binomial import NegativeBinomial as NegativeBinomial
from kljax.families._normal import Normal as Normal
from kljax.families._normal_gamma import NormalGamma as NormalGamma
from kljax.families._normal_inverse_wishart import NormalInverseWishart as NormalInverseWishart
from kljax.families._pareto import Pareto as Pareto
from kljax.families._poisson import Poisson as Poisson
from kljax.families._power_spherical import PowerSpherical as PowerSpherical
from kljax.families._product import Product as Product
from kljax.families._rayleigh import Rayleigh as Rayleigh
from kljax.families._record import Distribution as Distribution
from kljax.families._skellam import Skellam as Skellam
from kljax.families._skew_normal import SkewNormal as SkewNormal
from kljax.families._spherical_uniform import SphericalUniform as SphericalUniform
from kljax.families._student_t import StudentT as StudentT
from kljax.families._transformed import Transformed as Transformed
from kljax.families._triangular import Triangular as Triangular
from kljax.families._truncated_normal import TruncatedNormal as TruncatedNormal
from kljax.families._uniform import Uniform as Uniform
from kljax.families._von_mises import VonMises as VonMises
from kljax.families._von_mises_fisher import VonMisesFisher as VonMisesFisher
from kljax.families._weibull import Weibull as Weibull
from kljax.families._wishart import Wishart as Wishart
from kljax.families._zipf import Zipf as Zipf

__all__ = [
    "LKJ",
    "Affine",
    "Bernoulli",
    "Beta",
    "BetaBinomial",
    "Bijector",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chain",
    "Chi",
    "Chi2",
    "ComplexNormal",
    "ContinuousBernoulli",
    "Delta",
    "Dirichlet",
    "DirichletMultinomial",
    "DiscreteUniform",
    "Distribution",
    "Empirical",
    "Exp",
    "Exponential",
    "FisherSnedecor",
    "Fitted",
    "Gamma",
    "GeneralizedDirichlet",
    "GeneralizedExtremeValue",
    "GeneralizedPareto",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "InverseGamma",
    "InverseGaussian",
    "InverseWishart",
    "Kumaraswamy",
    "Laplace",
    "Lindley",
    "Log",
    "LogNormal",
    "LogUniform",
    "Logarithmic",
    "Logistic",
    "LogitNormal",
    "Masked",
    "MatrixNormal",
    "Mixture",
    "Moyal",
    "Multinomial",
    "MultivariateLogitNormal",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "NormalGamma",
    "NormalInverseWishart",
    "OneHotCategorical",
    "Pareto",
    "Poisson",
    "PowerSpherical",
    "Product",
    "Rayleigh",
    "Sigmoid",
    "Skellam",
    "SkewNormal",
    "Softplus",
    "SphericalUniform",
    "StudentT",
    "Tanh",
    "Transformed",
    "Triangular",
    "TruncatedNormal",
    "Uniform",
    "VonMises",
    "VonMisesFisher",
    "Weibull",
    "Wishart",
    "Zipf",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
