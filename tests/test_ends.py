"""Quadrature where a support is a parameter, where a density is singular inside, and where a tail decays slowly.

Limits: 1e-10 in float64 and 1e-6 in float32, as quadrature promises; derivatives of what bends 1e-6.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf

import kljax
from kljax import generators, interop
from kljax.families import (
    Affine,
    Beta,
    Chi2,
    Gamma,
    Gumbel,
    Independent,
    Laplace,
    LogUniform,
    Masked,
    Mixture,
    Normal,
    Pareto,
    Product,
    Transformed,
    TruncatedNormal,
    Uniform,
)

# --- a textbook truncated normal density ---------------------------------------------------------------------


def density(loc: Any, scale: Any, low: Any, high: Any) -> Any:
    loc, scale, low, high = map(mpf, (loc, scale, low, high))
    mass = mpmath.ncdf((high - loc) / scale) - mpmath.ncdf((low - loc) / scale)
    return lambda x: mpmath.npdf((x - loc) / scale) / scale / mass if low <= x <= high else mpf(0)


SUMMANDS = {
    "total_variation": lambda p, q: abs(p - q) / 2,
    "squared_hellinger": lambda p, q: (mpmath.sqrt(p) - mpmath.sqrt(q)) ** 2 / 2,
    "jensen_shannon": lambda p, q: sum(x * mpmath.log(2 * x / (p + q)) / 2 for x in (p, q) if x),
    "le_cam": lambda p, q: (p - q) ** 2 / (p + q) / 2 if p + q else mpf(0),
}


def integral(verb: str, first: Any, second: Any) -> mpf:
    p, q = density(*first), density(*second)
    cuts = sorted(mpf(one) for one in (*first[2:], *second[2:]))
    between = [0.5 * (a + b) for a, b in itertools.pairwise(cuts)]
    signs = [mpmath.sign(p(x) - q(x)) for x in cuts[1:-1]]
    if verb == "total_variation" and signs[0] != signs[-1]:
        between.append(mpmath.findroot(lambda x: p(x) - q(x), (cuts[1], cuts[2]), solver="anderson"))
    return mpmath.quad(lambda x: SUMMANDS[verb](p(x), q(x)), sorted([*cuts, *between]))


FIRST, SECOND = (0.0, 1.0, -1.0, 1.25), (0.5, 1.0, -0.75, 2.0)


@pytest.mark.parametrize(
    "verb", ["total_variation", *(pytest.param(one, marks=pytest.mark.full) for one in SUMMANDS if "total" not in one)]
)
@pytest.mark.full
def test_two_truncated_normals(verb: str) -> None:
    """Values in a batch, and derivatives in the ends, to which the density jumps."""
    batch = np.stack([np.array([*FIRST, *SECOND]), np.array([*FIRST, 0.25, 2.0, -2.0, 3.0])])

    def value(x: jax.Array) -> jax.Array:
        p, q = (TruncatedNormal(*jnp.split(one, 4, -1)) for one in jnp.split(x, 2, -1))
        return getattr(kljax, verb)(p, q).sum(-1)

    with jax.enable_x64(True):
        found = jax.jit(lambda x: (value(x), jax.grad(lambda x: value(x).sum())(x)))(batch)
    with mpmath.workdps(25):
        for row, (one, slope) in zip(batch, zip(*found, strict=True), strict=True):
            x = [mpf(float(part)) for part in row]
            np.testing.assert_allclose(float(one), float(integral(verb, x[:4], x[4:])), rtol=1e-10)
            for at in (2, 3, 6, 7):
                step = mpf(10) ** -6
                up, down = ([*x[:at], x[at] + sign * step, *x[at + 1 :]] for sign in (1, -1))
                way = (integral(verb, up[:4], up[4:]) - integral(verb, down[:4], down[4:])) / (2 * step)
                np.testing.assert_allclose(float(slope[at]), float(way), rtol=2e-6, atol=2e-7)


@pytest.mark.full
def test_kl_from_a_truncated_normal_to_second_order() -> None:
    """-log Z and what follows, from a normal variable to itself on an interval."""
    for dtype, limit in ((np.float32, 1e-6), (np.float64, 1e-10)):
        with jax.enable_x64(dtype == np.float64):
            p = TruncatedNormal(*(dtype(one) for one in (0.0, 1.0, -1.0, 1.0)))
            np.testing.assert_allclose(kljax.kl(p, Normal(0.0, 1.0)), -math.log(math.erf(math.sqrt(0.5))), rtol=limit)

    def exact(low: Any, high: Any) -> Any:
        return -mpmath.log(mpmath.ncdf(high) - mpmath.ncdf(low))

    def kl(ends: jax.Array) -> jax.Array:
        return kljax.kl(TruncatedNormal(0.0, 1.0, ends[0], ends[1]), Normal(0.0, 1.0))

    with jax.enable_x64(True), mpmath.workdps(30):
        slope, bend = jax.jit(lambda x: (jax.grad(kl)(x), jax.hessian(kl)(x)))(np.array([-0.5, 1.5]))
        ends = mpf(-0.5), mpf(1.5)
        np.testing.assert_allclose(slope, [float(mpmath.diff(exact, ends, one)) for one in ((1, 0), (0, 1))], rtol=1e-9)
        second = [[float(mpmath.diff(exact, ends, one)) for one in row] for row in (((2, 0), (1, 1)), ((1, 1), (0, 2)))]
        np.testing.assert_allclose(bend, second, rtol=1e-8, atol=1e-9)


@pytest.mark.full
def test_families_inside_others() -> None:
    """The same number in a mixture, masked, in products, moved, in a matrix of pairs, from elsewhere, and mapped."""
    truth = -math.log(math.erf(math.sqrt(0.5)))
    p, q = TruncatedNormal(0.0, 1.0, -1.0, 1.0), Normal(0.0, 1.0)
    many = TruncatedNormal(jnp.zeros(2), 1.0, jnp.array([-1.0, -2.0]), jnp.array([1.0, 2.0]))
    truths = [truth, -math.log(math.erf(math.sqrt(2.0)))]
    wide = Normal(jnp.zeros(2), 1.0)
    np.testing.assert_allclose(kljax.kl(many, wide), truths, rtol=1e-6)
    np.testing.assert_allclose(kljax.kl(Masked(many, jnp.array([True, False])), wide), [truth, 0.0], rtol=1e-6)
    np.testing.assert_allclose(kljax.kl(Independent(many, 1), Independent(wide, 1)), sum(truths), rtol=1e-6)
    np.testing.assert_allclose(kljax.kl(Product((p, p)), Product((q, q))), 2.0 * truth, rtol=1e-6)
    moved = [Transformed(one, Affine(1.0, 2.0)) for one in (p, q)]
    np.testing.assert_allclose(kljax.kl(*moved), truth, rtol=1e-6)
    np.testing.assert_allclose(kljax.kl(moved[0], Normal(1.0, 2.0)), truth, rtol=1e-6)
    np.testing.assert_allclose(
        kljax.pairwise(kljax.kl, many, wide), np.broadcast_to(np.array(truths)[:, None], (2, 2)), rtol=1e-6
    )
    # Two halves with the weights of their masses are the whole.
    halves = Mixture(
        TruncatedNormal(jnp.zeros(2), 1.0, jnp.array([-1.0, 0.0]), jnp.array([0.0, 1.0])), jnp.full(2, 0.5)
    )
    np.testing.assert_allclose(kljax.kl(halves, q), truth, rtol=1e-6)
    foreign = pytest.importorskip("scipy.stats").truncnorm(-1.0, 1.0)
    assert interop.convert(foreign) is not None
    np.testing.assert_allclose(kljax.kl(foreign, q), truth, rtol=1e-6)


@pytest.mark.by_default("Uniform-float-float")
@pytest.mark.parametrize(
    ("p", "low", "high"),
    [
        (Uniform(0.25, 1.5), 0.25, 1.5),
        (LogUniform(0.25, 1.5), 0.25, 1.5),
        (Pareto(0.75, 2.5), 0.75, math.inf),
        (TruncatedNormal(0.0, 1.0, 0.25, 1.5), 0.25, 1.5),
        (TruncatedNormal(0.0, 1.0, 0.25), 0.25, math.inf),
        (Transformed(Beta(2.0, 3.0), Affine(0.25, 1.25)), 0.25, 1.5),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_verb_where_the_support_is_a_parameter(p: Any, low: float, high: float) -> None:
    """Beside a Gamma density, by sums over a fine grid of this density and that."""
    q = Gamma(2.0, 1.0)
    x = np.exp(np.linspace(math.log(low), math.log(min(high, 1e7)), 400_001))
    weight = np.gradient(x)
    weight[[0, -1]] *= 0.5
    with jax.enable_x64(True):
        p, q = (jax.tree.map(lambda one: jnp.asarray(one, jnp.float64), record) for record in (p, q))
        logs = [np.asarray(one.log_prob(x)) for one in (p, q)]
        u, v = (np.where(np.isfinite(one), np.exp(one), 0.0) for one in logs)
        rest = 1.0 - (weight * v).sum()
        exact = {
            "total_variation": 0.5 * ((weight * np.abs(u - v)).sum() + rest),
            "squared_hellinger": 1.0 - (weight * np.sqrt(u * v)).sum(),
            "bhattacharyya": -np.log((weight * np.sqrt(u * v)).sum()),
            "kl": (weight * u * (np.where(u > 0.0, logs[0], 0.0) - np.where(u > 0.0, logs[1], 0.0))).sum(),
        }
        for verb, truth in exact.items():
            found = getattr(kljax, verb)(p, q)
            if math.isfinite(high) or verb != "kl":
                np.testing.assert_allclose(found, truth, rtol=2e-4, err_msg=verb)
        value, order = kljax.chernoff_information(p, q, with_order=True)
        assert value >= exact["bhattacharyya"] * (1.0 - 1e-3)
        assert 0.0 <= order <= 1.0
        assert kljax.f_divergence(p, q, generators.le_cam) >= 0.0


# --- tails and singularities ---------------------------------------------------------------------------------


def test_a_singular_density_that_ends_inside() -> None:
    """χ² of one degree has a density like 1/√x at 0, where the normal one goes on: closed by its moments."""
    with jax.enable_x64(True):
        for df, loc in ((1.0, -2.0), (0.5, 0.25)):
            p = Chi2(df)
            exact = -p.entropy() + 0.5 * math.log(2.0 * math.pi) + 0.5 * (2.0 * df + (df - loc) ** 2)
            np.testing.assert_allclose(kljax.kl(p, Normal(loc, 1.0)), exact, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.full)])
def test_a_log_density_that_overflows_before_the_tail_is_over(dtype: Any) -> None:
    """-log q of a Gumbel variable grows like e^{|x|/β}, and E_p of that is closed for Laplace's p with b < β."""
    loc, b, mu, beta = -0.2, np.array([0.8, 0.5, 0.85]), 0.1, 0.9
    with jax.enable_x64(dtype == np.float64):
        found = jax.jit(lambda b: kljax.kl(Laplace(dtype(loc), b), Gumbel(dtype(mu), dtype(beta))))(b.astype(dtype))
    b, loc, mu, beta = b.astype(dtype).astype(float), *(float(dtype(one)) for one in (loc, mu, beta))
    z = (loc - mu) / beta
    exact = math.log(beta) + z + np.exp(-z) / (1.0 - (b / beta) ** 2) - 1.0 - np.log(2.0 * b)
    # The widest decays so slowly that a tenth of it lies where float32 has no number for log q.
    limits = [3e-6, 1e-6, 2e-2] if dtype == np.float32 else [1e-10] * 3
    assert (np.abs(np.asarray(found) - exact) <= np.array(limits) * exact).all()
