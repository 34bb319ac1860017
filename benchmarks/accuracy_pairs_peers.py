"""The families that `accuracy_pairs.py` compares, as each library builds them from [cases, numbers].

A family that a library does not have is left out. The pairs are not listed: each library is asked for its KL, and says
whether it has one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

COUNT = 7  # of Binomial's trials
Builders = dict[str, Callable[[Any], Any]]
# What a library's KL is: a function of two arrays of numbers, or None where it has no such pair.
Answer = Callable[[str, str, np.ndarray, np.ndarray], np.ndarray | None]


def columns(make: Callable[..., Any], *order: int) -> Callable[[Any], Any]:
    """The numbers as arguments, in their order or in this one."""
    return lambda x: make(*(x[..., i] for i in order or range(x.shape[-1])))


def lower(module: Any, x: Any) -> Any:
    """Triangular matrices [cases, 3, 3] from six numbers, row by row."""
    zero = module.zeros_like(x[..., 0])
    rows = [[x[..., 0], zero, zero], [x[..., 1], x[..., 2], zero], [x[..., 3], x[..., 4], x[..., 5]]]
    return module.stack([module.stack(row, -1) for row in rows], -2)


def matrices(module: Any, full: Any, diagonal: Any, low_rank: Any) -> Builders:
    """Normal distributions of three numbers: of a Cholesky factor, a diagonal, a diagonal and one column."""
    made = {
        "MultivariateNormal": lambda x: full(x[..., :3], lower(module, x[..., 3:])),
        "MultivariateNormal, diagonal": diagonal and (lambda x: diagonal(x[..., :3], x[..., 3:])),
        "MultivariateNormal, low rank": low_rank and (lambda x: low_rank(x[..., :3], x[..., 3:6, None], x[..., 6:])),
    }
    return {name: make for name, make in made.items() if make}


def from_jax(builders: Builders, kl: Callable[[Any, Any], Any]) -> Answer:
    """KL under jit; a library that has no such pair says so while it is traced."""

    def answer(one: str, other: str, p: np.ndarray, q: np.ndarray) -> np.ndarray | None:
        if one not in builders or other not in builders:
            return None
        try:
            return np.asarray(jax.jit(lambda p, q: kl(builders[one](p), builders[other](q)))(p, q))
        except NotImplementedError:
            return None

    return answer


def ours() -> Answer:
    import kljax
    from kljax import families
    from kljax.families import MultivariateNormal as Normal

    plain = """Bernoulli Beta Cauchy Chi Chi2 ContinuousBernoulli Exponential Gamma Geometric Gumbel HalfCauchy
        HalfNormal InverseGamma Kumaraswamy Laplace LogNormal LogitNormal Moyal Normal Pareto Poisson
        Uniform VonMises Weibull"""
    builders: Builders = {name: columns(getattr(families, name)) for name in plain.split()}
    builders |= {
        "Binomial": lambda x: families.Binomial(COUNT, x[..., 0]),
        "Categorical": lambda x: families.Categorical(logits=x),
        "OneHotCategorical": lambda x: families.OneHotCategorical(logits=x),
        "Dirichlet": families.Dirichlet,
        "PowerSpherical": lambda x: families.PowerSpherical(x[..., :3], x[..., 3]),
        "SphericalUniform": lambda x: families.SphericalUniform(3),
        "VonMisesFisher": lambda x: families.VonMisesFisher(x[..., :3], x[..., 3]),
        **matrices(jnp, Normal.from_cholesky, Normal.from_diagonal, Normal.from_low_rank),
    }
    return from_jax(builders, kljax.kl)


def torch() -> Answer:
    import torch
    from torch import distributions as td

    td.Distribution.set_default_validate_args(False)
    plain = """Bernoulli Beta Cauchy Chi2 Exponential Gamma Geometric Gumbel HalfCauchy HalfNormal InverseGamma
        Kumaraswamy Laplace LogNormal Normal Poisson Uniform VonMises"""
    builders: Builders = {name: columns(getattr(td, name)) for name in plain.split()}
    builders |= {
        "Binomial": lambda x: td.Binomial(COUNT, x[..., 0]),
        "Categorical": lambda x: td.Categorical(logits=x),
        "ContinuousBernoulli": lambda x: td.ContinuousBernoulli(logits=x[..., 0]),
        "Dirichlet": td.Dirichlet,
        "OneHotCategorical": lambda x: td.OneHotCategorical(logits=x),
        "Pareto": columns(td.Pareto, 1, 0),
        "Weibull": columns(td.Weibull, 1, 0),
        **matrices(
            torch,
            lambda loc, tril: td.MultivariateNormal(loc, scale_tril=tril),
            None,
            td.LowRankMultivariateNormal,
        ),
    }

    def answer(one: str, other: str, p: np.ndarray, q: np.ndarray) -> np.ndarray | None:
        if one not in builders or other not in builders:
            return None
        try:
            return td.kl_divergence(builders[one](torch.from_numpy(p)), builders[other](torch.from_numpy(q))).numpy()
        except NotImplementedError:
            return None

    return answer


def tfp() -> Answer:
    import tensorflow_probability.substrates.jax as tfp

    tfd = tfp.distributions
    plain = """Beta Cauchy Chi Chi2 Exponential Gamma Gumbel HalfNormal InverseGamma Kumaraswamy Laplace LogNormal
        LogitNormal Moyal Normal Pareto Poisson Uniform VonMises Weibull"""
    builders: Builders = {name: columns(getattr(tfd, name)) for name in plain.split()}
    builders |= {
        "Bernoulli": lambda x: tfd.Bernoulli(probs=x[..., 0]),
        "Binomial": lambda x: tfd.Binomial(COUNT, probs=x[..., 0]),
        "Categorical": lambda x: tfd.Categorical(logits=x),
        "ContinuousBernoulli": lambda x: tfd.ContinuousBernoulli(logits=x[..., 0]),
        "Dirichlet": tfd.Dirichlet,
        "Geometric": lambda x: tfd.Geometric(probs=x[..., 0]),
        "HalfCauchy": lambda x: tfd.HalfCauchy(jnp.zeros_like(x[..., 0]), x[..., 0]),
        "OneHotCategorical": lambda x: tfd.OneHotCategorical(logits=x),
        "PowerSpherical": lambda x: tfd.PowerSpherical(x[..., :3], x[..., 3]),
        "SphericalUniform": lambda x: tfd.SphericalUniform(3, dtype=x.dtype),
        "VonMisesFisher": lambda x: tfd.VonMisesFisher(x[..., :3], x[..., 3]),
        **matrices(
            jnp,
            tfd.MultivariateNormalTriL,
            tfd.MultivariateNormalDiag,
            lambda loc, factor, diagonal: tfd.MultivariateNormalDiagPlusLowRankCovariance(loc, diagonal, factor),
        ),
    }
    return from_jax(builders, tfd.kl_divergence)


def distrax() -> Answer:
    import distrax as dx

    plain = "Beta Gamma Gumbel Laplace Normal Uniform VonMises"
    builders: Builders = {name: columns(getattr(dx, name)) for name in plain.split()}
    builders |= {
        "Bernoulli": lambda x: dx.Bernoulli(probs=x[..., 0]),
        "Categorical": lambda x: dx.Categorical(logits=x),
        "Dirichlet": dx.Dirichlet,
        "OneHotCategorical": lambda x: dx.OneHotCategorical(logits=x),
        **matrices(jnp, dx.MultivariateNormalTri, dx.MultivariateNormalDiag, None),
    }
    return from_jax(builders, lambda p, q: p.kl_divergence(q))


def numpyro() -> Answer:
    from numpyro import distributions as nd

    plain = """Beta Cauchy Chi2 Exponential Gamma Gumbel HalfCauchy HalfNormal InverseGamma Kumaraswamy Laplace
        LogNormal Normal Poisson Uniform VonMises"""
    builders: Builders = {name: columns(getattr(nd, name)) for name in plain.split()}
    builders |= {
        "Bernoulli": lambda x: nd.Bernoulli(probs=x[..., 0]),
        "Binomial": lambda x: nd.Binomial(COUNT, probs=x[..., 0]),
        # It has the pair for probabilities alone.
        "Categorical": lambda x: nd.Categorical(probs=jax.nn.softmax(x)),
        "Dirichlet": nd.Dirichlet,
        "Geometric": lambda x: nd.Geometric(probs=x[..., 0]),
        "Pareto": columns(nd.Pareto, 1, 0),
        "Weibull": columns(nd.Weibull, 1, 0),
        **matrices(
            jnp,
            lambda loc, tril: nd.MultivariateNormal(loc, scale_tril=tril),
            None,
            nd.LowRankMultivariateNormal,
        ),
    }
    return from_jax(builders, nd.kl_divergence)


LIBRARIES = {"kljax": ours, "torch": torch, "TFP": tfp, "distrax": distrax, "numpyro": numpyro}
MODULES = {"TFP": "tensorflow_probability"}


def installed(wanted: Sequence[str]) -> dict[str, Answer]:
    """The wanted libraries that import; the others are shown as dashes."""
    found: dict[str, Answer] = {}
    for name in wanted:
        try:
            importlib.import_module(MODULES.get(name, name))
        except ImportError:
            print(f"{name} is not installed", file=sys.stderr)
        else:
            found[name] = LIBRARIES[name]()
    return found
