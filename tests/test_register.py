"""Forms of a user's own: found for their types, with options, never over a form that exists."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import kljax
from kljax import generators
from kljax.divergences import _register
from kljax.families import Gumbel, Laplace, Normal


class Point(NamedTuple):
    at: Any


@pytest.fixture(autouse=True)
def _forms_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_register, "_FORMS", {})


def test_a_form_is_found_by_the_types_of_both_sides() -> None:
    @kljax.register(kljax.kl, Point, Normal)
    def form(p: Point, q: Normal) -> jax.Array:
        return -q.log_prob(p.at)

    value, slope = jax.jit(jax.value_and_grad(lambda x: kljax.kl(Point(x), Normal(0.0, 1.0))))(2.0)
    np.testing.assert_allclose([value, slope], [2.0 + 0.5 * np.log(2 * np.pi), 2.0], rtol=1e-6)
    # An object of another package is met as the family that it becomes.
    np.testing.assert_allclose(kljax.kl(Point(2.0), stats.norm(0.0, 1.0)), value, rtol=1e-6)
    np.testing.assert_allclose(kljax.kl(p=Point(2.0), q=Normal(0.0, 1.0)), value, rtol=1e-6)
    with pytest.raises(TypeError, match="p must be a distribution"):
        kljax.kl(Point(0.0), Laplace(0.0, 1.0))
    with pytest.raises(TypeError, match="q must be a distribution"):
        kljax.kl(Normal(0.0, 1.0), Point(0.0))
    assert form(Point(0.0), Normal(0.0, 1.0)) == kljax.kl(Point(0.0), Normal(0.0, 1.0))


def test_options_reach_the_form_and_other_verbs_do_not() -> None:
    @kljax.register(kljax.renyi, Gumbel, Laplace)
    def _(p: Gumbel, q: Laplace, *, order: float) -> jax.Array:
        return jnp.asarray(order)

    @kljax.register(kljax.f_divergence, Gumbel, Laplace)
    def _(p: Gumbel, q: Laplace, generator: generators.Generator) -> jax.Array:
        return jnp.asarray(generator.name == "le_cam")

    p, q = Gumbel(0.0, 1.0), Laplace(0.0, 1.0)
    assert kljax.renyi(p, q, order=3.0) == 3.0
    assert kljax.f_divergence(p, q, generators.le_cam)
    assert 0.0 < kljax.kl(p, q) < 1.0


def test_nothing_is_overwritten_and_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="kl of Normal and Normal has a form already"):
        kljax.register(kljax.kl, Normal, Normal)
    kljax.register(kljax.kl, Point, Point)(lambda p, q: jnp.zeros(()))
    with pytest.raises(ValueError, match="kl of Point and Point has a form already"):
        kljax.register(kljax.kl, Point, Point)
    with pytest.raises(ValueError, match="renyi of Normal and Normal has a form already"):
        kljax.register(kljax.renyi, Normal, Normal)
    with pytest.raises(ValueError, match="total_variation of Normal and Normal has a form already"):
        kljax.register(kljax.total_variation, Normal, Normal)
    with pytest.raises(TypeError, match="verb must be a divergence"):
        kljax.register(kljax.entropy, Point, Point)
    with pytest.raises(TypeError, match="kind_q must be a class"):
        kljax.register(kljax.kl, Point, 3.0)
    with pytest.raises(TypeError, match="must be a function"):
        kljax.register(kljax.renyi, Point, Point)(3.0)
