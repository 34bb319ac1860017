"""Fitted ratios, variational bounds, energy distance and MMD: beside closed forms and loops in NumPy."""

from __future__ import annotations

import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from kljax import generators, samples
from kljax.samples import _critics, _model, _network, bounds

KEY = jax.random.key(0)


def pair(seed: int = 0, count: int = 1200, width: int = 2, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.random.default_rng(seed).standard_normal((2, count, width)).astype(np.float32)
    x[:, 0] += shift
    return x, y


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_bounds_are_their_formulas_in_double_precision():
    rng = np.random.default_rng(0)
    a, b, scores = rng.standard_normal((3, 50)), rng.standard_normal((3, 70)), rng.standard_normal((2, 6, 6))
    with jax.enable_x64(True):
        found = bounds.donsker_varadhan(a, b), bounds.nwj(a, b), bounds.smile(9 * a, 9 * b), bounds.info_nce(scores)
        other = bounds.nwj(np.tanh(a) * 0.4, np.tanh(b) * 0.4, generators.squared_hellinger)
    expected = (
        a.mean(1) - np.log(np.exp(b).mean(1)),
        a.mean(1) - (np.exp(b) - 1).mean(1),
        9 * a.mean(1) - np.log(np.exp(np.clip(9 * b, -5, 5)).mean(1)),
        [np.mean([s[i, i] - np.log(np.exp(s[i]).mean()) for i in range(6)]) for s in scores],
    )
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)
    t, u = np.tanh(a) * 0.4, np.tanh(b) * 0.4
    # f = ½(√u - 1)², f* = t/(1 - 2t)
    np.testing.assert_allclose(other, t.mean(1) - (u / (1 - 2 * u)).mean(1), rtol=1e-9)


def test_bounds_are_tight_at_the_true_ratio_and_run_under_transformations():
    x, y = pair(1, 20_000, 1)
    at_x, at_y = (one[:, 0] - 0.5 for one in (x, y))
    assert float(bounds.donsker_varadhan(at_x, at_y)) == pytest.approx(0.5, abs=0.03)
    assert float(bounds.nwj(at_x, at_y)) == pytest.approx(0.5, abs=0.03)
    slopes = (generators.squared_hellinger.slope(one) for one in (at_x, at_y))
    assert float(bounds.nwj(*slopes, generators.squared_hellinger)) == pytest.approx(1 - math.exp(-1 / 8), abs=0.01)
    slope = jax.jit(jax.grad(lambda t: bounds.donsker_varadhan(t, at_y)))(jnp.asarray(at_x))
    np.testing.assert_allclose(slope, 1 / 20_000, rtol=1e-5)
    assert jax.vmap(bounds.info_nce)(jnp.zeros((3, 4, 4))).shape == (3,)
    assert float(bounds.info_nce(jnp.full((8, 8), 3.0))) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda: bounds.nwj(jnp.ones(3), jnp.ones(3), "kl"), TypeError, "generator must be a generator"),
        (lambda: bounds.smile(jnp.ones(3), jnp.ones(3), clip=0.0), ValueError, "clip must lie in"),
        (lambda: bounds.info_nce(jnp.ones((3, 4))), ValueError, r"\[\.\.\., n, n\]"),
        (lambda: bounds.donsker_varadhan(jnp.ones(0), jnp.ones(3)), ValueError, "critic_x must have shape"),
        (lambda: bounds.donsker_varadhan(jnp.ones(2, int), jnp.ones(3)), TypeError, "critic_x must have a floating"),
    ],
)
def test_bounds_say_what_is_wrong(call, kind, says):
    with pytest.raises(kind, match=says):
        call()


# --- ratios -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("model", ["quadratic", pytest.param("copula", marks=pytest.mark.full), "telescoping"])
def test_the_ratio_of_normals(model):
    """log p/q = x₁ - ½, whose gradient is (1, 0); the fit's own noise at 600 rows is some 0.1."""
    x, y = pair(2)
    ratio = samples.density_ratio(x, y, key=KEY, model=model)
    rows = np.random.default_rng(3).standard_normal((5, 2)).astype(np.float32)
    np.testing.assert_allclose(jax.jit(ratio.log_ratio)(rows), rows[:, 0] - 0.5, atol=0.5)
    slopes = jax.vmap(jax.grad(ratio.log_ratio))(jnp.asarray(rows))
    assert np.abs(slopes.mean(0) - np.array([1.0, 0.0])).max() < 0.25
    for found in (ratio.kl(), ratio.bound(), ratio.bound("nwj")):
        assert abs(float(found.value) - 0.5) < 4 * float(found.stderr) + 0.05
    hellinger = ratio.bound(generators.squared_hellinger)
    assert abs(float(hellinger.value) - (1 - math.exp(-1 / 8))) < 4 * float(hellinger.stderr) + 0.01
    mean, stderr, slope = (float(one) for one in ratio.calibration)
    assert abs(mean - 1.0) < 4 * stderr + 0.05
    assert 0.8 < slope < 1.2
    assert float(jax.jit(lambda r, at: r.log_ratio(at))(ratio, rows)[0]) == pytest.approx(
        float(ratio.log_ratio(rows)[0]), rel=1e-5
    )
    again = pickle.loads(pickle.dumps(ratio))
    np.testing.assert_array_equal(again.log_ratio(rows), ratio.log_ratio(rows))


@pytest.mark.slow
@pytest.mark.full
def test_kernels_bound_the_ratio():
    x, y = pair(4, 600, 1)
    ratio = samples.density_ratio(x, y, key=KEY, model="rulsif")
    assert 0.1 < float(ratio.kl().value) < 0.7
    assert bool(jnp.isfinite(ratio.log_ratio(jnp.array([[-100.0], [100.0]]))).all())
    assert ratio.log_ratio(jnp.zeros(4)).shape == (4,)  # points on a line


def test_the_models_are_the_same_in_jax_and_in_numpy():
    rng = np.random.default_rng(5)
    base = rng.standard_normal((1500, 3)) @ np.linalg.cholesky(np.array([[1, 0.5, 0], [0.5, 1, 0.3], [0, 0.3, 1]])).T
    heavy = base * np.sqrt(4 / rng.chisquare(4, (1500, 1)))
    heavy[:, 0] = np.exp(heavy[:, 0])
    heavy[:, 1] += np.where(rng.random(1500) < 0.5, -4, 4)
    model = _model.fit_model(heavy)
    assert model.marginals.components.max() > 1
    assert model.copula.degrees < math.inf
    assert model.columns.dimension > 0
    with jax.enable_x64(True):
        found = _critics.evaluate(_critics.density(model), jnp.asarray(heavy[:200]))
    np.testing.assert_allclose(found, model.log_prob(heavy[:200]), rtol=1e-6, atol=1e-5)


def ring_and_normal() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(6)
    angle = rng.uniform(0, 2 * math.pi, 1000)
    x = np.stack([np.cos(angle), np.sin(angle)], 1) * (1.5 + 0.2 * rng.standard_normal((1000, 1)))
    return x, 1.5 * rng.standard_normal((1000, 2))


@pytest.mark.slow
@pytest.mark.full
def test_networks_learn_what_the_copula_does_not_have(monkeypatch):
    monkeypatch.setattr(_network, "STEPS", 400)
    monkeypatch.setattr(_network, "CHECKS", 4)

    x, y = ring_and_normal()
    copula = samples.density_ratio(x, y, key=KEY, model="copula")
    ratio = samples.density_ratio(x, y, key=KEY, model="mlp")
    assert float(ratio.bound().value) > float(copula.bound().value) + 0.2
    assert float(ratio.log_ratio(jnp.array([1.5, 0.0]))) > 0.5 > float(ratio.log_ratio(jnp.array([0.0, 0.0])))


@pytest.mark.full
def test_networks_go_on_and_may_be_your_own():
    from flax import nnx

    x, y = ring_and_normal()
    copula = samples.density_ratio(x, y, key=KEY, model="copula")
    ratio = samples.density_ratio(x, y, key=KEY, model="mlp")
    further = samples.density_ratio(x, y, key=jax.random.key(1), model="mlp", init=ratio)
    assert float(further.bound().value) > float(copula.bound().value) + 0.2

    class Own(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.last = nnx.Linear(1, 1, rngs=rngs)

        def __call__(self, z: jax.Array) -> jax.Array:
            return self.last(jnp.square(z).sum(1, keepdims=True))

    own = samples.density_ratio(x, y, key=KEY, model=Own(nnx.Rngs(0)), offset=None)
    assert bool(jnp.isfinite(own.log_ratio(x[:3])).all())


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"model": "tree"}, ValueError, 'model must be one of "quadratic"'),
        ({"model": 3}, TypeError, r"or a flax\.nnx module"),
        ({"offset": "none"}, ValueError, 'offset must be "copula" or None'),
        ({"folds": 1}, ValueError, "folds must be an integer of at least 2"),
        ({"folds": 40}, ValueError, "at least 400 rows for 40 folds"),
        ({"init": 1}, TypeError, "init must be a Ratio"),
        ({"key": None}, TypeError, "key is missing"),
    ],
)
def test_ratios_say_what_is_wrong(change, kind, says):
    x, y = pair(7, 50)
    with pytest.raises(kind, match=says):
        samples.density_ratio(**{"x": x, "y": y, "key": KEY, **change})


def test_a_ratio_knows_its_columns_and_bounds():
    x, y = pair(8, 60)
    ratio = samples.density_ratio(x, y, key=KEY, model="quadratic")
    with pytest.raises(ValueError, match="rows must have 2 columns"):
        ratio.log_ratio(jnp.zeros((4, 3)))
    with pytest.raises(ValueError, match='which must be "dv", "nwj" or a generator'):
        ratio.bound("best")
    assert ratio.log_ratio(jnp.zeros((2, 3, 2))).shape == (2, 3)


# --- energy distance and MMD ------------------------------------------------------------------------------------------


def by_loops(x: np.ndarray, y: np.ndarray, kernel) -> float:
    kxx, kyy, kxy = (kernel(cdist(a, b)) for a, b in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    mean_x, mean_y = ((k.sum() - np.trace(k)) / (c * (c - 1)) for k, c in ((kxx, n), (kyy, m)))
    return float(mean_x + mean_y - 2 * kxy.mean())


KERNELS = {
    "energy": lambda r: -r,
    "gaussian": lambda r: np.exp(-(r**2) / (2 * 0.7**2)),
    "imq": lambda r: 1 / np.sqrt(1 + r**2 / 0.7**2),
}


@pytest.mark.parametrize("kernel", KERNELS)
def test_mmd_is_the_unbiased_sum_over_pairs(kernel):
    x, y = pair(9, 60, 3)
    y = y[:45]
    found = samples.mmd(x, y, kernel=kernel, bandwidth=0.7)
    assert float(found.value) == pytest.approx(by_loops(x, y, KERNELS[kernel]), rel=1e-4, abs=1e-5)
    assert float(found.ess) == pytest.approx(2 * 60 * 45 / 105)
    assert math.isnan(float(found.p_value))
    if kernel == "energy":
        assert float(samples.energy_distance(x, y).value) == pytest.approx(float(found.value), rel=1e-6)


@pytest.mark.full
def test_its_gradient_is_that_of_differences_even_where_points_coincide():
    x, y = pair(10, 30, 2)
    y[:5] = x[:5]
    with jax.enable_x64(True):
        x, y = x.astype(np.float64), y.astype(np.float64)
        for verb in (samples.energy_distance, samples.mmd):
            fixed = {"bandwidth": 1.3} if verb is samples.mmd else {}
            slope = jax.grad(lambda one, verb=verb, fixed=fixed: verb(one, y, **fixed).value)(jnp.asarray(x))
            assert bool(jnp.isfinite(slope).all())
            step = np.zeros_like(x)
            step[7, 1] = 1e-6
            ends = [float(verb(x + s * step, y, **fixed).value) for s in (1, -1)]
            assert float(slope[7, 1]) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)
    values = jax.vmap(lambda s: samples.mmd(x + s, y).value)(jnp.zeros(3))
    assert values.shape == (3,)


@pytest.mark.full
def test_blocks_change_nothing(monkeypatch):
    from kljax.samples import _two_sample

    x, y = pair(11, 100, 2)
    whole = samples.mmd(x, y, permutations=19, key=KEY)
    monkeypatch.setattr(_two_sample, "ENTRIES", 1000)
    jax.clear_caches()
    blocked = samples.mmd(x, y, permutations=19, key=KEY)
    for one, other in zip(whole, blocked, strict=True):
        assert float(one) == pytest.approx(float(other), rel=1e-4, abs=1e-6)


@pytest.mark.slow
def test_standard_errors_and_p_values_where_p_is_q_and_where_not(sweep_size):
    """Of 100 spreads the ratio to the truth is known to 7 %; of p-values below 0.05, 12 of 100 come up once in 500."""
    repeats = sweep_size(100, 600)
    for shift in (0.0, 0.7):
        found = [samples.mmd(*pair(s, 50, 2, shift), permutations=39, key=jax.random.key(s)) for s in range(repeats)]
        values, stderrs = (np.array([float(getattr(one, name)) for one in found]) for name in ("value", "stderr"))
        assert 0.75 < stderrs.mean() / values.std() < 1.4
        rejected = np.mean([float(one.p_value) <= 0.05 for one in found])
        assert rejected <= 0.12 if shift == 0.0 else rejected > 0.7
        if shift == 0.0:
            assert abs(values.mean()) < 4 * values.std() / math.sqrt(repeats)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kernel": "linear"}, "kernel must be one of energy, gaussian, imq"),
        ({"bandwidth": 0.0}, "bandwidth must lie in"),
        ({"bandwidth": "mean"}, 'positive number or "median"'),
        ({"permutations": -1}, "permutations must be a non-negative integer"),
        ({"permutations": 9}, "key is missing"),
        ({"x": np.zeros((1, 2), np.float32)}, "x must have at least two rows"),
        ({"x": np.zeros((5, 3), np.float32)}, "x has 3 and y has 2"),
    ],
)
def test_mmd_says_what_is_wrong(change, says):
    x, y = pair(12, 20)
    with pytest.raises(ValueError, match=says):
        samples.mmd(**{"x": x, "y": y, **change})


def test_energy_distance_on_a_line_is_that_of_the_distribution_functions():
    x, y = (np.random.default_rng(s).standard_normal(3000) + s for s in (0, 1))
    expected = stats.energy_distance(x, y) ** 2  # of the empirical distributions, hence with the pairs i = j
    assert float(samples.energy_distance(x, y).value) == pytest.approx(expected, abs=2e-3)
