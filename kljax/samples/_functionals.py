"""Divergences as means over x and over y of functions of r = log p/q, and how each sample's noise enters.

An f-divergence is the mean of q f(p/q)/m over draws from m = ½(p + q), so half the mean over x and half that over y,
with terms that are bounded where the divergence is. KL is the mean of r over x alone, Jeffreys' that and the mean of -r
over y. To first order the estimate's error is the mean of f'(p/q) over x and that of f - (p/q) f' over y.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import log_expit

from kljax import generators
from kljax.generators import Generator

OfRatio = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Functional:
    """mean over x of on_x(r) + mean over y of on_y(r), and each sample's influence."""

    name: str
    on_x: OfRatio
    on_y: OfRatio | None
    influence_x: OfRatio
    influence_y: OfRatio
    curvature: float  # f''(1), by which an optimism in KL becomes one here
    limits: tuple[float, float]

    def of(self, at_x: np.ndarray, at_y: np.ndarray | None) -> np.ndarray:
        """The divergence from ratios [..., rows] at x and at y."""
        value = self.on_x(at_x).mean(-1)
        return value if self.on_y is None or at_y is None else value + self.on_y(at_y).mean(-1)


mean = Functional("a mean", lambda r: r, None, lambda r: r, np.zeros_like, 1.0, (-math.inf, math.inf))
kl = Functional("KL", lambda r: r, None, lambda r: r, np.exp, 1.0, (0.0, math.inf))
jeffreys = Functional(
    "Jeffreys' divergence",
    lambda r: r,
    lambda r: -r,
    lambda r: r - np.expm1(-r),
    lambda r: -r - np.expm1(r),
    2.0,
    (0.0, math.inf),
)


@functools.lru_cache(maxsize=64)  # so that its three programs are compiled once
def of_generator(generator: Generator, name: str) -> Functional:
    """D_f of a generator."""

    def of(form: Callable[[jax.Array], jax.Array]) -> OfRatio:
        run = jax.jit(form)

        def call(r: np.ndarray) -> np.ndarray:
            flat = np.zeros(-(-r.size // 1024) * 1024)  # few sizes to compile for
            flat[: r.size] = np.clip(r, -80.0, 80.0).ravel()
            return np.asarray(run(jnp.asarray(flat, float)), np.float64)[: r.size].reshape(r.shape)

        return call

    def summand(r: jax.Array) -> jax.Array:
        return generator.perspective(jax.nn.log_sigmoid(r), jax.nn.log_sigmoid(-r))

    half = of(summand)  # ½ (q/m) f(p/q), with p/m = 2σ(r) and q/m = 2σ(-r)
    slope = of(generator.slope)
    both = of(lambda r: generator.perspective(r, jnp.zeros_like(r)))
    highest = float(generator.at_zero) + float(generator.at_infinity)
    curvature = float(generator(1.02)) / (0.5 * 0.02**2)
    return Functional(
        name,
        half,
        half,
        slope,
        lambda r: both(r) - np.exp(np.clip(r, -80.0, 80.0)) * slope(r),
        curvature,
        (0.0, highest),
    )


def log_mixture(r: np.ndarray) -> np.ndarray:
    """log p/m for m = ½(p + q)."""
    return log_expit(r) + math.log(2.0)


def alpha(order: float) -> Functional:
    """Amari's α-divergence."""
    if order == 1.0:
        return kl
    return of_generator(generators.alpha(order), f"the α-divergence of order {order:g}")
