"""How a family is fitted that has no row among the moments: in closed form, or from where Newton's method starts.

Every row takes samples [n, event...] and a function for their means; an entry of the result is a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax import families
from kljax._special.elementwise import log_ratio
from kljax.families._gumbel import EULER

Mean = Callable[[jax.Array], jax.Array]
Values = dict[str, Any]


class Sample(NamedTuple):
    """What a row may look at: the samples, their weights of sum one, and what is known."""

    x: jax.Array
    weights: jax.Array
    known: Values

    def mean(self, values: jax.Array) -> jax.Array:
        """The weighted mean over the samples."""
        w = self.weights.reshape(-1, *[1] * (values.ndim - 1))
        return jnp.where(w > 0.0, w * values, 0.0).sum(0)

    def moments(self) -> tuple[jax.Array, jax.Array]:
        """Mean and standard deviation."""
        centre = self.mean(self.x)
        return centre, jnp.sqrt(self.mean(jnp.square(self.x - centre)))

    def ends(self) -> tuple[jax.Array, jax.Array]:
        """The least and the largest that count."""
        shown = self.weights > 0.0
        return jnp.where(shown, self.x, jnp.inf).min(0), jnp.where(shown, self.x, -jnp.inf).max(0)

    def quantile(self, share: float) -> jax.Array:
        """The weighted quantile, in the middle of two samples where it is any number between them."""
        order = jnp.argsort(self.x)
        x, total = self.x[order], jnp.cumsum(self.weights[order])
        last, slack = x.shape[0] - 1, 8.0 * float(jnp.finfo(x.dtype).eps)
        low, high = (jnp.minimum(jnp.searchsorted(total, share + d), last) for d in (-slack, slack))
        return 0.5 * (x[low] + x[high])


# --- closed forms ------------------------------------------------------------------------------------------


def _laplace(s: Sample) -> Any:
    loc = s.known.get("loc", s.quantile(0.5))
    return families.Laplace(loc, s.known.get("scale", s.mean(jnp.abs(s.x - loc))))


def _pareto(s: Sample) -> Any:
    scale = jnp.asarray(s.known.get("scale", s.ends()[0]), s.x.dtype)
    shape = 1.0 / s.mean(log_ratio(s.x, jnp.broadcast_to(scale, s.x.shape)))
    return families.Pareto(s.known.get("concentration", shape), scale)


def _between(family: type) -> Callable[[Sample], Any]:
    def ends(s: Sample) -> Any:
        low, high = s.ends()
        return family(s.known.get("low", low), s.known.get("high", high))

    return ends


def _lindley(s: Sample) -> Any:
    m = s.mean(s.x)
    return families.Lindley(4.0 / ((m - 1.0) + jnp.sqrt(jnp.square(m - 1.0) + 8.0 * m)))


def _share(family: type) -> Callable[[Sample], Any]:
    def shares(s: Sample) -> Any:
        count = s.known["total_count"]
        return family(count, s.mean(s.x) / count)

    return shares


DIRECT: dict[type, Callable[[Sample], Any]] = {
    families.Binomial: _share(families.Binomial),
    families.DiscreteUniform: _between(families.DiscreteUniform),
    families.Laplace: _laplace,
    families.Lindley: _lindley,
    families.LogUniform: _between(families.LogUniform),
    families.Multinomial: _share(families.Multinomial),
    families.Pareto: _pareto,
    families.Uniform: _between(families.Uniform),
}
# What has to be known, and what is unless it is said to be otherwise.
NEEDED: dict[type, tuple[str, ...]] = {
    families.BetaBinomial: ("total_count",),
    families.Binomial: ("total_count",),
    families.DirichletMultinomial: ("total_count",),
    families.Multinomial: ("total_count",),
    families.TruncatedNormal: ("low", "high"),
}
USUAL: dict[type, Values] = {families.GeneralizedPareto: {"loc": 0.0}}


# --- where Newton's method starts --------------------------------------------------------------------------


def _beta(s: Sample) -> Values:
    m, d = s.moments()
    total = jnp.maximum(m * (1.0 - m) / jnp.square(d) - 1.0, 0.1)
    return {"concentration1": m * total, "concentration0": (1.0 - m) * total}


def _beta_binomial(s: Sample) -> Values:
    n = s.known["total_count"]
    m, d = s.moments()
    p = m / n
    spread = n * p * (1.0 - p)
    # The variance is spread (c + n)/(c + 1).
    excess = jnp.maximum(jnp.square(d) / spread - 1.0, 0.01)
    total = jnp.clip((n - 1.0) / excess - 1.0, 0.5, 1e4)
    return {"concentration1": p * total, "concentration0": (1.0 - p) * total}


def _dirichlet_multinomial(s: Sample) -> Values:
    share = s.mean(s.x) / s.known["total_count"]
    return {"concentration": 10.0 * jnp.maximum(share, 1e-3)}


def _fisher(s: Sample) -> Values:
    m, _ = s.moments()
    return {"df1": jnp.full_like(m, 5.0), "df2": jnp.where(m > 1.05, 2.0 * m / jnp.maximum(m - 1.0, 0.05), 20.0)}


def _extreme(s: Sample) -> Values:
    m, d = s.moments()
    scale = d * (math.sqrt(6.0) / math.pi)
    return {"loc": m - EULER * scale, "scale": scale}


def _generalized_extreme(s: Sample) -> Values:
    return _extreme(s) | {"concentration": jnp.full_like(s.weights[0], 0.01)}


def _generalized_pareto(s: Sample) -> Values:
    loc = s.known.get("loc", s.ends()[0])
    m = s.mean(s.x - loc)
    # Half of the density within its support, whatever the sample: a shape a little above zero.
    return {"loc": loc, "scale": m, "concentration": jnp.full_like(m, 0.05)}


def _negative_binomial(s: Sample) -> Values:
    m, d = s.moments()
    count = jnp.clip(jnp.square(m) / jnp.maximum(jnp.square(d) - m, 1e-3 * m), 1e-2, 1e4)
    return {"total_count": count, "probs": count / (count + m)}


def _skew_normal(s: Sample) -> Values:
    m, d = s.moments()
    skew = s.mean(((s.x - m) / d) ** 3)
    size = jnp.abs(jnp.clip(skew, -0.9, 0.9)) ** (2.0 / 3.0)
    delta = jnp.sign(skew) * jnp.sqrt(0.5 * math.pi * size / (size + (0.5 * (4.0 - math.pi)) ** (2.0 / 3.0)))
    scale = d / jnp.sqrt(1.0 - 2.0 * delta * delta / math.pi)
    slant = delta / jnp.sqrt(1.0 - delta * delta)
    return {"loc": m - scale * delta * math.sqrt(2.0 / math.pi), "scale": scale, "slant": slant}


def _skellam(s: Sample) -> Values:
    m, d = s.moments()
    least = 0.05 * jnp.square(d)
    return {
        "rate1": jnp.maximum(0.5 * (jnp.square(d) + m), least),
        "rate2": jnp.maximum(0.5 * (jnp.square(d) - m), least),
    }


def _weibull(s: Sample) -> Values:
    logs = s._replace(x=jnp.log(s.x))
    m, d = logs.moments()
    shape = math.pi / math.sqrt(6.0) / d
    return {"concentration": shape, "scale": jnp.exp(m + EULER / shape)}


def _of_normal(spread: float, **more: float) -> Callable[[Sample], Values]:
    def located(s: Sample) -> Values:
        m, d = s.moments()
        return {"loc": m, "scale": spread * d} | {name: jnp.full_like(m, value) for name, value in more.items()}

    return located


def _of_quartiles(s: Sample, **more: float) -> Values:
    middle = s.quantile(0.5)
    scale = 0.5 * (s.quantile(0.75) - s.quantile(0.25))
    return {"loc": middle, "scale": scale} | {name: jnp.full_like(middle, value) for name, value in more.items()}


def _moyal(s: Sample) -> Values:
    m, d = s.moments()
    scale = d * (math.sqrt(2.0) / math.pi)
    return {"loc": m - scale * (EULER + math.log(2.0)), "scale": scale}


START: dict[type, Callable[[Sample], Values]] = {
    families.BetaBinomial: _beta_binomial,
    families.Cauchy: _of_quartiles,
    families.Chi: lambda s: {"df": s.mean(jnp.square(s.x))},
    families.Chi2: lambda s: {"df": s.mean(s.x)},
    families.ContinuousBernoulli: lambda s: {"logits": 12.0 * (s.mean(s.x) - 0.5)},
    families.DirichletMultinomial: _dirichlet_multinomial,
    families.FisherSnedecor: _fisher,
    families.GeneralizedExtremeValue: _generalized_extreme,
    families.GeneralizedPareto: _generalized_pareto,
    families.Gumbel: _extreme,
    families.HalfCauchy: lambda s: {"scale": s.quantile(0.5)},
    families.Kumaraswamy: _beta,
    families.Logarithmic: lambda s: {"probs": jnp.clip(1.0 - 1.0 / jnp.square(s.mean(s.x)), 0.05, 0.95)},
    families.Logistic: _of_normal(math.sqrt(3.0) / math.pi),
    families.Moyal: _moyal,
    families.NegativeBinomial: _negative_binomial,
    families.Skellam: _skellam,
    families.SkewNormal: _skew_normal,
    families.StudentT: lambda s: _of_quartiles(s, df=4.0),
    families.TruncatedNormal: _of_normal(1.0),
    families.Weibull: _weibull,
    families.Zipf: lambda s: {"power": 1.0 + 1.0 / s.mean(jnp.log(s.x) + math.log(2.0))},
}


# --- standard errors where the likelihood has no second derivative, or its parameters are bound together --------


def _laplace_errors(at: Any, n: jax.Array) -> Values:
    error = at.scale / jnp.sqrt(n)
    return {"loc": error, "scale": error}


def _pareto_errors(at: Any, n: jax.Array) -> Values:
    return {"concentration": at.concentration / jnp.sqrt(n), "scale": jnp.full_like(at.scale, jnp.nan)}


def _no_errors(at: Any, n: jax.Array) -> Values:
    return {name: jnp.full_like(n * getattr(at, name), jnp.nan) for name in ("low", "high")}


def _share_errors(at: Any, n: jax.Array) -> Values:
    trials = n * (at.total_count if hasattr(at, "total_count") else 1.0)
    return {"probs": jnp.sqrt(at.probs * (1.0 - at.probs) / trials[..., None])}


def _vector_errors(at: Any, n: jax.Array) -> Values:
    covariance = at.covariance
    on = jnp.diagonal(covariance, 0, -2, -1)
    spread = on[..., :, None] * on[..., None, :] + jnp.square(covariance)
    return {"loc": jnp.sqrt(on / n[..., None]), "covariance": jnp.sqrt(spread / n[..., None, None])}


def _direction_errors(at: Any, n: jax.Array) -> Values:
    # Fisher's information is A'(κ) in κ and κA(κ) in each of the directions across μ.
    size = at.mean[..., None, :] @ at.mean_direction[..., :, None]
    length = size[..., 0, 0]
    count = at.mean_direction.shape[-1]
    slope = 1.0 - jnp.square(length) - (count - 1.0) * length / at.concentration
    across = jnp.sqrt((1.0 - jnp.square(at.mean_direction)) / (n * at.concentration * length)[..., None])
    return {"mean_direction": across, "concentration": 1.0 / jnp.sqrt(n * slope)}


ERRORS: dict[type, Callable[[Any, jax.Array], Values]] = {
    families.DiscreteUniform: _no_errors,
    families.Laplace: _laplace_errors,
    families.LogUniform: _no_errors,
    families.Multinomial: _share_errors,
    families.MultivariateNormal: _vector_errors,
    families.OneHotCategorical: _share_errors,
    families.Pareto: _pareto_errors,
    families.Uniform: _no_errors,
    families.VonMisesFisher: _direction_errors,
}
