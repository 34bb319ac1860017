"""Rows for frozen distributions of scipy.stats, by the name of what was frozen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kljax import families
from kljax.interop._rows import number

Make = Callable[..., Any]


def _located(family: type) -> Make:
    """loc and scale alone."""
    return lambda loc, scale: family(number(loc), number(scale))


def _at_zero(make: Make, *, unit: bool = False) -> Make:
    """A family without a location, or without a scale either."""

    def made(*shapes: Any, loc: Any, scale: Any = 1.0) -> Any:
        if np.any(np.asarray(loc) != 0) or (unit and np.any(np.asarray(scale) != 1)):
            what = "loc = 0 and scale = 1" if unit else "loc = 0"
            raise NotImplementedError(f"This distribution of scipy.stats has a counterpart only with {what}.")
        numbers = [number(one) for one in shapes]
        return make(*numbers) if unit else make(*numbers, number(scale))

    return lambda *arguments: made(*arguments[:-2], loc=arguments[-2], scale=arguments[-1])


def _truncated(low: Any, high: Any, loc: Any, scale: Any) -> Any:
    low, high, loc, scale = (number(one) for one in (low, high, loc, scale))
    return families.TruncatedNormal(loc, scale, loc + scale * low, loc + scale * high)


def _log_normal(shape: Any, scale: Any) -> Any:
    return families.LogNormal(jnp.log(scale), shape)


CONTINUOUS: dict[str, Make] = {
    "beta": _at_zero(families.Beta, unit=True),
    "cauchy": _located(families.Cauchy),
    "chi": _at_zero(families.Chi, unit=True),
    "chi2": _at_zero(families.Chi2, unit=True),
    "expon": _at_zero(lambda scale: families.Exponential(1.0 / scale)),
    "gamma": _at_zero(lambda shape, scale: families.Gamma(shape, 1.0 / scale)),
    "gumbel_r": _located(families.Gumbel),
    "halfcauchy": _at_zero(families.HalfCauchy),
    "halfnorm": _at_zero(families.HalfNormal),
    "invgamma": _at_zero(families.InverseGamma),
    "invgauss": _at_zero(lambda shape, scale: families.InverseGaussian(shape * scale, scale)),
    "laplace": _located(families.Laplace),
    "loguniform": _at_zero(lambda low, high, scale: families.LogUniform(scale * low, scale * high)),
    "reciprocal": _at_zero(lambda low, high, scale: families.LogUniform(scale * low, scale * high)),
    "logistic": _located(families.Logistic),
    "lognorm": _at_zero(_log_normal),
    "moyal": _located(families.Moyal),
    "norm": _located(families.Normal),
    "pareto": _at_zero(families.Pareto),
    "rayleigh": _at_zero(families.Rayleigh),
    "t": lambda df, loc, scale: families.StudentT(number(df), number(loc), number(scale)),
    "truncnorm": _truncated,
    "uniform": lambda loc, scale: families.Uniform(number(loc), number(loc) + number(scale)),
    "weibull_min": _at_zero(families.Weibull),
}
DISCRETE: dict[str, Make] = {
    "bernoulli": families.Bernoulli,
    "binom": families.Binomial,
    "logser": families.Logarithmic,
    "nbinom": families.NegativeBinomial,
    "poisson": families.Poisson,
}


def convert(value: Any) -> Any:
    """The record of a frozen distribution."""
    dist: Any = getattr(value, "dist", None)
    name = getattr(dist, "name", type(value).__name__)
    if name not in CONTINUOUS and name not in DISCRETE:
        listed = ", ".join(sorted([*CONTINUOUS, *DISCRETE]))
        raise NotImplementedError(
            f"scipy.stats.{name} has no counterpart in kljax.families. There are rows for frozen {listed}. geom counts "
            "from 1: Geometric counts the failures before the first success."
        )
    shapes, loc, scale = dist._parse_args(*value.args, **value.kwds)
    if name in CONTINUOUS:
        return CONTINUOUS[name](*shapes, loc, scale)
    if np.any(np.asarray(loc) != 0):
        raise NotImplementedError(f"A shifted scipy.stats.{name} has no counterpart in kljax.families.")
    return DISCRETE[name](*(number(one) for one in shapes))
