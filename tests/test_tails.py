"""A heavy tail beside a light one: far out q underflows, and its logarithm is what the integrand is made of."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm, t

import kljax
from kljax import quadrature
from kljax.families import Normal, StudentT


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_derivatives_of_student_beside_normal(dtype: str) -> None:
    """KL(t_ν(s)‖N(0, σ)) = -H(t_ν) - log s + ½ log 2πσ² + s² E[x²]/(2σ²), E[x²] = ν/(ν - 2)."""
    with jax.enable_x64(dtype == "float64"):
        s, sigma = jnp.asarray(1.0, dtype), jnp.asarray(2.0, dtype)

        def kl(s: jax.Array, sigma: jax.Array) -> jax.Array:
            return kljax.kl(StudentT(3.0, 0.0, s), Normal(0.0, sigma))

        slopes = jax.jit(jax.grad(kl, (0, 1)))(s, sigma)
        curvature = jax.jit(jax.hessian(kl))(s, sigma)
        # The tail of x² t₃(x) falls as x⁻²: what lies beyond the reach of float32 is 1e-18 of it.
        limit = {"float32": 2e-6, "float64": 1e-13}[dtype]
        np.testing.assert_allclose(slopes, (-1.0 + 3.0 / 4.0, 1.0 / 2.0 - 3.0 / 8.0), rtol=limit)
        np.testing.assert_allclose(curvature, 1.0 + 3.0 / 4.0, rtol=4 * limit)


def test_the_same_of_functions() -> None:
    line = (-math.inf, math.inf)

    def kl(sigma: jax.Array) -> jax.Array:
        found = quadrature.kl(
            functools.partial(t.logpdf, df=5.0), lambda x: norm.logpdf(x, 0.0, sigma), support=line, scale=1.0
        )
        return found.value

    sigma = jnp.float32(2.0)
    np.testing.assert_allclose(jax.grad(kl)(sigma), 0.5 - (5.0 / 3.0) / 8.0, rtol=4e-6)
