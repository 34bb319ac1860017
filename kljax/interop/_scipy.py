"""Rows for distributions of scipy.stats, by the name of what was frozen.

A family here that lacks the loc or the scale that every distribution of scipy has gets it from ``Transformed`` with
``Affine``, which changes nothing for two of the same loc and scale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kljax import families
from kljax.interop._conversions import number
from kljax.interop._scipy_others import NEW, OTHERS, by_class

Make = Callable[..., Any]


def plain(value: Any) -> Any:
    """A number as Python's, so that two bijectors with the same one are known to be the same; or an array."""
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else number(array)


def moved(record: Any, loc: Any, scale: Any = 1.0) -> Any:
    """loc + scale · x."""
    if np.all(np.asarray(loc) == 0) and np.all(np.asarray(scale) == 1):
        return record
    return families.Transformed(record, families.Affine(plain(loc), plain(scale)))


def _located(family: type) -> Make:
    """loc and scale alone."""
    return lambda loc, scale: family(number(loc), number(scale))


def _scaled(make: Make) -> Make:
    """Shapes and a scale; a location if it is not zero."""
    return lambda *given: moved(make(*map(number, given[:-2]), number(given[-1])), given[-2])


def _standard(make: Make) -> Make:
    """Shapes alone; a location and a scale if they are not 0 and 1."""
    return lambda *given: moved(make(*map(number, given[:-2])), given[-2], given[-1])


def _mirrored(make: Make) -> Make:
    """loc - x, of shapes and a scale."""
    return lambda *given: moved(make(*map(number, given[:-2]), number(given[-1])), given[-2], -1.0)


def _shapes_last(family: type, sign: float = 1.0) -> Make:
    """One shape, which the family takes after the location and the scale."""
    return lambda shape, loc, scale: family(number(loc), number(scale), sign * number(shape))


def _truncated(low: Any, high: Any, loc: Any, scale: Any) -> Any:
    low, high, loc, scale = (number(one) for one in (low, high, loc, scale))
    return families.TruncatedNormal(loc, scale, loc + scale * low, loc + scale * high)


def _triangular(peak: Any, loc: Any, scale: Any) -> Any:
    peak, loc, scale = (number(one) for one in (peak, loc, scale))
    return families.Triangular(loc, loc + scale, loc + scale * peak)


def _log_logistic(shape: Any, scale: Any) -> Any:
    return families.Transformed(families.Logistic(jnp.log(scale), 1.0 / shape), families.Exp())


def _log_gamma(shape: Any, loc: Any, scale: Any) -> Any:
    steps = (families.Log(), families.Affine(plain(loc), plain(scale)))
    return families.Transformed(families.Gamma(number(shape), 1.0), families.Chain(steps))


def _lomax(shape: Any, loc: Any, scale: Any) -> Any:
    return families.GeneralizedPareto(number(loc), number(scale) / number(shape), 1.0 / number(shape))


def _von_mises(concentration: Any, loc: Any, scale: Any) -> Any:
    if np.any(np.asarray(scale) != 1):
        raise NotImplementedError("scipy.stats.vonmises has a counterpart in kljax.families only with scale = 1.")
    return families.VonMises(number(loc), number(concentration))


CONTINUOUS: dict[str, Make] = {
    "arcsine": _standard(lambda: families.Beta(0.5, 0.5)),
    "beta": _standard(families.Beta),
    "cauchy": _located(families.Cauchy),
    "chi": _standard(families.Chi),
    "chi2": _standard(families.Chi2),
    "erlang": _scaled(lambda shape, scale: families.Gamma(shape, 1.0 / scale)),
    "expon": _scaled(lambda scale: families.Exponential(1.0 / scale)),
    "f": _standard(families.FisherSnedecor),
    "fisk": _scaled(_log_logistic),
    "gamma": _scaled(lambda shape, scale: families.Gamma(shape, 1.0 / scale)),
    "genextreme": _shapes_last(families.GeneralizedExtremeValue, -1.0),
    "genpareto": _shapes_last(families.GeneralizedPareto),
    "gumbel_l": _mirrored(lambda scale: families.Gumbel(0.0, scale)),
    "gumbel_r": _located(families.Gumbel),
    "halfcauchy": _scaled(families.HalfCauchy),
    "halfnorm": _scaled(families.HalfNormal),
    "invgamma": _scaled(families.InverseGamma),
    "invgauss": _scaled(lambda shape, scale: families.InverseGaussian(shape * scale, scale)),
    "laplace": _located(families.Laplace),
    "levy": _scaled(lambda scale: families.InverseGamma(0.5, 0.5 * scale)),
    "loggamma": _log_gamma,
    "logistic": _located(families.Logistic),
    "lognorm": _scaled(lambda shape, scale: families.LogNormal(jnp.log(scale), shape)),
    "loguniform": _scaled(lambda low, high, scale: families.LogUniform(scale * low, scale * high)),
    "lomax": _lomax,
    "maxwell": _standard(lambda: families.Chi(3.0)),
    "moyal": _located(families.Moyal),
    "norm": _located(families.Normal),
    "pareto": _scaled(families.Pareto),
    "powerlaw": _standard(lambda shape: families.Beta(shape, 1.0)),
    "rayleigh": _scaled(families.Rayleigh),
    "reciprocal": _scaled(lambda low, high, scale: families.LogUniform(scale * low, scale * high)),
    "skewnorm": _shapes_last(families.SkewNormal),
    "t": lambda df, loc, scale: families.StudentT(number(df), number(loc), number(scale)),
    "triang": _triangular,
    "truncnorm": _truncated,
    "uniform": lambda loc, scale: families.Uniform(number(loc), number(loc) + number(scale)),
    "vonmises": _von_mises,
    "wald": _scaled(lambda scale: families.InverseGaussian(scale, scale)),
    "weibull_max": _mirrored(families.Weibull),
    "weibull_min": _scaled(families.Weibull),
}
DISCRETE: dict[str, Make] = {
    "bernoulli": families.Bernoulli,
    "betabinom": families.BetaBinomial,
    "binom": families.Binomial,
    # Geometric counts the failures before the first success.
    "geom": lambda p: moved(families.Geometric(p), 1.0),
    "logser": families.Logarithmic,
    "nbinom": families.NegativeBinomial,
    "planck": lambda rate: families.Geometric(-jnp.expm1(-rate)),
    "poisson": families.Poisson,
    "skellam": families.Skellam,
    "zipf": families.Zipf,
}


def convert(value: Any) -> Any:
    """The record of a distribution of scipy.stats."""
    other = by_class(OTHERS, value)
    if other is not None:
        return other(value)
    if type(value).__module__.endswith(("_distribution_infrastructure", "_new_distributions")):
        return _new(value)
    dist: Any = getattr(value, "dist", None)
    if dist is None and hasattr(value, "freeze"):
        if value.numargs:
            raise TypeError(f"scipy.stats.{value.name} needs its parameters ({value.shapes}); freeze it by calling it.")
        value = value.freeze()
        dist = value.dist
    name = getattr(dist, "name", type(value).__name__)
    other = by_class(OTHERS, dist)
    if other is not None:
        shapes, loc, scale = dist._parse_args(*value.args, **value.kwds)
        return moved(other(dist), loc, scale)
    _check(name)
    shapes, loc, scale = dist._parse_args(*value.args, **value.kwds)
    return named(name, shapes, loc, scale)


def _check(name: str) -> None:
    if name not in CONTINUOUS and name not in DISCRETE and name != "randint":
        listed = ", ".join(sorted([*CONTINUOUS, *DISCRETE, "randint"]))
        raise NotImplementedError(
            f"scipy.stats.{name} has no counterpart in kljax.families. There are rows for {listed}, and for "
            f"{', '.join(sorted(one.removesuffix('_frozen') for one in [*OTHERS, *NEW]))}."
        )


def named(name: str, shapes: Any, loc: Any, scale: Any) -> Any:
    """The record of scipy's distribution of this name."""
    if name in CONTINUOUS:
        return CONTINUOUS[name](*shapes, loc, scale)
    if name == "randint":
        low, high = (number(one) + number(loc) for one in shapes)
        return families.DiscreteUniform(low, high - 1.0)
    record = DISCRETE[name](*(number(one) for one in shapes))
    if np.all(np.asarray(loc) == 0):
        return record
    if isinstance(record, families.Transformed):  # which is shifted by one already
        return moved(record.base, 1.0 + np.asarray(loc))
    return moved(record, loc)


def _new(value: Any) -> Any:
    """One of scipy's new classes: a distribution of its own, one made of an older one, or one shifted and scaled."""
    if type(value).__name__ == "ShiftedScaledDistribution":
        held = value._parameters
        return moved(convert(value._dist), held["loc"], held["scale"])
    own = by_class(NEW, value)
    if own is not None:
        return own(value)
    # The older one's name is in the text alone, capitalised or changed by a table of scipy's.
    known = getattr(sys.modules[type(value).__mro__[1].__module__], "_distribution_names", {})
    text = repr(value).partition("(")[0]
    name = {new: old for old, new in known.items()}.get(text, text.lower())
    _check(name)
    shapes = getattr(sys.modules["scipy.stats"], name).shapes
    order = [one.strip() for one in shapes.split(",")] if shapes else []
    held = value._parameters
    return named(name, [held[one] for one in order], held.get("loc", 0.0), held.get("scale", 1.0))
