"""Log-ratios as records that jax differentiates: quadratic, copula, kernels, chains of them, and the models in JAX.

Each is a pytree, and called on rows [n, d] returns log p/q at them, [n].
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, ndtr, ndtri

from kljax.samples._model import Model, _t_table
from kljax.samples._surrogates import fit_pair

Arrays = jax.Array


@jax.jit
def evaluate(critic: Any, rows: jax.Array) -> jax.Array:
    """A critic at rows."""
    return critic(rows)


def standardise(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and scale of two samples together."""
    centre = 0.5 * (x.mean(0) + y.mean(0))
    return centre, np.sqrt(0.5 * (x.var(0) + y.var(0)) + 0.25 * np.square(x.mean(0) - y.mean(0)))


# --- quadratic
# ---------------------------------------------------------------------------------------------------------


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Quadratic:
    """w·(1, z, z zᵀ): all log-ratios of normal distributions, and of some others."""

    centre: Arrays
    scale: Arrays
    weights: Arrays

    def __call__(self, rows: jax.Array) -> jax.Array:
        """log p/q of rows [n, d]."""
        z = (rows - self.centre[None]) / self.scale[None]
        return _quadratic_features(z, jnp) @ self.weights


def _quadratic_features(z: Any, xp: Any) -> Any:
    first, second = np.triu_indices(z.shape[1])
    return xp.concatenate([xp.ones_like(z[:, :1]), z, z[:, first] * z[:, second]], 1)


def fit_quadratic(x: np.ndarray, y: np.ndarray) -> Quadratic:
    """Logistic regression by Newton's method, each sample weighing a half, with a ridge of one pseudo-row."""
    centre, scale = standardise(x, y)
    features = _quadratic_features((np.concatenate([x, y]) - centre) / scale, np)
    label = np.concatenate([np.ones(len(x)), np.zeros(len(y))])
    weight = np.where(label > 0, 0.5 / len(x), 0.5 / len(y)) * (len(x) + len(y))
    penalty = np.ones(features.shape[1])
    penalty[0] = 0.0
    w = np.zeros(features.shape[1])

    def loss(w: np.ndarray) -> float:
        logit = features @ w
        return float(weight @ (np.logaddexp(0.0, logit) - label * logit) + 0.5 * penalty @ np.square(w))

    now = loss(w)
    for _ in range(50):
        chance = 0.5 * (1.0 + np.tanh(0.5 * (features @ w)))
        gradient = features.T @ (weight * (chance - label)) + penalty * w
        curvature = (features * (weight * chance * (1.0 - chance))[:, None]).T @ features + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while loss(w - size * step) > now - 1e-4 * size * float(gradient @ step) and size > 1e-4:
            size *= 0.5
        w = w - size * step
        before, now = now, loss(w)
        if before - now < 1e-8 * abs(before):
            break
    return Quadratic(*(jnp.asarray(one, float) for one in (centre, scale, w)))


# --- the models of ``kl``
# ----------------------------------------------------------------------------------------------


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Density:
    """log p̂ of a fitted model, in JAX."""

    maps: tuple[Arrays, ...]  # centre, spread, tail, order, shift, scale
    mixtures: tuple[Arrays, ...]  # log weights, means, scales, [d, K]
    factor: Arrays
    table: tuple[Arrays, Arrays]
    degrees: float = dataclasses.field(metadata={"static": True})

    def __call__(self, rows: jax.Array) -> jax.Array:
        """log p̂ of rows [n, d]."""
        mapped, slopes = self._bent(rows)
        logw, mean, scale = (one[None] for one in self.mixtures)
        u = (mapped[:, :, None] - mean) / scale
        logs = logsumexp(logw - jnp.log(scale) - 0.5 * math.log(2.0 * math.pi) - 0.5 * jnp.square(u), axis=-1)
        total = (logs + slopes).sum(1)
        return total if rows.shape[1] == 1 else total + self._copula(self._scores(u, logw))

    def _bent(self, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        centre, spread, tail, order, shift, scale = (one[None] for one in self.maps)
        v = (rows - centre) / spread
        heavy = tail > 0
        c = jnp.where(heavy, tail, 1.0)
        slope = jnp.where(heavy, -0.5 * jnp.log1p(jnp.square(c * v)), 0.0)
        v = jnp.where(heavy, jnp.arcsinh(c * v) / c, v)
        magnitude = jnp.log1p(jnp.abs(v))
        exponent = jnp.where(v >= 0, order, 2.0 - order)
        flat = jnp.abs(exponent) < 1e-6
        grown = jnp.where(flat, magnitude, jnp.expm1(exponent * magnitude) / jnp.where(flat, 1.0, exponent))
        straight = order == 1.0
        mapped = jnp.where(straight, v, jnp.sign(v) * grown)
        slope = slope + jnp.where(straight, 0.0, (exponent - 1.0) * magnitude)
        return (mapped - shift) / scale, slope - jnp.log(spread * scale)

    def _scores(self, u: jax.Array, logw: jax.Array) -> jax.Array:
        if u.shape[2] == 1:
            return u[..., 0]
        weights = jnp.exp(logw)
        below, above = ((weights * ndtr(side)).sum(-1) for side in (u, -u))
        low = below < above
        least = jnp.maximum(jnp.where(low, below, above), 1e-35)
        single = (logw > -jnp.inf).sum(-1) == 1
        score = jnp.where(low, 1.0, -1.0) * ndtri(jnp.where(single, 0.5, least))
        return jnp.where(single, u[..., 0], score)

    def _copula(self, z: jax.Array) -> jax.Array:
        width = z.shape[1]
        half = jnp.log(jnp.diagonal(self.factor)).sum()

        def squares(rows: jax.Array) -> jax.Array:
            return jnp.square(jax.scipy.linalg.solve_triangular(self.factor, rows.T, lower=True)).sum(0)

        if self.degrees == math.inf:
            return -half - 0.5 * (squares(z) - jnp.square(z).sum(1))
        nu, w = self.degrees, jnp.sinh(jnp.interp(z, *self.table))
        joint = math.lgamma(0.5 * (nu + width)) - math.lgamma(0.5 * nu) - 0.5 * width * math.log(math.pi * nu) - half
        alone = math.lgamma(0.5 * (nu + 1.0)) - math.lgamma(0.5 * nu) - 0.5 * math.log(math.pi * nu)
        tails = 0.5 * (nu + 1.0) * jnp.log1p(jnp.square(w) / nu).sum(1)
        return joint - 0.5 * (nu + width) * jnp.log1p(squares(w) / nu) - width * alone + tails


def density(model: Model) -> Density:
    """A fitted model in JAX."""
    maps, marginals = model.columns, model.marginals
    used = int(marginals.components.max())
    table = _t_table(model.copula.degrees) if model.copula.degrees < math.inf else (np.zeros(2), np.zeros(2))

    def arrays(*values: np.ndarray) -> tuple[Arrays, ...]:
        return tuple(jnp.asarray(one, float) for one in values)

    return Density(
        arrays(maps.centre, maps.spread, maps.tail, maps.order, maps.shift, maps.scale),
        arrays(*(one[:, :used] for one in (marginals.log_weights, marginals.means, marginals.scales))),
        jnp.asarray(model.copula.factor, float),
        (jnp.asarray(table[0], float), jnp.asarray(table[1], float)),
        float(model.copula.degrees),
    )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class OfModels:
    """log p̂ - log q̂ of two fitted models."""

    p: Density
    q: Density

    def __call__(self, rows: jax.Array) -> jax.Array:
        """log p/q of rows [n, d]."""
        return self.p(rows) - self.q(rows)


def fit_copulas(x: np.ndarray, y: np.ndarray) -> OfModels:
    """The models that ``kl`` fits."""
    return OfModels(*(density(one) for one in fit_pair(x, y)))


# --- kernels
# -----------------------------------------------------------------------------------------------------------


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Kernels:
    """log of p/q from the relative ratio r = p/(a p + (1 - a) q) = Σ θ_l k(x, c_l) ≥ 0, as (1 - a) r/(1 - a r)."""

    centre: Arrays
    scale: Arrays
    points: Arrays
    bandwidth: Arrays
    theta: Arrays
    mix: float = dataclasses.field(metadata={"static": True})

    def __call__(self, rows: jax.Array) -> jax.Array:
        """log p/q of rows [n, d]."""
        z = (rows - self.centre[None]) / self.scale[None]
        r = jnp.clip(_gaussian(z, self.points, self.bandwidth, jnp) @ self.theta, 1e-6, 1.0 / self.mix - 1e-4)
        return jnp.log((1.0 - self.mix) * r) - jnp.log1p(-self.mix * r)


def _gaussian(rows: Any, points: Any, bandwidth: Any, xp: Any) -> Any:
    return xp.exp(-0.5 * xp.square(rows[:, None] - points[None]).sum(-1) / bandwidth**2)


def fit_kernels(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, mix: float = 0.1, most: int = 200) -> Kernels:
    """RuLSIF: least squares in closed form; bandwidth and ridge by the held-out half."""
    centre, scale = standardise(x, y)
    x_, y_ = (x - centre) / scale, (y - centre) / scale
    points = x_[rng.permutation(len(x_))[:most]]
    apart = np.sqrt(np.square(points[:, None] - points[None]).sum(-1))
    middle = float(np.median(apart[np.triu_indices(len(points), 1)]))
    first_x, first_y = (rng.random(len(one)) < 0.5 for one in (x_, y_))
    best: tuple[float, float, float] = (math.inf, middle, 0.1)
    for bandwidth in middle * np.array([0.3, 0.6, 1.0, 1.6, 3.0]):
        kx, ky = _gaussian(x_, points, bandwidth, np), _gaussian(y_, points, bandwidth, np)
        for ridge in (1e-3, 1e-2, 1e-1):
            theta = _least_squares(kx[first_x], ky[first_y], mix, ridge)
            score = _score(kx[~first_x], ky[~first_y], mix, theta)
            best = min(best, (score, float(bandwidth), ridge))
    _, bandwidth, ridge = best
    kx, ky = _gaussian(x_, points, bandwidth, np), _gaussian(y_, points, bandwidth, np)
    theta = _least_squares(kx, ky, mix, ridge)
    centre_, scale_, points_, width, theta_ = (
        jnp.asarray(one, float) for one in (centre, scale, points, bandwidth, theta)
    )
    return Kernels(centre_, scale_, points_, width, theta_, mix)


def _least_squares(kx: np.ndarray, ky: np.ndarray, mix: float, ridge: float) -> np.ndarray:
    moment = mix * kx.T @ kx / len(kx) + (1.0 - mix) * ky.T @ ky / len(ky)
    return np.maximum(np.linalg.solve(moment + ridge * np.eye(len(moment)), kx.mean(0)), 0.0)


def _score(kx: np.ndarray, ky: np.ndarray, mix: float, theta: np.ndarray) -> float:
    rx, ry = kx @ theta, ky @ theta
    return float(0.5 * mix * np.square(rx).mean() + 0.5 * (1.0 - mix) * np.square(ry).mean() - rx.mean())


# --- chains
# ------------------------------------------------------------------------------------------------------------


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Chain:
    """The sum of several log-ratios, log p_0/p_1 + log p_1/p_2 + …"""

    links: tuple[Any, ...]

    def __call__(self, rows: jax.Array) -> jax.Array:
        """log p/q of rows [n, d]."""
        total = self.links[0](rows)
        for one in self.links[1:]:
            total = total + one(rows)
        return total


def waypoints(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, links: int) -> list[np.ndarray]:
    """Samples on the way from x to y: √(1 - a²) x + a y about the common centre, in steps of equal angle."""
    count = min(len(x), len(y))
    x_, y_ = x[rng.permutation(len(x))[:count]], y[rng.permutation(len(y))[:count]]
    centre = 0.5 * (x.mean(0) + y.mean(0))
    angles = np.linspace(0.0, 0.5 * math.pi, links + 1)[1:-1]
    return [x, *(centre + math.cos(a) * (x_ - centre) + math.sin(a) * (y_ - centre) for a in angles), y]
