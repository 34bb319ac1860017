"""Forms of a user's own: found for their types, with options, never over a form that exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import kljax
from kljax import families, generators
from kljax.divergences._dispatch import TABLE
from kljax.divergences._forms import table
from kljax.families import Gumbel, Laplace, Normal


class Point(NamedTuple):
    at: Any


@pytest.fixture(autouse=True)
def _forms_are_forgotten() -> Iterator[None]:
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)


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
        kljax.register(kljax.pairwise, Point, Point)
    with pytest.raises(TypeError, match="kind_q must not be given, since entropy is of one"):
        kljax.register(kljax.entropy, Point, Point)
    with pytest.raises(TypeError, match="kind_q must be given, since kl is of two"):
        kljax.register(kljax.kl, Point)
    with pytest.raises(ValueError, match="entropy of Normal has a form already"):
        kljax.register(kljax.entropy, Normal)
    with pytest.raises(ValueError, match="chernoff_information of Normal and Normal has a form already"):
        kljax.register(kljax.chernoff_information, Normal, Normal)
    with pytest.raises(TypeError, match="kind_q must be a class"):
        kljax.register(kljax.kl, Point, 3.0)
    with pytest.raises(TypeError, match="must be a function"):
        kljax.register(kljax.renyi, Point, Point)(3.0)


def constant(value: float):
    return lambda p, q, **options: jnp.asarray(value)


def test_a_form_is_found_under_every_name_of_its_divergence() -> None:
    """Each generator asks for the divergence that it is, and what is made of others asks for these."""
    p, q = Gumbel(0.0, 1.0), Laplace(0.0, 1.0)
    kljax.register(kljax.kl, Gumbel, Laplace)(constant(3.0))
    kljax.register(kljax.kl, Laplace, Gumbel)(constant(5.0))
    kljax.register(kljax.alpha, Gumbel, Laplace)(lambda p, q, order: jnp.asarray(10.0 * order))
    kljax.register(kljax.total_variation, Gumbel, Laplace)(constant(0.25))
    kljax.register(kljax.le_cam, Gumbel, Laplace)(constant(0.125))
    kljax.register(kljax.jensen_shannon, Gumbel, Laplace)(
        lambda p, q, weight, scaled=False: jnp.asarray(weight + scaled)
    )
    for generator, wanted in {
        generators.kl: 3.0,
        generators.reverse_kl: 5.0,
        generators.jeffreys: 8.0,
        generators.alpha(1.0): 3.0,
        generators.alpha(0.0): 5.0,
        generators.alpha(0.3): 3.0,
        generators.cressie_read(-0.5): 5.0,
        generators.tsallis(2.0): 40.0,
        generators.tsallis(1.0): 3.0,
        generators.pearson: 40.0,
        generators.neyman: -20.0,
        generators.squared_hellinger: 1.25,
        generators.total_variation: 0.25,
        generators.le_cam: 0.125,
        generators.jensen_shannon(0.25): 0.25,
        generators.jensen_shannon(0.25, scaled=True): 1.25,
    }.items():
        np.testing.assert_allclose(kljax.f_divergence(p, q, generator), wanted, rtol=1e-6, err_msg=generator.name)
    np.testing.assert_allclose(kljax.jeffreys(p, q), 8.0)
    np.testing.assert_allclose(kljax.chi_squared(p, q), 40.0)
    np.testing.assert_allclose(kljax.squared_hellinger(p, q), 1.25)
    np.testing.assert_allclose(kljax.tsallis(p, q, order=2.0), 40.0)
    # A traced order stays one power for all its values.
    np.testing.assert_allclose(jax.jit(lambda a: kljax.alpha(p, q, order=a))(0.5), 5.0)
    # The pair turned round has forms of its own only where they were given.
    np.testing.assert_allclose(kljax.kl(q, p), 5.0)
    assert kljax.total_variation(q, p) != 0.25


def test_composites_find_the_forms_of_their_parts() -> None:
    kljax.register(kljax.kl, Gumbel, Laplace)(lambda p, q: jnp.full((p.loc + q.loc).shape, 3.0))
    kljax.register(kljax.renyi, Gumbel, Laplace)(lambda p, q, order: jnp.full(p.loc.shape, 4.0))
    kljax.register(kljax.chernoff_information, Gumbel, Laplace)(
        lambda p, q, with_order=False: (jnp.full(p.loc.shape, 7.0),) * 2 if with_order else jnp.full(p.loc.shape, 7.0)
    )
    p, q = Gumbel(jnp.zeros(2), 1.0), Laplace(jnp.zeros(2), 1.0)
    np.testing.assert_allclose(kljax.kl(families.Independent(p, 1), families.Independent(q, 1)), 6.0)
    masked = families.Masked(p, jnp.array([True, False]))
    np.testing.assert_allclose(kljax.f_divergence(masked, q, generators.kl), [3.0, 0.0])
    np.testing.assert_allclose(kljax.bhattacharyya(p, q), 2.0)
    np.testing.assert_allclose(kljax.bhattacharyya(families.Independent(p, 1), families.Independent(q, 1)), 4.0)
    np.testing.assert_allclose(kljax.chernoff_information(masked, q), [7.0, 0.0])
    np.testing.assert_allclose(kljax.chernoff_information(masked, q, with_order=True), [[7.0, 0.0], [7.0, 0.5]])
    np.testing.assert_allclose(kljax.pairwise(kljax.kl, p, q), np.full((2, 2), 3.0))


def test_entropies_of_a_class_of_ones_own() -> None:
    kljax.register(kljax.entropy, Point)(lambda p: jnp.asarray(2.0))
    kljax.register(kljax.kl, Point, Normal)(constant(0.5))
    assert kljax.entropy(Point(0.0)) == 2.0
    assert kljax.cross_entropy(Point(0.0), Normal(0.0, 1.0)) == 2.5
    with pytest.raises(TypeError, match="p must be a distribution"):
        kljax.entropy(3.0)


def test_a_form_is_found_once_a_pair_is_in_its_simplest_form() -> None:
    kljax.register(kljax.kl, Gumbel, Laplace)(constant(3.0))
    kljax.register(kljax.renyi, Gumbel, Laplace)(lambda p, q, order: jnp.asarray(4.0 * order))
    p, q = (families.Transformed(one, families.Exp()) for one in (Gumbel(0.0, 1.0), Laplace(0.0, 1.0)))
    assert kljax.kl(p, q) == 3.0
    assert kljax.renyi(p, q, order=0.25) == 1.0
    assert kljax.bhattacharyya(p, q) == 1.0
    assert kljax.f_divergence(families.Independent(Gumbel(0.0, 1.0), 0), Laplace(0.0, 1.0), generators.kl) == 3.0


def test_a_form_of_the_user_wins_over_one_of_ours() -> None:
    kljax.register(kljax.f_divergence, Normal, Normal)(lambda p, q, generator: jnp.asarray(7.0))
    p, q = Normal(0.0, 1.0), Normal(1.0, 1.0)
    assert kljax.squared_hellinger(p, q) == kljax.f_divergence(p, q, generators.kl) == 7.0
    assert kljax.kl(p, q) == 0.5  # which is no f_divergence by name
    kljax.register(kljax.le_cam, Normal, Normal)(constant(5.0))
    assert kljax.le_cam(p, q) == 5.0


def test_an_option_at_its_default_may_be_left_to_the_form() -> None:
    p, q = Point(0.0), Point(1.0)
    kljax.register(kljax.jensen_shannon, Point, Point)(lambda p, q: jnp.asarray(2.0))
    assert kljax.jensen_shannon(p, q) == 2.0
    with pytest.raises(TypeError, match="weight"):
        kljax.jensen_shannon(p, q, weight=0.25)
    kljax.register(kljax.chernoff_information, Point, Point)(lambda p, q: jnp.asarray(2.0))
    assert kljax.chernoff_information(p, q) == 2.0


def test_jeffreys_of_a_generator_is_the_sum_of_its_closed_forms() -> None:
    p, q = Normal(0.0, 1.0), Normal(1.0, 2.0)
    assert kljax.f_divergence(p, q, generators.jeffreys) == kljax.jeffreys(p, q)
    without = families.Logistic(0.0, 1.0), Laplace(0.0, 1.0)
    np.testing.assert_allclose(kljax.f_divergence(*without, generators.jeffreys), kljax.jeffreys(*without), rtol=1e-5)


def test_no_pair_has_two_rows() -> None:
    rows = [kinds for file in table._FILES for kinds in file.KL]
    assert len(rows) == len(set(rows)) == len(table.DIVERGENCES)
