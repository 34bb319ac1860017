"""Distributions and the closed forms of the front door, against the textbook in 80 digits on the same numbers.

Limits: values 16 eps, gradients 32 eps of their norm, for the forms are sums of non-negative atoms right to a few eps.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import oracles
import pytest
from mpmath import mpf
from oracles.distributions import TEXTBOOK

import kljax
from kljax import expfam, families
from kljax.divergences._forms.table import DIVERGENCES

# The families of the first table of oracles; those of the others are tested beside this file.
SAME = sorted(one.__name__ for one, other in DIVERGENCES if one is other and one.__name__ in TEXTBOOK)
NATURAL = [name for name in TEXTBOOK if hasattr(getattr(families, name), "natural")]
# Parameters of the families with two of a kind are real and positive, of the others positive.
BASES = {"Uniform": (-1.25, 2.5), "StudentT": (3.5, 0.25, 1.5), "Poisson": (3.5,), "Pareto": (2.75, 1.5)}
LOCATED = ("Cauchy", "Gumbel", "Laplace", "LogNormal", "Logistic", "Normal")
SINGLE = ("Exponential", "HalfNormal", "Rayleigh")
# What has no log-density of its own, and is tested in test_structures.
MADE_OF_OTHERS = {
    *(
        "Affine",
        "Bijector",
        "Chain",
        "Delta",
        "Distribution",
        "Empirical",
        "Exp",
        "Fitted",
        "Independent",
        "Masked",
        "Mixture",
    ),
    *("Log", "Product", "Sigmoid", "Softplus", "Tanh", "Transformed"),
}
GAPS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


def base(name: str) -> tuple[float, ...]:
    return BASES.get(name, (0.75, 1.5) if name in LOCATED else (1.5,) if name in SINGLE else (2.25, 1.5))


def pairs(name: str, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Parameters [pairs, k] at every distance, and with extreme scales, as exact numbers of the dtype."""
    first = np.asarray(base(name))
    ways = np.array([1.0, -0.75, 0.5])[: len(first)]
    if name == "Uniform":
        ways = np.array([-1.0, 0.5])  # q covers p
    if name == "Pareto":
        ways = np.array([1.0, -0.5])
    p = np.repeat(first[None], len(GAPS), 0)
    q = p + np.asarray(GAPS)[:, None] * ways * (1.0 if name == "Uniform" else np.abs(p) * 0.9)
    if name not in ("Uniform", "Beta", "Poisson"):
        # The last parameter is a scale or a rate; locations move with it.
        scales = np.array([1e-15, 1e15])[:, None, None]
        wide_p, wide_q = (np.repeat(one[None, :4], 2, 0) for one in (p, q))
        moved = [0, 1] if name in LOCATED else [-1]
        for one in (wide_p, wide_q):
            one[..., moved] *= scales
        p, q = np.concatenate([p, *wide_p]), np.concatenate([q, *wide_q])
    return p.astype(dtype), q.astype(dtype)


def exact(name: str, p: np.ndarray, q: np.ndarray) -> tuple[mpf, list[mpf]]:
    """KL and its gradient in all parameters, by central differences of 80-digit arithmetic."""
    form = TEXTBOOK[name].kl
    with mpmath.workdps(110):
        numbers = [mpf(float(x)) for x in (*p, *q)]

        def at(values: list[mpf]) -> mpf:
            return form(values[: len(p)], values[len(p) :])

        slopes = []
        for i, x in enumerate(numbers):
            step = mpf(10) ** -30 * (abs(x) + mpf(10) ** -30)
            if name in ("Uniform", "Pareto") and at(numbers) == mpmath.inf:
                slopes.append(mpf(0))
                continue
            up, down = ([*numbers[:i], x + way * step, *numbers[i + 1 :]] for way in (1, -1))
            slopes.append((at(up) - at(down)) / (2 * step))
        return at(numbers), slopes


def record(name: str, parameters: Any) -> Any:
    return getattr(families, name)(*(parameters[..., i] for i in range(parameters.shape[-1])))


def test_every_row_of_the_table_has_an_oracle() -> None:
    """TEXTBOOK has a module's families, CROSS its pairs of two different ones."""
    names = [one.name for one in pkgutil.iter_modules(oracles.__path__)]
    tables = [importlib.import_module(f"oracles.{name}") for name in names]
    books = {name: book for one in tables for name, book in getattr(one, "TEXTBOOK", {}).items()}
    cross = {pair for one in tables for pair in getattr(one, "CROSS", {})}
    assert set(books) == set(families.__all__) - MADE_OF_OTHERS
    rows = {(one.__name__, other.__name__) for one, other in DIVERGENCES}
    assert {(name, name) for name, book in books.items() if book.kl is not None} | cross == rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SAME)
@pytest.mark.by_default(
    "Beta-float32",
    "Cauchy-float64",
    "Exponential-float32",
    "Gamma-float32",
    "Gumbel-float32",
    "HalfNormal-float32",
    "Laplace-float64",
    "LogNormal-float32",
    "Normal-float32",
    "Pareto-float64",
    "Poisson-float32",
    "Rayleigh-float32",
    "Uniform-float64",
    "Weibull-float32",
)
def test_kl_and_its_gradient(name: str, dtype: Any) -> None:
    p, q = pairs(name, dtype)
    eps = float(np.finfo(dtype).eps)
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):

        @jax.jit
        @jax.vmap
        def everything(x: jax.Array) -> Any:
            def value(x: jax.Array) -> jax.Array:
                return kljax.kl(record(name, x[0]), record(name, x[1]))

            return value(x), jax.grad(value)(x), jax.hessian(value)(x)

        value, slopes, hessian = map(np.asarray, everything(np.stack([p, q], 1)))
        same = [np.asarray(one) for one in everything(np.stack([p, p], 1))]
    assert np.isfinite(hessian).all()
    assert (same[0] == 0.0).all()
    assert (same[1] == 0.0).all()
    for i in range(len(p)):
        expected, gradient = exact(name, p[i], q[i])
        assert value[i] >= 0.0
        assert abs(mpf(float(value[i])) - expected) <= 16 * eps * expected, (p[i], q[i], value[i], expected)
        # In units of the parameters, so that locations and rates of any scale count alike.
        units = [abs(mpf(float(x))) for x in (*p[i], *q[i])]
        found = [mpf(float(x)) for x in slopes[i].ravel()]
        norm = mpmath.sqrt(sum((g * u) ** 2 for g, u in zip(gradient, units, strict=True)))
        for g, f, u in zip(gradient, found, units, strict=True):
            assert abs(f - g) * u <= 32 * eps * norm, (p[i], q[i], found, gradient)


@pytest.mark.parametrize("name", sorted(TEXTBOOK))
@pytest.mark.by_default("Exponential", "Gumbel", "InverseGamma", "LogNormal", "Normal", "StudentT", "Weibull")
def test_densities_samples_and_moments(name: str) -> None:
    with jax.enable_x64(True):
        distribution = getattr(families, name)(*(np.float64(x) for x in base(name)))
        draws = np.asarray(distribution.sample(jax.random.key(0), (4000,)))
        assert draws.shape == (4000,)
        points = draws[:20]
        log_density = np.asarray(distribution.log_prob(points))
        entropy = float(distribution.entropy())
        all_of_them = np.asarray(distribution.log_prob(draws))
        mean, variance = float(distribution.mean), float(distribution.variance)
        outside = {"real": np.nan}.get(distribution.support.kind, float(distribution.support.low) - 1.0)
        if np.isfinite(outside):
            assert float(distribution.log_prob(outside)) == -np.inf
    parameters = [mpf(x) for x in base(name)]
    for x, found in zip(points, log_density, strict=True):
        expected = TEXTBOOK[name].log_density(mpf(float(x)), *parameters)
        assert abs(found - expected) <= 1e-13 * (1 + abs(expected))
    # Six standard errors: of the mean of -log p for the entropy, of the mean for the mean.
    assert abs(-all_of_them.mean() - entropy) <= 6 * all_of_them.std() / np.sqrt(4000)
    if np.isfinite(mean):
        assert abs(draws.mean() - mean) <= 6 * draws.std() / np.sqrt(4000)
    if np.isfinite(variance) and name not in ("InverseGamma", "Pareto", "LogNormal", "StudentT"):
        assert abs(draws.var() - variance) <= 0.2 * variance


@pytest.mark.parametrize("name", NATURAL)
@pytest.mark.by_default(
    "Exponential", "Gamma", "HalfNormal", "InverseGamma", "LogNormal", "Normal", "Poisson", "Rayleigh"
)
def test_natural_parameters_give_the_same_divergence(name: str) -> None:
    with jax.enable_x64(True):
        p, q = (record(name, one[0]) for one in pairs(name, np.float64))
        kind = getattr(families, name)
        found = expfam.kl(kind.log_partition, p.natural, q.natural)
        np.testing.assert_allclose(found, kljax.kl(p, q), rtol=1e-12)


def test_batches_broadcast_and_transformations_go_through() -> None:
    p = families.Normal(jnp.zeros((3, 1)), 1.0)
    q = families.Normal(jnp.arange(4.0), jnp.ones(4))
    value = kljax.kl(p, q)
    np.testing.assert_allclose(value, np.broadcast_to(0.5 * np.arange(4.0) ** 2, (3, 4)), rtol=1e-6)
    mapped = jax.vmap(kljax.kl)(families.Normal(jnp.zeros(4), jnp.ones(4)), q)
    np.testing.assert_allclose(mapped, value[0], rtol=1e-6)
    assert p.sample(jax.random.key(0), (5,)).shape == (5, 3, 1)
    assert p.log_prob(jnp.zeros((2, 3, 6))).shape == (2, 3, 6)
    assert families.Normal(np.float64(0.0), 1).scale.dtype == jnp.float32  # without x64


def test_the_front_door_integrates_what_has_no_closed_form() -> None:
    with jax.enable_x64(True):
        p, q = families.Normal(0.25, 1.5), families.Laplace(-0.5, 1.0)
        found, slope = jax.jit(jax.value_and_grad(kljax.kl))(p, q)
        hellinger = kljax.squared_hellinger(p, q)
        other = jax.jit(kljax.kl)(families.Gamma(np.array([1.5, 2.0]), 1.0), p)
        outside = kljax.kl(p, families.Gamma(2.0, 1.0))
        crossed = kljax.cross_entropy(p, p) - kljax.entropy(p)
    log_p, log_q = (TEXTBOOK[name].log_density for name in ("Normal", "Laplace"))
    ends = [-mpmath.inf, -4, -0.5, 1, 5, mpmath.inf]

    def integral(m: mpf, f: Any) -> mpf:
        return mpmath.quad(lambda x: f(log_p(x, m, mpf(1.5)), log_q(x, mpf(-0.5), mpf(1))), ends)

    def kl_at(m: mpf) -> mpf:
        return integral(m, lambda a, b: mpmath.exp(a) * (a - b))

    np.testing.assert_allclose(float(found), float(kl_at(mpf(0.25))), rtol=1e-10)
    np.testing.assert_allclose(float(slope.loc), float(mpmath.diff(kl_at, mpf(0.25), h=1e-5)), rtol=1e-8)
    exact_h = integral(mpf(0.25), lambda a, b: (mpmath.exp(a / 2) - mpmath.exp(b / 2)) ** 2 / 2)
    np.testing.assert_allclose(float(hellinger), float(exact_h), rtol=1e-10)
    log_gamma = TEXTBOOK["Gamma"].log_density

    def term(x: mpf, a: float) -> mpf:
        log_here = log_gamma(x, mpf(a), mpf(1))
        return mpmath.exp(log_here) * (log_here - log_p(x, mpf(0.25), mpf(1.5)))

    for shape, value in zip((1.5, 2.0), other, strict=True):
        want = mpmath.quad(functools.partial(term, a=shape), [0, 0.01, 1, 5, 20, mpmath.inf])
        np.testing.assert_allclose(float(value), float(want), rtol=1e-9)
    assert float(outside) == np.inf
    assert float(crossed) == 0.0


def test_bad_input_names_the_argument() -> None:
    normal = families.Normal(0.0, 1.0)
    with pytest.raises(ValueError, match=r"Normal: scale must lie in \(0, inf\); got -1"):
        families.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match=r"batch shapes of the parameters.*loc \(3,\), scale \(2,\)"):
        families.Normal(jnp.zeros(3), jnp.ones(2))
    with pytest.raises(TypeError, match=r"Normal: loc must have a floating-point dtype; got int32"):
        families.Normal(jnp.arange(3), 1.0)
    with pytest.raises(TypeError, match=r"q must be a distribution of kljax\.families, .*; got float"):
        kljax.kl(normal, 3.0)
    with pytest.raises(ValueError, match=r"batch shapes of p and q.*\(2,\).*\(3,\)"):
        kljax.kl(families.Normal(jnp.zeros(2), 1.0), families.Normal(jnp.zeros(3), 1.0))
    with pytest.raises(NotImplementedError, match=r"Poisson and Normal: one lives on the integers"):
        kljax.kl(families.Poisson(1.0), normal)
    with pytest.raises(ValueError, match=r"order must lie in \(0, inf\); got 0"):
        kljax.renyi(normal, normal, order=0.0)
    with pytest.raises(TypeError, match=r"x must be an array of real numbers; got bool"):
        normal.log_prob(jnp.array([True]))
    # An array is not looked at: the formulas make NaN of a negative scale.
    assert np.isnan(normal.log_prob(families.Normal(0.0, jnp.array(-1.0)).entropy()))
