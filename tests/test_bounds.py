"""Bounds of mixtures: against quadrature, against textbook sums written out, and at their limits."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sweeps import thinned

import kljax
from kljax import bounds
from kljax.families import Gamma, Laplace, Mixture, MultivariateNormal, Normal

W, V = np.array([0.5, 0.3, 0.2]), np.array([0.6, 0.4])
MEANS_P, SCALES_P = np.array([-2.0, 0.5, 3.0]), np.array([0.5, 1.0, 0.75])
MEANS_Q, SCALES_Q = np.array([-1.0, 2.5]), np.array([1.5, 1.0])


@pytest.fixture(params=thinned([jnp.float32, jnp.float64], [jnp.float32]))
def dtype(request: Any) -> Any:
    with jax.enable_x64(request.param == jnp.float64):
        yield request.param


def mixtures(dtype: Any = jnp.float32) -> tuple[Mixture, Mixture]:
    def of(w: Any, m: Any, s: Any) -> Mixture:
        return Mixture(Normal(jnp.asarray(m, dtype), jnp.asarray(s, dtype)), jnp.asarray(w, dtype))

    return of(W, MEANS_P, SCALES_P), of(V, MEANS_Q, SCALES_Q)


def kl_of_normals(m: float, s: float, n: float, t: float) -> float:
    return math.log(t / s) + (s * s + (m - n) ** 2) / (2 * t * t) - 0.5


def overlap(m: float, s: float, n: float, t: float) -> float:
    width = s * s + t * t
    return math.exp(-((m - n) ** 2) / (2 * width)) / math.sqrt(2 * math.pi * width)


@pytest.mark.full
def test_quadrature_lies_between(dtype: Any) -> None:
    p, q = mixtures(dtype)
    exact = kljax.kl(p, q)
    for found in (bounds.durrieu(p, q), bounds.kl(p, q)):
        assert found.lower <= exact <= found.upper
    assert exact <= bounds.hershey_olsen(p, q)
    assert found.upper == jnp.minimum(bounds.hershey_olsen(p, q), bounds.durrieu(p, q).upper)
    lower, upper = bounds.kolchinsky_tracey(p)
    assert lower <= kljax.entropy(p) <= upper
    assert upper - lower < 0.4


def test_durrieu_is_the_sum_of_the_textbook(dtype: Any) -> None:
    own, other = list(zip(MEANS_P, SCALES_P, strict=True)), list(zip(MEANS_Q, SCALES_Q, strict=True))
    lower = upper = 0.0
    for w, (m, s) in zip(W, own, strict=True):
        entropy = 0.5 * math.log(2 * math.pi * math.e * s * s)
        own_kl = sum(u * math.exp(-kl_of_normals(m, s, *one)) for u, one in zip(W, own, strict=True))
        own_overlap = sum(u * overlap(m, s, *one) for u, one in zip(W, own, strict=True))
        other_kl = sum(u * math.exp(-kl_of_normals(m, s, *one)) for u, one in zip(V, other, strict=True))
        other_overlap = sum(u * overlap(m, s, *one) for u, one in zip(V, other, strict=True))
        lower += w * (math.log(own_kl / other_overlap) - entropy)
        upper += w * (math.log(own_overlap / other_kl) + entropy)
    found = bounds.durrieu(*mixtures(dtype))
    # Sums of a handful of terms of order one.
    np.testing.assert_allclose(found, [lower, upper], atol=16 * float(jnp.finfo(dtype).eps))


def test_hershey_olsen_is_the_least_over_couplings() -> None:
    p, q = mixtures()
    distance = np.array([[kl_of_normals(m, s, n, t) for n, t in zip(MEANS_Q, SCALES_Q, strict=True)]
                         for m, s in zip(MEANS_P, SCALES_P, strict=True)])  # fmt: skip
    found = float(bounds.hershey_olsen(p, q))
    rng = np.random.default_rng(0)

    def value(phi: np.ndarray, psi: np.ndarray) -> float:
        held = phi > 0.0
        return float((phi[held] * (np.log(phi[held] / psi[held]) + distance[held])).sum())

    for _ in range(200):  # no coupling is better
        phi = W[:, None] * rng.dirichlet(np.ones(2), 3)
        psi = V[None, :] * rng.dirichlet(np.ones(3), 2).T
        assert found <= value(phi, psi) + 1e-5
    phi = W[:, None] * V[None, :]  # the alternation of the paper, from another start
    for _ in range(500):
        psi = V[None, :] * phi / phi.sum(0)
        phi = psi * np.exp(-distance)
        phi *= W[:, None] / phi.sum(1, keepdims=True)
    assert found == pytest.approx(value(phi, psi), rel=1e-5)


def test_single_components_and_equal_mixtures_are_exact() -> None:
    p, q = Normal(0.0, 1.0), Normal(1.0, 2.0)
    np.testing.assert_allclose(bounds.hershey_olsen(p, q), kljax.kl(p, q), rtol=1e-6)
    np.testing.assert_allclose(bounds.kolchinsky_tracey(Mixture(Normal(jnp.zeros(1), 1.0), jnp.ones(1))),
                               [p.entropy()] * 2, rtol=1e-6)  # fmt: skip
    apart = Mixture(Normal(jnp.array([0.0, 50.0]), 1.0), jnp.array([0.25, 0.75]))
    assert bounds.hershey_olsen(apart, apart) == 0.0
    one_sided = Mixture(Normal(jnp.array([0.0, 50.0]), 1.0), jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(bounds.hershey_olsen(one_sided, apart), math.log(4.0), rtol=1e-6)
    assert bounds.hershey_olsen(apart, Mixture(Normal(jnp.array([0.0, 50.0]), 1.0), jnp.array([1.0, 0.0]))) > 100.0


def test_several_dimensions_batches_and_gradients() -> None:
    means = jnp.array([[[0.0, 0.0], [4.0, 1.0]], [[0.0, 0.0], [0.0, 2.0]]])  # two mixtures of two

    def mixed(means: Any) -> Mixture:
        return Mixture(MultivariateNormal.from_diagonal(means, jnp.ones(2)), jnp.array([0.5, 0.5]))

    q = mixed(means[0] + 0.5)
    lower, upper = jax.jit(bounds.kl)(mixed(means), q)
    assert lower.shape == upper.shape == (2,)
    for i in range(2):
        estimate = kljax.estimate(mixed(means[i]), q, key=jax.random.key(i), num_samples=20_000)
        assert lower[i] <= estimate.value + 4 * estimate.stderr
        assert estimate.value - 4 * estimate.stderr <= upper[i]
        single = bounds.kl(mixed(means[i]), q)
        np.testing.assert_allclose([lower[i], upper[i]], single, rtol=1e-5, atol=1e-6)

    def upper_bound(means: Any) -> Any:
        return bounds.hershey_olsen(mixed(means), q)

    slope = jax.grad(upper_bound)(means[1])
    step = 1e-2
    moved = [upper_bound(means[1].at[1, 0].add(sign * step)) for sign in (1, -1)]
    np.testing.assert_allclose(slope[1, 0], (moved[0] - moved[1]) / (2 * step), rtol=1e-2)


def test_errors_name_what_to_call() -> None:
    p = Mixture(Laplace(jnp.array([0.0, 1.0]), 1.0), jnp.array([0.5, 0.5]))
    with pytest.raises(NotImplementedError, match=r"Laplace and Laplace.*hershey_olsen"):
        bounds.durrieu(p, p)
    assert bounds.kl(p, p).lower == 0.0  # without the overlaps
    with pytest.raises(TypeError, match=r"p must be a Mixture; got Normal"):
        bounds.kolchinsky_tracey(Normal(0.0, 1.0))
    with pytest.raises(ValueError, match="order"):
        bounds.kolchinsky_tracey(p, order=1.0)
    with pytest.raises(TypeError, match="q must be a distribution"):
        bounds.hershey_olsen(p, 3.0)
    gamma = Mixture(Gamma(jnp.array([1.0, 2.0]), 1.0), jnp.array([0.5, 0.5]))
    assert bounds.hershey_olsen(gamma, gamma) >= 0.0
