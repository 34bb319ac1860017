"""Distributions made of others: against sums over parts, dense quadrature, and lists of points and probabilities.

Limits: sums of parts 16 eps, or 64 eps where parts by the hundred are composed; quadrature 1e-10 in float64, 1e-6 in
float32, as it promises.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import mixtures

import kljax
from kljax import families, generators
from kljax.families import (
    Affine,
    Bernoulli,
    Categorical,
    Chain,
    Delta,
    Empirical,
    Exp,
    Gamma,
    Independent,
    Laplace,
    Log,
    LogNormal,
    Masked,
    Mixture,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Poisson,
    Product,
    Sigmoid,
    Softplus,
    StudentT,
    Tanh,
    Transformed,
    Uniform,
)
from kljax.families._record import filled

# --- independent parts ------------------------------------------------------------------------------------


def power_sum(p: np.ndarray, q: np.ndarray, order: mpf) -> mpf:
    """∏ Σ p^α q^(1-α) over counts of these rates, in 60 digits."""
    pairs = [(mpf(float(a)), mpf(float(b))) for a, b in zip(p, q, strict=True)]
    return mpmath.exp(sum(a**order * b ** (1 - order) - order * a - (1 - order) * b for a, b in pairs))


def plain_kl(p: np.ndarray, q: np.ndarray) -> mpf:
    pairs = [(mpf(float(a)), mpf(float(b))) for a, b in zip(p, q, strict=True)]
    return sum(a * mpmath.log(a / b) - a + b for a, b in pairs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.by_default("float32")
def test_divergences_of_many_parts_keep_their_digits(dtype: Any) -> None:
    """300 counts, whose rates differ by a fraction of 1 … 1e-6."""
    rng = np.random.default_rng(0)
    gaps = np.array([0.2, 1e-1, 1e-2, 1e-3, 1e-4, 1e-6])
    base = np.repeat(rng.uniform(0.2, 2.0, (1, 300)), len(gaps), 0)
    p, q = base.astype(dtype), (base * (1.0 + gaps[:, None] * rng.uniform(-1, 1, base.shape))).astype(dtype)
    eps = float(np.finfo(dtype).eps)

    def all_of_them(p: jax.Array, q: jax.Array) -> dict[str, jax.Array]:
        first, second = Independent(Poisson(p), 1), Independent(Poisson(q), 1)
        pair = Product((first, Poisson(p[..., 0]))), Product((second, Poisson(q[..., 0])))
        return {
            "kl": kljax.kl(first, second),
            "jeffreys": kljax.jeffreys(first, second),
            "renyi": kljax.renyi(first, second, order=1.5),
            "bhattacharyya": kljax.bhattacharyya(first, second),
            "squared_hellinger": kljax.squared_hellinger(first, second),
            "chi_squared": kljax.chi_squared(first, second),
            "neyman": kljax.f_divergence(first, second, generators.neyman),
            "alpha": kljax.alpha(first, second, order=-0.5),
            "traced": kljax.alpha(first, second, order=jnp.asarray(0.25, p.dtype)),
            "tsallis": kljax.tsallis(first, second, order=0.75),
            "product": kljax.kl(*pair),
        }

    with jax.enable_x64(dtype == np.float64), mpmath.workdps(60):
        found = {name: np.asarray(value) for name, value in jax.jit(all_of_them)(p, q).items()}
        same = {name: np.asarray(value) for name, value in jax.jit(all_of_them)(p, p).items()}
        for i in range(len(gaps)):
            a, b = p[i], q[i]
            exact = {
                "kl": plain_kl(a, b),
                "jeffreys": plain_kl(a, b) + plain_kl(b, a),
                "renyi": mpmath.log(power_sum(a, b, mpf(1.5))) / mpf(0.5),
                "bhattacharyya": -mpmath.log(power_sum(a, b, mpf(0.5))),
                "squared_hellinger": 1 - power_sum(a, b, mpf(0.5)),
                "chi_squared": power_sum(a, b, mpf(2)) - 1,
                "neyman": power_sum(a, b, mpf(-1)) - 1,
                "alpha": (power_sum(a, b, mpf(-0.5)) - 1) / mpf(0.75),
                "traced": (1 - power_sum(a, b, mpf(0.25))) / (mpf(0.25) * mpf(0.75)),
                "tsallis": (1 - power_sum(a, b, mpf(0.75))) / mpf(0.25),
                "product": plain_kl(a, b) + plain_kl(a[:1], b[:1]),
            }
            for name, value in exact.items():
                assert abs(mpf(float(found[name][i])) - value) <= 64 * eps * value, (name, gaps[i])
    for name, value in same.items():
        assert (value == 0.0).all(), name


@pytest.mark.full
def test_gradients_vanish_at_equal_parts_and_are_those_of_the_sum() -> None:
    base, x = np.full(5, 0.25), np.array([0.2, 0.3, 0.4, 0.5, 0.6])

    @jax.jit
    def slopes(x: jax.Array) -> list[jax.Array]:
        p = Independent(Bernoulli(base), 1)
        verbs = [kljax.kl, kljax.squared_hellinger, kljax.chi_squared]
        one = jax.vmap(lambda y: kljax.chi_squared(Bernoulli(0.25), Bernoulli(y)))
        own = jax.grad(lambda x: one(x).sum())(x)
        found = [jax.grad(lambda x, verb=verb: verb(p, Independent(Bernoulli(x), 1)))(x) for verb in verbs]
        return [*found, one(x), own]

    with jax.enable_x64(True):
        assert all((slope == 0.0).all() for slope in slopes(base)[:3])
        *found, one, own = slopes(x)
        # dχ²/dq of one part is the others' (1 + χ²) times its own slope.
        np.testing.assert_allclose(found[2], own * np.prod(1.0 + one) / (1.0 + one), rtol=1e-13)
        entropy = -np.sum(x * np.log(x) + (1 - x) * np.log(1 - x))
        np.testing.assert_allclose(kljax.entropy(Independent(Bernoulli(x), 1)), entropy, rtol=1e-14)
        p, q = Product([Independent(Bernoulli(x), 1)]), Product([Independent(Bernoulli(base), 1)])
        crossed = -np.sum(x * np.log(0.25) + (1 - x) * np.log(0.75))
        np.testing.assert_allclose(kljax.cross_entropy(p, q), crossed, rtol=1e-14)


def test_infinite_parts_and_unequal_numbers_of_dimensions() -> None:
    p, q = Independent(Bernoulli(jnp.array([0.5, 0.5])), 1), Independent(Bernoulli(jnp.array([0.0, 0.5])), 1)
    for verb in (kljax.kl, kljax.chi_squared):
        assert verb(p, q) == jnp.inf
    np.testing.assert_allclose(kljax.squared_hellinger(p, q), 1.0 - math.sqrt(0.5), rtol=1e-6)
    # One draw of 2 x 3 numbers, in two ways.
    first = Independent(Normal(jnp.zeros((4, 2, 3)), 1.0), 2)
    second = Independent(MultivariateNormal.from_diagonal(jnp.ones((2, 3)), jnp.ones(3)), 1)
    np.testing.assert_allclose(kljax.kl(first, second), np.full(4, 3.0), rtol=1e-6)
    nested = Independent(Independent(Normal(jnp.ones((2, 3)), 1.0), 1), 1)
    np.testing.assert_allclose(kljax.kl(first, nested), np.full(4, 3.0), rtol=1e-6)
    assert kljax.kl(Independent(Normal(0.0, 1.0), 0), Normal(1.0, 1.0)) == 0.5
    # A single part has every divergence.
    one = kljax.total_variation(
        Independent(Bernoulli(jnp.array([0.5])), 1), Independent(Bernoulli(jnp.array([0.2])), 1)
    )
    np.testing.assert_allclose(one, 0.3, rtol=1e-6)


def test_independent_normals_beside_a_multivariate_normal() -> None:
    loc, scale = jnp.array([0.0, 1.0, -1.0]), jnp.array([1.0, 2.0, 0.5])
    covariance = jnp.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 3.0]])
    p, q = Independent(Normal(loc, scale), 1), MultivariateNormal.from_covariance(jnp.zeros(3), covariance)
    a, b = np.diag(np.asarray(scale, np.float64) ** 2), np.asarray(covariance, np.float64)
    m = np.asarray(loc, np.float64)

    def exact(a: np.ndarray, b: np.ndarray) -> float:
        inverse = np.linalg.inv(b)
        return 0.5 * (np.trace(inverse @ a) - 3 + m @ inverse @ m + np.log(np.linalg.det(b) / np.linalg.det(a)))

    np.testing.assert_allclose(kljax.kl(p, q), exact(a, b), rtol=1e-6)
    np.testing.assert_allclose(kljax.kl(q, p), exact(b, a), rtol=1e-6)
    np.testing.assert_allclose(kljax.cross_entropy(p, q), p.entropy() + exact(a, b), rtol=1e-6)


# --- a mask, a bijector -----------------------------------------------------------------------------------


def test_what_is_masked_out_costs_nothing() -> None:
    p = Masked(Bernoulli(jnp.array([0.5, 0.5, 0.5])), jnp.array([True, False, True]))
    q = Masked(Bernoulli(jnp.array([0.25, 0.0, 0.0])), jnp.array([True, True, False]))
    exact = [0.5 * math.log(4.0 / 3.0), 0.0, 0.0]
    np.testing.assert_allclose(kljax.kl(p, q), exact, rtol=1e-6)
    np.testing.assert_allclose(kljax.kl(p, Bernoulli(0.25)), [exact[0], 0.0, exact[0]], rtol=1e-6)
    np.testing.assert_allclose(kljax.total_variation(p, q), [0.25, 0.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(p.entropy(), [math.log(2.0), 0.0, math.log(2.0)], rtol=1e-6)
    np.testing.assert_allclose(p.log_prob(jnp.zeros(3)), [math.log(0.5), 0.0, math.log(0.5)], rtol=1e-6)
    slope = jax.grad(lambda x: kljax.kl(p, Masked(Bernoulli(x), jnp.array(True))).sum())(jnp.array([0.5, 0.0, 0.25]))
    assert slope[1] == 0.0
    # Independent parts of which some are masked out.
    assert kljax.kl(Independent(p, 1), Independent(q, 1)) == np.float32(exact[0])


class Cubic:
    """x ↦ x³, of our own, an object without arrays."""

    def forward(self, x: Any) -> jax.Array:
        return jnp.asarray(x) ** 3

    def inverse(self, y: Any) -> jax.Array:
        return jnp.cbrt(y)

    def log_det(self, x: Any) -> jax.Array:
        return jnp.log(3.0 * jnp.square(x))


def test_one_bijector_on_both_sides_changes_no_divergence() -> None:
    cubic = Cubic()
    shift = jnp.array([1.0, 2.0])
    for make in (
        Exp,
        lambda: Affine(1.0, -2.0),
        lambda: Chain((Affine(0.5, 2.0), Sigmoid())),
        lambda: cubic,
        lambda: Affine(shift, 2.0),  # an array from outside
    ):

        @jax.jit
        def pair(loc: jax.Array, make: Any = make) -> jax.Array:
            return kljax.kl(Transformed(Normal(loc, 1.0), make()), Transformed(Normal(0.0, 1.0), make()))

        np.testing.assert_array_equal(pair(jnp.array([1.0, 2.0])), [0.5, 2.0])
    # Of vectors too, and where p and q are themselves wrapped.
    p, q = (Transformed(MultivariateNormal.from_diagonal(m * jnp.ones(2), jnp.ones(2)), Exp()) for m in (0.0, 1.0))
    assert kljax.kl(p, q) == 1.0
    assert kljax.kl(Product([p]), Product([q])) == 1.0
    np.testing.assert_allclose(
        kljax.cross_entropy(Transformed(q.base, Affine(1.0, 2.0)), Transformed(p.base, Affine(1.0, 2.0))),
        2 * math.log(2.0) + math.log(2 * math.pi * math.e) + 1.0,
        rtol=1e-6,
    )


@pytest.mark.full
def test_bijectors_invert_and_know_their_slope() -> None:
    x = jnp.array([-30.0, -2.0, -0.5, 0.25, 3.0, 20.0])
    with jax.enable_x64(True):
        x = x.astype(jnp.float64)
        for one in (Affine(1.0, -2.0), Exp(), Sigmoid(), Tanh(), Softplus(), Chain((Affine(0.5, 0.1), Exp(), Tanh()))):
            middle = x[1:5]
            np.testing.assert_allclose(one.inverse(one.forward(middle)), middle, rtol=1e-7, atol=1e-12)
            slope = jnp.log(jnp.abs(jax.vmap(jax.grad(lambda x, one=one: one.forward(x)))(middle)))
            np.testing.assert_allclose(one.log_det(middle), slope, rtol=1e-9, atol=1e-12)
            assert jnp.isfinite(one.log_det(x)).all()
        positive = jnp.exp(x[1:5])
        np.testing.assert_allclose(Log().inverse(Log().forward(positive)), positive, rtol=1e-12)
        np.testing.assert_allclose(Log().log_det(positive), -x[1:5], rtol=1e-12)
        outside = {Exp(): -1.0, Sigmoid(): 1.5, Tanh(): -2.0, Softplus(): -0.5}
        with jax.debug_nans(True):
            for one, y in outside.items():
                p = Transformed(Normal(0.0, 1.0), one)
                value, slope = jax.value_and_grad(p.log_prob)(y)
                assert (value, slope) == (-jnp.inf, 0.0)
    p, q = Transformed(Normal(0.25, 1.5), Exp()), LogNormal(0.25, 1.5)
    at = jnp.array([-1.0, 0.0, 1e-3, 1.0, 50.0])
    np.testing.assert_allclose(p.log_prob(at), q.log_prob(at), rtol=1e-6)
    assert (p.support.low, p.support.high) == (0.0, jnp.inf)


@pytest.mark.full
def test_other_bijectors_are_integrated() -> None:
    with jax.enable_x64(True):
        p, q = Transformed(Normal(0.25, 0.5), Exp()), Gamma(2.0, 1.5)
        same = LogNormal(0.25, 0.5)
        # E[log q(eʸ)] of normal y is closed.
        exact = -same.entropy() - (2.0 * math.log(1.5) + 0.25 - 1.5 * math.exp(0.375))
        np.testing.assert_allclose(jax.jit(kljax.kl)(p, q), exact, rtol=1e-10)
        moved = Transformed(q, Affine(1.0, -2.0))
        np.testing.assert_allclose([moved.mean, moved.variance], [1.0 - 8.0 / 3.0, 32.0 / 9.0], rtol=1e-14)


@pytest.mark.full
def test_entropies_and_moments_by_quadrature() -> None:
    with jax.enable_x64(True):
        p, same = Transformed(Normal(0.25, 0.5), Exp()), LogNormal(0.25, 0.5)
        found = [p.entropy(), p.mean, p.variance]
        np.testing.assert_allclose(found, [same.entropy(), same.mean, same.variance], rtol=1e-10)
        far = Mixture(Normal(np.array([-1e4, 1e4]), np.array([1.0, 2.0])), np.array([0.25, 0.75]))
        parts = 0.25 * (Normal(0.0, 1.0).entropy() - math.log(0.25)) + 0.75 * (
            Normal(0.0, 2.0).entropy() - math.log(0.75)
        )
        np.testing.assert_allclose(far.entropy(), parts, rtol=1e-10)


# --- mixtures ---------------------------------------------------------------------------------------------

# (weights, locations, scales) of p and of q: side by side, far apart, nested in one place, nearly equal, and narrow.
CASES = [
    (((0.2, 0.3, 0.5), (-5.0, 0.0, 5.0), (1.0, 1.0, 1.0)), ((0.3, 0.3, 0.4), (-4.0, 0.0, 6.0), (1.0, 2.0, 1.0))),
    (
        ((0.2, 0.3, 0.5), (-500.0, 0.0, 800.0), (1.0, 0.1, 3.0)),
        ((0.3, 0.3, 0.4), (-500.5, 0.0, 803.0), (1.0, 0.2, 4.0)),
    ),
    (((0.2, 0.3, 0.5), (0.0, 0.0, 0.0), (1e-3, 1.0, 1e3)), ((0.3, 0.3, 0.4), (0.0, 0.0, 1.0), (1e-2, 2.0, 1e3))),
    (((0.2, 0.3, 0.5), (-5.0, 0.0, 5.0), (0.1, 1.0, 0.1)), ((0.2, 0.3, 0.5), (-5.0, 0.0, 5.01), (0.1, 1.0, 0.1))),
    (((0.2, 0.3, 0.5), (-5.0, 0.0, 5.0), (1e-4, 1.0, 0.01)), ((0.3, 0.3, 0.4), (-4.0, 0.0, 6.0), (1.0, 2.0, 1.0))),
    (((0.2, 0.3, 0.5), (-5.0, 0.0, 5.0), (1e-4, 1.0, 0.01)), ((0.3, 0.3, 0.4), (-5.0, 0.0, 5.01), (1e-3, 2.0, 0.1))),
]
# What float32 cannot tell apart: widths of some hundred ulps of the location.
NARROW = 4


@pytest.mark.parametrize(
    ("verb", "kind", "dtype"),
    [
        ("kl", Normal, np.float64),
        pytest.param("kl", Laplace, np.float32, marks=pytest.mark.full),
        pytest.param("total_variation", Laplace, np.float64, marks=pytest.mark.full),
        pytest.param("squared_hellinger", Laplace, np.float64, marks=pytest.mark.full),
        pytest.param("jensen_shannon", Laplace, np.float64, marks=pytest.mark.full),
        pytest.param("kl", Laplace, np.float64, marks=pytest.mark.full),
        pytest.param("kl", Normal, np.float32, marks=pytest.mark.full),
    ],
)
def test_mixtures_of_numbers_have_every_divergence(verb: str, kind: Any, dtype: Any) -> None:
    cases = CASES if dtype == np.float64 else CASES[:NARROW]
    (w, m, s), (v, n, t) = ([np.array([case[side][at] for case in cases], dtype) for at in range(3)] for side in (0, 1))
    density = {Normal: mixtures.normal, Laplace: mixtures.laplace}[kind]
    with jax.enable_x64(dtype == np.float64):
        found = getattr(kljax, verb)(Mixture(Normal(m, s), w), Mixture(kind(n, t), logits=np.log(v)))
    for i in range(len(cases)):
        log_p = mixtures.mixture(*(one[i].astype(np.float64) for one in (w, m, s)), mixtures.normal)
        log_q = mixtures.mixture(*(one[i].astype(np.float64) for one in (v, n, t)), density)
        places = [np.concatenate(pair).astype(np.float64) for pair in ((m[i], n[i]), (s[i], t[i]))]
        exact = mixtures.divergence(verb, log_p, log_q, *places)
        # Where components are nested, TV, whose integrand bends where the densities cross, keeps 7 digits.
        limit = 1e-6 if dtype == np.float32 else 1e-7 if verb == "total_variation" and i in (2, 4, 5) else 1e-10
        np.testing.assert_allclose(found[i], exact, rtol=limit, err_msg=str(i))


@pytest.mark.full
def test_derivatives_of_mixtures() -> None:
    with jax.enable_x64(True):
        w, m, s = (np.array(one) for one in ((0.25, 0.75), (-1.0, 2.0), (1.0, 0.5)))

        def value(w: jax.Array, m: jax.Array, other: Mixture) -> jax.Array:
            return kljax.kl(other, Mixture(Laplace(m, s), w))

        slope_of = jax.jit(jax.value_and_grad(value, (0, 1, 2)))
        one = Mixture(Laplace(np.array([0.25, 0.25]), np.array([1.0, 1.0])), np.array([0.5, 0.5]))
        found, slopes = slope_of(w, m, one)

        def exact(w: np.ndarray, m: np.ndarray, loc: float) -> float:
            log_p = mixtures.mixture([1.0], [loc], [1.0], mixtures.laplace)
            return mixtures.divergence("kl", log_p, mixtures.mixture(w, m, s, mixtures.laplace), [loc, *m], [1.0, *s])

        # The oracle's KL is the generalised one, Σ q - Σ p more: it counts a change of the weights' sum.
        np.testing.assert_allclose(found, exact(w, m, 0.25), rtol=1e-10)
        h = 1e-4
        for at in range(2):
            step = h * np.eye(2)[at]
            slope = (exact(w, m + step, 0.25) - exact(w, m - step, 0.25)) / (2 * h)
            np.testing.assert_allclose(slopes[1][at], slope, rtol=1e-6)
        np.testing.assert_allclose(
            slopes[2].components.loc.sum(), (exact(w, m, 0.25 + h) - exact(w, m, 0.25 - h)) / (2 * h), rtol=1e-6
        )
        tilt = h * np.array([1.0, -1.0])
        slope = (exact(w + tilt, m, 0.25) - exact(w - tilt, m, 0.25)) / (2 * h)
        np.testing.assert_allclose(slopes[0][0] - slopes[0][1], slope, rtol=1e-6)
        nothing, none = slope_of(w, m, Mixture(Laplace(m, s), w))
        assert nothing == 0.0
        assert all((leaf == 0.0).all() for leaf in jax.tree.leaves(none))
        at_the_edge = slope_of(np.array([0.0, 1.0]), m, one)[1]  # a weight of zero
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(at_the_edge))
        assert at_the_edge[0][0] < 0.0


@pytest.mark.full
def test_mixtures_of_outcomes_and_of_points_are_summed() -> None:
    table = np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]], np.float32)
    w = np.array([0.25, 0.75], np.float32)
    p, q = w @ table, np.array([0.3, 0.3, 0.4], np.float32)
    exact = (p * np.log(p / q)).sum()
    for one in (Categorical(table), OneHotCategorical(logits=np.log(table) + 3.0)):
        np.testing.assert_allclose(kljax.kl(Mixture(one, w), type(one)(q)), exact, rtol=2e-6)
    two = Mixture(Bernoulli(logits=jnp.array([-1.0, 2.0])), logits=jnp.log(w))
    chance = w[0] / (1 + math.exp(1.0)) + w[1] / (1 + math.exp(-2.0))
    np.testing.assert_allclose(kljax.total_variation(two, Bernoulli(0.25)), chance - 0.25, rtol=1e-6)
    np.testing.assert_allclose(
        kljax.kl(Mixture(Delta(jnp.array([0.0, 1.0])), w), Bernoulli(0.5)),
        math.log(2.0) + (w * np.log(w)).sum(),
        rtol=1e-6,
    )


@pytest.mark.full
def test_mixtures_of_counts_are_summed() -> None:
    w = np.array([0.25, 0.75])
    rates = np.array([1.0, 6.0])
    k = np.arange(60.0)
    log_terms = k * np.log(rates[:, None]) - rates[:, None] - np.array([math.lgamma(x + 1) for x in k])
    mass, other = (
        w @ np.exp(log_terms),
        np.exp(k * math.log(4.0) - 4.0 - np.array([math.lgamma(x + 1) for x in k])),
    )
    with jax.enable_x64(True):
        counts = kljax.kl(Mixture(Poisson(rates), w), Poisson(4.0))
    np.testing.assert_allclose(counts, (mass * np.log(mass / other)).sum(), rtol=1e-10)


# --- points -----------------------------------------------------------------------------------------------


def listed(p: dict[Any, float], q: dict[Any, float]) -> tuple[float, float]:
    """(KL, TV) of two dictionaries of probabilities."""
    keys = set(p) | set(q)
    pairs = [(p.get(key, 0.0), q.get(key, 0.0)) for key in keys]
    kl = sum(math.inf if b == 0.0 else a * math.log(a / b) for a, b in pairs if a > 0.0)
    return kl, 0.5 * sum(abs(a - b) for a, b in pairs)


@pytest.mark.full
def test_points_beside_points_and_outcomes() -> None:
    seen = {0.0: 0.25, 2.0: 0.5, 1.0: 0.25}
    p = Empirical(jnp.array([0.0, 2.0, 1.0, 2.0]))
    others: list[tuple[Any, dict[float, float]]] = [
        (Empirical(jnp.array([2.0, 0.0, 3.0]), jnp.array([0.2, 0.3, 0.5])), {2.0: 0.2, 0.0: 0.3, 3.0: 0.5}),
        (families.Binomial(2, 0.25), {0.0: 9 / 16, 1.0: 6 / 16, 2.0: 1 / 16}),
        (families.Geometric(0.5), {k: 0.5 ** (k + 1) for k in range(60)}),
    ]
    for q, table in others:
        found = kljax.kl(p, q), kljax.total_variation(p, q), kljax.kl(q, p)
        np.testing.assert_allclose(found, [*listed(seen, table), listed(table, seen)[0]], rtol=3e-6, atol=1e-7)
    assert kljax.kl(p, Empirical(jnp.array([0.0, 1.0, 2.0]), jnp.array([0.25, 0.25, 0.5]))) == 0.0
    density = Normal(0.0, 1.0)
    for first, second in ((p, density), (density, p), (Delta(0.0), density)):
        assert kljax.kl(first, second) == jnp.inf
        assert kljax.total_variation(first, second) == 1.0
    average = -np.mean([-0.5 * x * x - 0.5 * math.log(2 * math.pi) for x in (0.0, 2.0, 1.0, 2.0)])
    np.testing.assert_allclose(kljax.cross_entropy(p, density), average, rtol=1e-6)
    np.testing.assert_allclose(kljax.cross_entropy(Delta(2.0), density), 2.0 + 0.5 * math.log(2 * math.pi), rtol=1e-6)
    np.testing.assert_allclose(p.entropy(), 1.5 * math.log(2.0), rtol=1e-6)
    slope = jax.grad(lambda x: kljax.cross_entropy(p, Normal(x, 1.0)))(0.0)
    np.testing.assert_allclose(slope, -1.25, rtol=1e-6)
    slope = jax.grad(lambda x: kljax.kl(p, Poisson(x)))(2.0)
    np.testing.assert_allclose(slope, 1.0 - 1.25 / 2.0, rtol=1e-6)


@pytest.mark.full
def test_points_of_vectors_in_batches() -> None:
    points = jnp.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]] * 3])
    p, q = Empirical(points, ndims=1), OneHotCategorical(jnp.array([0.5, 0.25, 0.25]))
    exact = [listed({0: 2 / 3, 1: 1 / 3}, {0: 0.5, 1: 0.25, 2: 0.25})[0], math.log(4.0)]
    np.testing.assert_allclose(jax.jit(kljax.kl)(p, q), exact, rtol=1e-6)
    np.testing.assert_allclose(p.entropy(), [math.log(3.0) - 2 / 3 * math.log(2.0), 0.0], rtol=1e-6)
    point, normal = Independent(Delta(jnp.zeros(3)), 1), MultivariateNormal.from_diagonal(jnp.zeros(3), jnp.ones(3))
    assert kljax.kl(point, normal) == jnp.inf
    np.testing.assert_allclose(kljax.cross_entropy(point, normal), 1.5 * math.log(2 * math.pi), rtol=1e-6)
    assert kljax.kl(point, point) == 0.0
    counts = Independent(Poisson(jnp.array([1.0, 2.0])), 1)
    np.testing.assert_allclose(kljax.kl(Delta(jnp.array([1.0, 0.0]), 1), counts), 3.0, rtol=1e-6)


# --- all of them ------------------------------------------------------------------------------------------

EVERY: dict[str, Any] = {
    "Independent": lambda: Independent(Normal(jnp.arange(6.0).reshape(2, 3), 1.0), 1),
    "Product": lambda: Product({"a": Normal(jnp.array([0.0, 1.0]), 2.0), "b": Bernoulli(jnp.array([0.25, 0.5]))}),
    "Masked": lambda: Masked(Normal(jnp.array([0.0, 1.0]), 1.0), jnp.array([True, False])),
    "Transformed": lambda: Transformed(Uniform(jnp.array([0.0, 1.0]), 2.0), Affine(1.0, 3.0)),
    "Mixture": lambda: Mixture(Normal(jnp.array([[0.0, 4.0], [1.0, 2.0]]), 1.0), jnp.array([0.25, 0.75])),
    "Vectors": lambda: Mixture(Independent(Normal(jnp.ones((2, 2, 3)), 1.0), 1), jnp.array([0.25, 0.75])),
    "Delta": lambda: Delta(jnp.array([0.5, 1.0])),
    "Empirical": lambda: Empirical(jnp.array([[0.0, 1.0, 3.0], [1.0, 1.0, 2.0]]), jnp.array([0.25, 0.25, 0.5])),
}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.by_default("Independent")
def test_draws_moments_and_estimates(name: str) -> None:
    p = EVERY[name]()
    draws = p.sample(jax.random.key(0), (4000,))
    mean, variance = p.mean, p.variance
    for x, m, v in zip(*map(jax.tree.leaves, (draws, mean, variance)), strict=True):
        assert x.shape == (4000, *m.shape)
        assert (jnp.abs(x.mean(0) - m) <= 6.0 * jnp.sqrt(v / 4000.0)).all()
        assert (jnp.abs(x.var(0) - v) <= 0.25 * v).all()
    logs = p.log_prob(draws)
    assert logs.shape == (4000, 2)
    if name not in ("Vectors", "Mixture"):  # the first has none, the second is integrated elsewhere
        assert (jnp.abs(-logs.mean(0) - p.entropy()) <= 6.0 * logs.std(0) / math.sqrt(4000.0) + 1e-6).all()
    found = kljax.estimate(p, p, key=jax.random.key(1), num_samples=64)
    assert (found.value == 0.0).all()
    mapped = jax.vmap(lambda one, x: one.log_prob(x), in_axes=(0, 1), out_axes=1)
    if name not in ("Mixture", "Vectors", "Empirical"):  # whose weights have no batch
        np.testing.assert_allclose(mapped(filled(p), draws), logs, rtol=1e-6, atol=1e-6)


def test_bad_input_says_what_to_do() -> None:
    normal, vectors = Normal(0.0, 1.0), Independent(Normal(jnp.zeros(3), 1.0), 1)
    with pytest.raises(TypeError, match=r"Mixture: components must be a record.*got list\. A mixture has one record"):
        Mixture([normal, Laplace(0.0, 1.0)], jnp.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="an entry for each of the 2 weights; the batch shape of Normal is"):
        Mixture(Normal(jnp.zeros(3), 1.0), jnp.array([0.5, 0.5]))
    with pytest.raises(ValueError, match=r"Independent: ndims must lie in \[0, 0\]"):
        Independent(normal, 1)
    with pytest.raises(TypeError, match=r"Product: parts must be a pytree of distributions .* got float"):
        Product({"a": 1.0})
    with pytest.raises(TypeError, match=r"Transformed: bijector must have forward\(x\)"):
        Transformed(normal, jnp.exp)
    with pytest.raises(TypeError, match="Masked: mask must be boolean; got float32"):
        Masked(normal, jnp.ones(2))
    with pytest.raises(ValueError, match="Empirical: weights must have an entry for each of the 3 points"):
        Empirical(jnp.zeros(3), jnp.ones(2))
    with pytest.raises(NotImplementedError, match=r"total_variation of several independent parts.*kljax\.estimate"):
        kljax.total_variation(vectors, vectors)
    many = Mixture(Independent(Normal(jnp.zeros((2, 3)), 1.0), 1), jnp.array([0.5, 0.5]))
    with pytest.raises(NotImplementedError, match=r"kl of Mixture and Independent.*kljax\.estimate"):
        kljax.kl(many, vectors)
    with pytest.raises(ValueError, match="One draw of p and of q must have the same shape"):
        kljax.kl(Product({"a": normal}), Product({"b": normal}))
    with pytest.raises(NotImplementedError, match="several independent parts"):
        kljax.jensen_shannon(Product((normal, normal)), Product((normal, StudentT(3.0, 0.0, 1.0))))
