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
from kljax.families import Gumbel, Laplace, Normal, StudentT
from kljax.quadrature._mesh import Nodes
from kljax.quadrature._tails import tails


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("end", [-1.0, 1.0], ids=["finite", "infinite"])
def test_what_lies_beyond_is_the_integral_of_the_decay(dtype: str, end: float) -> None:
    """∫ exp(-ay - by²/2) dy beyond Y, of g(Y): √(π/2b) exp(λ²/2b) erfc(λ/√2b), λ = a + bY; 1/a for b = 0."""
    with jax.enable_x64(dtype == "float64"), jax.numpy_rank_promotion("allow"):
        y = jnp.linspace(0.0, 12.0, 169, dtype=dtype)[1:]
        eps = float(jnp.finfo(dtype).eps)
        for a, b in ((0.5, 0.0), (2.0, 0.0), (1.0, 0.05), (3.0, 0.2)):
            log_g = -(a * y + 0.5 * b * jnp.square(y))
            nodes = Nodes(y, y, *[jnp.zeros_like(y)] * 3)
            found = tails(
                jnp.full_like(y, end),
                nodes,
                jnp.stack([log_g, log_g]),
                jnp.ones((1, 8), dtype),
                log_g[-1:],
                y[-1:].reshape(1, 1),
            )
            rate = a + 12.0 * b
            scaled = rate / math.sqrt(2.0 * b) if b else math.inf
            truth = math.sqrt(math.pi / 2.0 / b) * math.exp(scaled**2) * math.erfc(scaled) if b else 1.0 / a
            # Exact up to the square of λ'/λ², and towards infinity up to half of it, for this is no decay in x.
            curved = b / rate**2
            limit = 16.0 * eps * a * 12.0 + (0.5 * curved if end > 0.0 else 2.0 * curved**2)
            np.testing.assert_allclose(found.rest[0, 0], truth, rtol=limit)
            np.testing.assert_allclose(found.share[0, 0], truth, rtol=limit)
            assert abs(found.rest[0, 0] - truth) <= found.error[0, 0] <= 0.05 * truth


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1.2, 1.0, 0.95, 0.8])
def test_a_density_that_overflows_before_the_integrand_falls(scale: float, dtype: str) -> None:
    """KL(Laplace(0, b)‖Gumbel) = 1/(1 - b²) - 1 - log 2b for b < 1, and ∞ from 1 on: p e⁻ˣ does not fall towards -∞."""
    exact = 1.0 / (1.0 - scale**2) - 1.0 - math.log(2.0 * scale) if scale < 1.0 else math.inf
    with jax.enable_x64(dtype == "float64"):
        p, q = Laplace(0.0, jnp.asarray(scale, dtype)), Gumbel(0.0, 1.0)
        # Near 1 what lies beyond the last node is most of it, and is extrapolated: its error is that of the curvature.
        rtol = (2e-4 if scale > 0.9 else 2e-6) if dtype == "float32" else 1e-9
        np.testing.assert_allclose(kljax.kl(p, q), exact, rtol=rtol)
