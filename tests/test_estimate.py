"""Estimates from samples, against closed forms: unbiased in value and gradient, with an error bar that holds."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kljax
from kljax import generators
from kljax.families import Normal, Poisson, Uniform

KEYS = 400


def poisson_kl(rate: Any) -> Any:
    return 3.0 * jnp.log(3.0 / rate) - 3.0 + rate


# (p, q as a function of x, the generator, the textbook's value as a function of x)
CASES = {
    "normal": (
        Normal(0.0, 1.0),
        lambda x: Normal(x, 1.5),
        generators.kl,
        lambda x: jnp.log(1.5) + (1.0 + x * x) / 4.5 - 0.5,
    ),
    "hellinger": (
        Normal(0.0, 1.0),
        lambda x: Normal(x, 1.0),
        generators.squared_hellinger,
        lambda x: 1.0 - jnp.exp(-x * x / 8.0),
    ),
    "poisson": (Poisson(3.0), Poisson, generators.kl, poisson_kl),  # draws without a derivative
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.by_default("normal", "hellinger")
def test_values_and_gradients_are_unbiased_and_the_error_bar_holds(case: str) -> None:
    p, q, generator, textbook = CASES[case]
    at = jnp.asarray(1.25 if case != "poisson" else 4.5)

    @jax.jit
    @jax.vmap
    def all_of_them(key: jax.Array) -> Any:
        def value(x: jax.Array) -> Any:
            found = kljax.estimate(p, q(x), key=key, num_samples=256, generator=generator)
            return found.value, found

        return jax.grad(value, has_aux=True)(at)

    slopes, found = all_of_them(jax.random.split(jax.random.key(0), KEYS))
    exact, slope = jax.value_and_grad(textbook)(at)
    for name, draws, expected in (("value", found.value, exact), ("slope", slopes, slope)):
        assert abs(draws.mean() - expected) <= 4.0 * draws.std() / math.sqrt(KEYS), name
    # The spread of 400 values is known to 1/√800 = 4 %.
    np.testing.assert_allclose(found.value.std(), found.stderr.mean(), rtol=0.2)
    assert (found.value >= 0.0).all()
    assert ((found.ess > 1.0) & (found.ess <= 256.0)).all()


def test_supports_that_differ() -> None:
    key, narrow, wide = jax.random.key(1), Uniform(0.0, 1.0), Uniform(0.0, 2.0)
    assert kljax.estimate(wide, narrow, key=key).value == jnp.inf
    found = kljax.estimate(narrow, wide, key=key)  # the mass that p misses is seen
    assert abs(found.value - math.log(2.0)) <= 4.0 * found.stderr
    found = kljax.estimate(wide, narrow, key=key, generator=generators.total_variation)
    assert abs(found.value - 0.5) <= 4.0 * found.stderr


def test_equal_distributions_are_exactly_no_distance_apart() -> None:
    def value(q: Normal) -> jax.Array:
        return kljax.estimate(Normal(0.5, 2.0), q, key=jax.random.key(2), num_samples=64).value

    found, slope = jax.value_and_grad(value)(Normal(0.5, 2.0))
    assert found == 0.0
    assert (slope.loc, slope.scale) == (0.0, 0.0)


class OfOurOwn:
    """A pair of independent standard normal variables."""

    def log_prob(self, x: jax.Array) -> jax.Array:
        return -0.5 * (x * x).sum(-1) - math.log(2.0 * math.pi)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        return jax.random.normal(key, (*shape, 2))


def test_any_object_with_draws_and_densities() -> None:
    found = kljax.estimate(OfOurOwn(), OfOurOwn(), key=jax.random.key(3))
    assert found.value == 0.0
    batch = kljax.estimate(Normal(jnp.zeros((3, 1)), 1.0), Normal(jnp.ones(2), 1.0), key=jax.random.key(4))
    assert all(one.shape == (3, 2) for one in batch)
    assert (jnp.abs(batch.value - 0.5) <= 5.0 * batch.stderr).all()


class OnlyDensity:
    def log_prob(self, x: jax.Array) -> jax.Array:
        return -0.5 * jnp.square(x - 1.0) - 0.5 * math.log(2.0 * math.pi)


@pytest.mark.full
def test_draws_made_outside() -> None:
    p, q = Normal(0.0, 1.0), Normal(1.0, 1.0)
    key = jax.random.key(5)
    draws = tuple(one.sample(each, (64,)) for one, each in zip((p, q), jax.random.split(key), strict=True))
    inside, outside = kljax.estimate(p, q, key=key, num_samples=128), kljax.estimate(p, q, draws=draws)
    for one, other in zip(inside, outside, strict=True):
        np.testing.assert_array_equal(one, other)
    uneven = kljax.estimate(p, OnlyDensity(), draws=(p.sample(key, (4000,)), q.sample(jax.random.key(6), (1000,))))
    assert abs(uneven.value - 0.5) <= 4.0 * uneven.stderr
    jitted = jax.jit(lambda draws: kljax.estimate(p, q, draws=draws).value)(draws)
    np.testing.assert_allclose(jitted, outside.value, rtol=1e-6)


def test_bad_draws_name_the_argument() -> None:
    p, x = Normal(0.0, 1.0), jnp.zeros(3)
    with pytest.raises(TypeError, match="Exactly one of key and draws must be given; got neither"):
        kljax.estimate(p, p)
    with pytest.raises(TypeError, match="Exactly one of key and draws must be given; got both"):
        kljax.estimate(p, p, key=jax.random.key(0), draws=(x, x))
    with pytest.raises(TypeError, match="draws must be a pair"):
        kljax.estimate(p, p, draws=x)
    with pytest.raises(ValueError, match="at least 2 draws of q"):
        kljax.estimate(p, p, draws=(x, x[:1]))
    with pytest.raises(TypeError, match=r"p must have log_prob\(x\); got float"):
        kljax.estimate(1.0, p, draws=(x, x))


def test_bad_input_names_the_argument() -> None:
    call = functools.partial(kljax.estimate, Normal(0.0, 1.0), key=jax.random.key(0))
    with pytest.raises(TypeError, match=r"q must have log_prob\(x\) and sample\(key, shape\); got float"):
        call(3.0)
    with pytest.raises(ValueError, match="num_samples must be at least 4; got 2"):
        call(Normal(0.0, 1.0), num_samples=2)
    with pytest.raises(TypeError, match="num_samples must be an int; got float"):
        call(Normal(0.0, 1.0), num_samples=1e3)
    with pytest.raises(TypeError, match="generator must be"):
        call(Normal(0.0, 1.0), generator="kl")
