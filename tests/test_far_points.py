"""Log-densities at the largest numbers and at ±∞: neither they nor any derivative, forward or back, is NaN."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp
from sweeps import thinned

from kljax import families

POINTS = np.array([np.inf, 3e38, 1e30, 1e20, 1e10, 1e5, 1.0, 0.0], np.float32)
POINTS = np.concatenate([POINTS, -POINTS])
FAMILIES: dict[str, tuple[float, ...]] = {
    "Cauchy": (0.0, 1.0),
    "Chi": (3.0,),
    "Chi2": (3.0,),
    "Exponential": (2.0,),
    "FisherSnedecor": (4.0, 5.0),
    "Gamma": (3.0, 2.0),
    "GeneralizedExtremeValue": (0.0, 1.0, 0.1),
    "GeneralizedExtremeValue of Gumbel": (0.0, 1.0, 0.0),
    "GeneralizedExtremeValue of Weibull": (0.0, 1.0, -0.1),
    "GeneralizedPareto": (0.0, 1.0, -0.1),
    "GeneralizedPareto of slow fall": (0.0, 1.0, 0.1),
    "GeneralizedPareto of Exponential": (0.0, 1.0, 0.0),
    "Geometric": (0.5,),
    "Gumbel": (1.0, 1.0),
    "HalfCauchy": (1.0,),
    "HalfNormal": (1.0,),
    "InverseGamma": (3.0, 2.0),
    "InverseGaussian": (1.0, 2.0),
    "Laplace": (0.0, 1.0),
    "Lindley": (2.0,),
    "LogNormal": (0.0, 1.0),
    "Logistic": (0.0, 1.0),
    "Moyal": (0.0, 1.0),
    "NegativeBinomial": (3.0, 0.4),
    "Normal": (0.0, 0.1),
    "Pareto": (3.0, 2.0),
    "Poisson": (1.0,),
    "Rayleigh": (1.0,),
    "SkewNormal": (0.0, 1.0, 1e15),
    "Skellam": (2.0, 3.0),
    "StudentT": (5.0, 0.0, 1.0),
    "Weibull": (2.0, 1.0),
}


@pytest.mark.parametrize(
    "name", thinned(FAMILIES, ("Normal", "InverseGaussian", "SkewNormal", "GeneralizedExtremeValue"))
)
def test_far_points(name: str) -> None:
    parameters = tuple(jnp.float32(one) for one in FAMILIES[name])

    def value(x: jax.Array, *parameters: jax.Array) -> jax.Array:
        return getattr(families, name.split()[0])(*parameters).log_prob(x)

    @jax.jit
    def everything(x: jax.Array) -> Any:
        one = jnp.ones_like(x)
        arguments, ones = (x, *parameters), (one, *(jnp.float32(1.0) for _ in parameters))
        forward = []
        for at in range(len(arguments)):
            step = tuple(d if at == i else jnp.zeros_like(d) for i, d in enumerate(ones))
            forward.append(jax.jvp(value, arguments, step)[1])
        # What is masked afterwards sends back zeros, which a slope of ∞ would turn into NaN.
        found, back = jax.vjp(value, *arguments)
        return found, forward, back(jnp.where(jnp.isfinite(found), 1.0, 0.0))

    found = everything(POINTS)
    assert not any(np.isnan(one).any() for one in jax.tree.leaves(found)), (POINTS, found)
    assert (np.asarray(found[0])[np.isinf(POINTS)] == -np.inf).all()
    assert np.isfinite(found[0]).any()


@pytest.mark.parametrize("name", ["GeneralizedExtremeValue", "GeneralizedPareto"])
@pytest.mark.by_default("GeneralizedExtremeValue")
def test_infinity_outside_or_inside_a_support_of_any_shape(name: str) -> None:
    def value(x: jax.Array, *parameters: jax.Array) -> jax.Array:
        return getattr(families, name)(*parameters).log_prob(x)

    both = jax.jit(jax.value_and_grad(value, (0, 1, 2, 3)))
    for shape in (0.1, 0.0, -0.1):
        for x in (np.inf, -np.inf):
            found, slopes = both(jnp.float32(x), *map(jnp.float32, (0.0, 1.0, shape)))
            assert found == -np.inf
            assert np.isfinite(slopes).all()


def test_slopes_at_the_largest_numbers_are_right() -> None:
    x, shape, r, p = 3e38, 0.1, 3.0, 0.4

    def extreme(shape: jax.Array) -> jax.Array:
        return families.GeneralizedExtremeValue(0.0, 1.0, shape).log_prob(jnp.float32(x))

    def waits(x: jax.Array) -> jax.Array:
        return families.NegativeBinomial(r, jnp.float32(p)).log_prob(x)

    def level(shape: Any) -> Any:
        return mp.log(1 + shape * mp.mpf(x)) / shape

    with mp.workdps(60):
        want = float(mp.diff(lambda c: -(1 + c) * level(c) - mp.exp(-level(c)), mp.mpf(shape)))
    assert jax.grad(extreme)(jnp.float32(shape)) == pytest.approx(want, rel=1e-6)
    assert jax.jvp(extreme, (jnp.float32(shape),), (jnp.float32(0.0),))[1] == 0.0
    # ψ(x + r) - ψ(x + 1) + log(1 - p), of which the first two are equal
    assert jax.grad(waits)(jnp.float32(x)) == pytest.approx(float(mp.log(1 - p)), rel=1e-6)
