"""The forward-KL projection onto exponential families: it gives parameters back, and nothing is nearer."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special, stats
from sweeps import thinned

import kljax
from kljax import families
from kljax.variational import moment_projection


def gamma_log(a: float, b: float) -> float:
    return special.digamma(a) - np.log(b)


def resultant(order: float, k: float) -> float:
    return special.ive(order + 1, k) / special.ive(order, k)


def spd(n: int) -> np.ndarray:
    a = np.random.default_rng(n).normal(size=(n, n))
    return a @ a.T + np.eye(n)


def dirichlet(*a: float) -> dict[str, Any]:
    return {"mean_log": special.digamma(np.array(a)) - special.digamma(sum(a))}


def beta(a: float, b: float) -> dict[str, Any]:
    return dict(zip(("mean_log", "mean_log1m"), special.digamma([a, b]) - special.digamma(a + b), strict=True))


DIRECTION = np.array([2.0, -1.0, 2.0]) / 3

# (family, parameters, the textbook's moments of it)
EXACT: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Normal", (0.5, 2.0), {"mean": 0.5, "variance": 4.0}),
    ("LogNormal", (0.5, 2.0), {"mean_log": 0.5, "variance_log": 4.0}),
    ("LogitNormal", (0.5, 2.0), {"mean_logit": 0.5, "variance_logit": 4.0}),
    ("HalfNormal", (1.5,), {"mean_square": 2.25}),
    ("Rayleigh", (1.5,), {"mean_square": 4.5}),
    ("Exponential", (4.0,), {"mean": 0.25}),
    ("Poisson", (3.0,), {"mean": 3.0}),
    ("Geometric", (0.25,), {"mean": 3.0}),
    ("Bernoulli", (0.25,), {"mean": 0.25}),
    ("OneHotCategorical", (np.array([0.5, 0.25, 0.25]),), {"mean": np.array([0.5, 0.25, 0.25])}),
    *(
        ("Gamma", (a, b), {"mean": a / b, "mean_log": gamma_log(a, b)})
        for a, b in ((2.25, 1.5), (0.01, 3.0), (1.0, 1.0), (40.0, 1e-3))
    ),
    ("InverseGamma", (2.25, 1.5), {"mean_inverse": 2.25 / 1.5, "mean_log": -gamma_log(2.25, 1.5)}),
    ("InverseGaussian", (2.0, 3.0), {"mean": 2.0, "mean_inverse": 1 / 2 + 1 / 3}),
    *(("Beta", pair, beta(*pair)) for pair in ((2.0, 3.0), (0.02, 0.05), (1.0, 1.0), (0.1, 30.0), (60.0, 90.0))),
    *(
        ("Dirichlet", (np.array(a),), dirichlet(*a))
        for a in ((2.0, 3.0, 5.0), (0.02, 0.5, 20.0), (0.01, 0.01, 0.02), (80.0, 40.0, 90.0))
    ),
    *(
        ("VonMises", (0.5, k), {"mean_cos": resultant(0, k) * np.cos(0.5), "mean_sin": resultant(0, k) * np.sin(0.5)})
        for k in (2.0, 1e-3, 50.0)
    ),
    *(("VonMisesFisher", (DIRECTION, k), {"mean": resultant(0.5, k) * DIRECTION}) for k in (2.0, 0.05, 100.0)),
]


@pytest.mark.parametrize("dtype", thinned([np.float32, np.float64], [np.float64]))
@pytest.mark.full
def test_a_family_gets_its_own_parameters_back_from_its_moments(dtype: Any) -> None:
    """To the conditioning of the moments: concentrated distributions differ little in them."""
    eps = float(np.finfo(dtype).eps)
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):
        for name, parameters, moments in EXACT:
            kind = getattr(families, name)
            found = moment_projection({key: np.asarray(value, dtype) for key, value in moments.items()}, kind)
            assert type(found) is kind
            for one, expected in zip(jax.tree.leaves(found), parameters, strict=True):
                assert one.dtype == dtype
                worst = np.max(np.abs(np.asarray(one, np.float64) - expected) / np.abs(expected))
                size = max(float(np.max(np.abs(x))) for x in parameters)
                assert worst <= 64 * eps * (1 + size + 1 / min(1.0, float(np.min(np.abs(expected))))), (
                    name,
                    parameters,
                )
        covariance = spd(3).astype(dtype)
        normal = moment_projection({"mean": np.zeros(3, dtype), "covariance": covariance}, families.MultivariateNormal)
        np.testing.assert_allclose(normal.covariance, covariance, rtol=32 * eps)


SAMPLED = {
    "Normal": lambda rng: stats.laplace.rvs(2.0, 1.5, size=(200, 2), random_state=rng),
    "LogNormal": lambda rng: rng.gamma(2.0, size=(200, 2)),
    "LogitNormal": lambda rng: rng.beta(2.0, 3.0, size=(200, 2)),
    "HalfNormal": lambda rng: rng.gamma(2.0, size=(200, 2)),
    "Rayleigh": lambda rng: rng.gamma(2.0, size=(200, 2)),
    "Exponential": lambda rng: rng.gamma(2.0, size=(200, 2)),
    "Poisson": lambda rng: rng.negative_binomial(3, 0.4, size=(200, 2)),
    "Geometric": lambda rng: rng.poisson(2.0, size=(200, 2)),
    "Bernoulli": lambda rng: rng.random((200, 2)) < 0.3,
    "Gamma": lambda rng: rng.lognormal(size=(200, 2)),
    "InverseGamma": lambda rng: rng.lognormal(size=(200, 2)),
    "InverseGaussian": lambda rng: rng.lognormal(size=(200, 2)),
    "Beta": lambda rng: special.expit(rng.normal(size=(200, 2))),
    "VonMises": lambda rng: rng.normal(1.0, 1.0, size=(200, 2)),
}
VECTORS = {
    "MultivariateNormal": lambda rng: rng.gamma(2.0, size=(200, 3)) @ spd(3),
    "OneHotCategorical": lambda rng: np.eye(3, dtype=int)[rng.integers(3, size=200)],
    "Dirichlet": lambda rng: special.softmax(rng.normal(size=(200, 3)), -1),
    "VonMisesFisher": lambda rng: (lambda z: z / np.linalg.norm(z, axis=-1, keepdims=True))(
        np.array([1.0, 0.5, 0.0]) + rng.normal(size=(200, 3))
    ),
}


@pytest.mark.parametrize("name", thinned([*SAMPLED, *VECTORS], ["Normal", "Gamma", "Beta", "VonMises", "Poisson"]))
@pytest.mark.by_default("Normal", "Poisson")
def test_of_weighted_samples_the_gradient_is_zero_and_neighbours_are_worse(name: str) -> None:
    """KL(p‖q) is, up to a constant, the weighted mean of -log q at the samples."""
    rng = np.random.default_rng(7)
    kind = getattr(families, name)
    samples = (SAMPLED | VECTORS)[name](rng)
    log_weights = rng.normal(size=200) + 700.0
    weights = special.softmax(log_weights)
    with jax.enable_x64(True):
        x = samples.astype(np.float64)
        found = moment_projection(samples, kind, log_weights=log_weights)
        again = moment_projection(samples, kind, weights=1e300 * weights)
        leaves, treedef = jax.tree.flatten(found)
        for one, other in zip(leaves, jax.tree.leaves(again), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9)

        def loss(leaves):
            terms = treedef.unflatten(leaves).log_prob(x)
            return -(weights.reshape((-1,) + (1,) * (terms.ndim - 1)) * terms).sum()

        # A table of probabilities and a direction are free only along the simplex and the sphere.
        constrained = {"OneHotCategorical": 0, "VonMisesFisher": 0}
        value, slopes = jax.value_and_grad(loss)(leaves)
        for at, (slope, leaf) in enumerate(zip(slopes, leaves, strict=True)):
            free = np.asarray(slope)
            if constrained.get(name) == at:
                free = free - (free.mean() if name == "OneHotCategorical" else 0.0)
            assert np.abs(free * np.maximum(np.abs(leaf), 1.0)).max() < 1e-9, (name, at)
        for _ in range(6):
            step = [1e-3 * np.maximum(np.abs(leaf), 0.1) * rng.normal(size=leaf.shape) for leaf in leaves]
            if name == "OneHotCategorical":
                step = [step[0] - step[0].mean()]
            assert loss([np.asarray(a) + b for a, b in zip(leaves, step, strict=True)]) > value


@pytest.mark.full
def test_projecting_one_family_onto_another_is_the_least_kl() -> None:
    """KL itself, by quadrature in kljax, against a search."""
    with jax.enable_x64(True):
        p = families.LogNormal(0.2, 0.5)
        moments = {"mean": p.mean, "mean_log": np.float64(0.2)}
        found = moment_projection(moments, families.Gamma)
        objective = jax.jit(lambda z: kljax.kl(p, families.Gamma(jnp.exp(z[0]), jnp.exp(z[1]))))
        best = optimize.minimize(
            lambda z: float(objective(z)), [1.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-7}
        )
        np.testing.assert_allclose([found.concentration, found.rate], np.exp(best.x), rtol=1e-5)
        slope = jax.grad(objective)(jnp.log(jnp.stack([found.concentration, found.rate])))
    np.testing.assert_allclose(slope, 0.0, atol=1e-8)


def test_small_spreads_keep_their_digits_in_float32() -> None:
    """Samples that differ in the last digits: the excess is summed, not subtracted."""
    x = (1000.0 + np.random.default_rng(0).normal(size=300) * 1e-2).astype(np.float32)
    exact = x.astype(np.float64)
    normal = moment_projection(x, families.Normal)
    np.testing.assert_allclose(normal.scale, exact.std(), rtol=1e-5)
    shape = moment_projection(x, families.Gamma).concentration
    s = np.log(exact.mean()) - np.log(exact).mean()
    np.testing.assert_allclose(shape, 0.5 / s, rtol=1e-4)  # log α - ψ(α) ≈ 1/(2α) there
    inverse = moment_projection(x, families.InverseGaussian).concentration
    np.testing.assert_allclose(inverse, 1 / (1 / exact - 1 / exact.mean()).mean(), rtol=1e-4)


@pytest.mark.full
def test_derivatives_are_those_of_differences() -> None:
    rng = np.random.default_rng(3)
    with jax.enable_x64(True):
        x = rng.gamma(2.0, size=8)
        y = special.softmax(rng.normal(size=(8, 3)), -1)
        angles = rng.normal(size=8)
        cases = [
            (lambda y: moment_projection(y, families.Dirichlet).concentration, y),
            (lambda x: jnp.stack(jax.tree.leaves(moment_projection(x, families.VonMises))), angles),
            (lambda w: moment_projection(x, families.Gamma, weights=w).concentration, rng.random(8)),
        ]
        for function, at in cases:
            found, forward = map(np.asarray, jax.jit(lambda x, f=function: (jax.jacrev(f)(x), jax.jacfwd(f)(x)))(at))
            np.testing.assert_allclose(found, forward, rtol=1e-9, atol=1e-12)
            step = 1e-6 * rng.normal(size=at.shape)
            change = (function(at + step) - function(at - step)) / 2
            np.testing.assert_allclose((found * step).sum(tuple(range(-at.ndim, 0))), change, rtol=1e-6, atol=1e-13)


def test_batches_jit_and_vmap_give_the_same() -> None:
    rng = np.random.default_rng(4)
    x = rng.gamma(2.0, size=(50, 3)).astype(np.float32)
    weights = rng.random((50, 3)).astype(np.float32)
    whole = moment_projection(x, families.Gamma, weights=weights)
    assert whole.concentration.shape == (3,)
    mapped = jax.jit(jax.vmap(lambda x, w: moment_projection(x, families.Gamma, weights=w), 1))(x, weights)
    np.testing.assert_allclose(mapped.concentration, whole.concentration, rtol=1e-5)
    masked = moment_projection(x, families.Gamma, weights=(np.arange(50) < 20).astype(np.float32))
    np.testing.assert_allclose(masked.rate, moment_projection(x[:20], families.Gamma).rate, rtol=1e-5)
    with_zero = x.copy()
    with_zero[0] = 0.0
    some = moment_projection(with_zero, families.Gamma, log_weights=jnp.where(jnp.arange(50) == 0, -jnp.inf, 0.0))
    np.testing.assert_allclose(some.rate, moment_projection(x[1:], families.Gamma).rate, rtol=1e-5)
    half = moment_projection(x.astype(jnp.bfloat16), families.Normal)
    assert half.loc.dtype == jnp.float32


@pytest.mark.full
def test_samples_without_spread_say_so() -> None:
    same = jnp.full((5,), 2.0)
    assert moment_projection(same, families.Normal).scale == 0.0
    assert moment_projection(same, families.Gamma).concentration == jnp.inf
    assert moment_projection(jnp.zeros(4), families.VonMises).concentration == jnp.inf
    point = {"mean_cos": jnp.float32(0.0), "mean_sin": jnp.float32(0.0)}
    assert moment_projection(point, families.VonMises).concentration == 0.0
    flat = {"mean_log": jnp.float32(np.log(0.25)), "mean_log1m": jnp.float32(np.log(0.75))}
    assert not moment_projection(flat, families.Beta).concentration1 < 1e4


ONES = jnp.ones(4)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: moment_projection(ONES, families.Normal(0.0, 1.0)), TypeError, "family must be a class"),
        (
            lambda: moment_projection(ONES, families.Cauchy),
            NotImplementedError,
            "family Cauchy has no moment projection",
        ),
        (lambda: moment_projection(jnp.ones(4, int), families.Normal), TypeError, "must have a floating-point dtype"),
        (lambda: moment_projection(jnp.ones(()), families.Normal), ValueError, r"must be samples \[n, batch...\]"),
        (lambda: moment_projection(jnp.ones(0), families.Normal), ValueError, "at least one"),
        (lambda: moment_projection(ONES, families.Dirichlet), ValueError, r"\[n, batch..., event\]"),
        (
            lambda: moment_projection(ONES, families.Normal, weights=jnp.ones(3)),
            ValueError,
            r"weights must have shape \(4,\) or \(4,\); got shape \(3,\)",
        ),
        (
            lambda: moment_projection(ONES, families.Normal, weights=ONES, log_weights=ONES),
            ValueError,
            "weights and log_weights are two forms",
        ),
        (
            lambda: moment_projection({"mean": ONES}, families.Normal),
            ValueError,
            r"for Normal must have mean and variance; got \['mean'\]",
        ),
        (
            lambda: moment_projection({"mean": 0.0, "variance": 1.0}, families.Normal, weights=ONES),
            ValueError,
            "are for samples",
        ),
        (
            lambda: moment_projection({"mean": jnp.ones(2), "variance": jnp.ones(3)}, families.Normal),
            ValueError,
            "must broadcast together",
        ),
    ],
)
def test_bad_input_is_named(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
