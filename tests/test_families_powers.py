"""Divergences of the powers pᵅq¹⁻ᵅ against the textbook in 110 digits on the same numbers.

Limits: values 64 eps, gradients 1e-5 of their norm in float32 and as many eps in float64. Where matrices are solved
with they get the factor of the condition number, below 10 here. Beyond 1, orders amplify what the parameter of the
power loses: α p - (α - 1) q has 2α - 1 roundings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import continuous, discrete, distributions, powers
from power_cases import CASES, GAPS, ORDERS, flat, shaped, textbook
from sweeps import thinned

import kljax
from kljax import families, generators
from kljax.divergences import _dispatch, _quadrature, _structure
from kljax.divergences._forms.exponential_families import LINES
from kljax.divergences._forms.renyi_and_chernoff import renyi_of
from kljax.families._internal import aligned


def test_every_row_has_an_oracle() -> None:
    ends = [name.split(", ") for name in CASES]
    tried = {tuple(one) if one[-1][0].isupper() and hasattr(families, one[-1]) else (one[0], one[0]) for one in ends}
    tried = {(one[0], one[-1]) for one in tried} | {("SphericalUniform", "SphericalUniform")}
    rows = {(one.__name__, other.__name__) for one, other in LINES}
    assert tried == rows
    assert rows == {(name, name) for name in powers.POWERS} | set(powers.BETWEEN)


CURVED = ("Gamma", "Normal", "MultivariateNormal, covariance", "Geometric, logits")  # which are tried to second order
TRIALS = [(name, np.float32) for name in CASES]
DOUBLE = ["Gamma", "Normal", "VonMises", "MultivariateNormal, Cholesky", "MultivariateNormal, low rank", "Geometric"]


@pytest.mark.parametrize(
    ("name", "dtype"),
    TRIALS + thinned([(name, np.float64) for name in CASES], [(name, np.float64) for name in DOUBLE], spread=True),
)
@pytest.mark.by_default("Bernoulli-float32", "Moyal-float32", "Multinomial-float32")
def test_renyi_and_its_gradient(name: str, dtype: Any) -> None:
    case, eps = CASES[name], float(np.finfo(dtype).eps)
    pairs = case.pairs() if case.start else list(case.more)
    like = pairs[0]
    split = sum(one.size for one in like[0])
    points = np.stack([flat(pair, dtype) for pair in pairs])
    orders = np.array(ORDERS, dtype)
    rng = np.random.default_rng(0)
    way = rng.uniform(-1.0, 1.0, size=points.shape[-1])
    if name in ("Gumbel", "Kumaraswamy", "Laplace", "Moyal", "Weibull"):
        # What is shared stays shared.
        kept = next(i for i, one in enumerate(case.move) if one == 0.0)
        way[kept + split] = way[kept]
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):

        @jax.jit
        def everything(x: jax.Array, order: jax.Array) -> Any:
            def value(x: jax.Array) -> jax.Array:
                p, q = case.p(*shaped(x[:split], like[0])), case.q(*shaped(x[split:], like[1]))
                return line_renyi(p, q, order)

            slope = jax.grad(value)
            return value(x), slope(x), jax.jvp(slope, (x,), (x,))[1] if name in CURVED else x

        each = jax.jit(jax.vmap(jax.vmap(everything, (None, 0)), (0, None)))
        found = [np.asarray(one) for one in each(points, orders)]
        if case.start:
            alike = np.concatenate([points[:, :split], points[:, :split]], -1)
            same = [np.asarray(one) for one in each(alike, orders)]
            assert (same[0] == 0.0).all()
            assert (same[1] == 0.0).all()
    assert np.isfinite(found[2]).all()
    worst = [0.0, 0.0]
    with mpmath.workdps(110):
        for (i, point), (j, order) in ((a, b) for a in enumerate(points) for b in enumerate(orders)):
            x, value = [mpf(float(one)) for one in point], found[0][i, j]
            expected = textbook(case, like, x, float(order))
            assert value >= 0.0
            if expected == mpmath.inf or abs(expected) < 1e-40:
                assert value == (np.inf if expected == mpmath.inf else 0.0)
                continue
            worst[0] = max(worst[0], abs(mpf(float(value)) - expected) / expected / eps / max(1.0, 2.0 * order - 1.0))
            scaled = [mpf(float(g)) * one for g, one in zip(found[1][i, j], x, strict=True)]
            norm = mpmath.sqrt(sum(one * one for one in scaled))
            step = mpf(10) ** -20
            up, down = ([a * (1 + sign * step * mpf(w)) for a, w in zip(x, way, strict=True)] for sign in (1, -1))
            exact = (textbook(case, like, up, float(order)) - textbook(case, like, down, float(order))) / (2 * step)
            gap = abs(sum(g * mpf(w) for g, w in zip(scaled, way, strict=True)) - exact)
            worst[1] = max(worst[1], gap / norm / eps / max(1.0, 2.0 * order - 1.0) if norm else gap * mpf(10) ** 30)
    assert worst[0] <= case.value, worst
    assert worst[1] <= case.slope, worst


def line_renyi(p: Any, q: Any, order: jax.Array) -> jax.Array:
    """By the row itself: what p and q share is not looked at under a transformation."""
    p, q = aligned(*_structure.unified(p, q))
    return renyi_of(LINES[type(p), type(q)])(p, q, order)


# --- what follows from the powers ---------------------------------------------------------------------------

RELATED = {
    "Gamma": (powers.GAMMA, families.Gamma, (2.25, 1.5), (3.0, 1.25)),
    "Normal": (powers.NORMAL, families.Normal, (0.75, 1.5), (1.5, 1.75)),
    "Poisson": (powers.POISSON, families.Poisson, (3.5,), (4.25,)),
}
VERBS: dict[str, tuple[Callable[..., Any], float, Callable[[mpf], mpf]]] = {
    # The verb, its order, and what it is of Z = ∫pᵅq¹⁻ᵅ.
    "alpha, -0.5": (lambda p, q: kljax.alpha(p, q, order=-0.5), -0.5, lambda z: (z - 1) / mpf(0.75)),
    "alpha, 0.25": (lambda p, q: kljax.alpha(p, q, order=0.25), 0.25, lambda z: (1 - z) / mpf(0.1875)),
    "bhattacharyya": (kljax.bhattacharyya, 0.5, lambda z: -mpmath.log(z)),
    "chi_squared": (kljax.chi_squared, 2.0, lambda z: z - 1),
    "cressie_read": (
        lambda p, q: kljax.f_divergence(p, q, generators.cressie_read(0.5)),
        1.5,
        lambda z: (z - 1) / mpf(0.75),
    ),
    "neyman": (lambda p, q: kljax.f_divergence(p, q, generators.neyman), -1.0, lambda z: z - 1),
    "squared_hellinger": (kljax.squared_hellinger, 0.5, lambda z: 1 - z),
    "tsallis, 1.5": (lambda p, q: kljax.tsallis(p, q, order=1.5), 1.5, lambda z: 2 * (z - 1)),
    "tsallis, 0.5": (lambda p, q: kljax.tsallis(p, q, order=0.5), 0.5, lambda z: 2 * (1 - z)),
}


@pytest.mark.parametrize("name", RELATED)
@pytest.mark.full
def test_the_verbs_follow_from_the_powers(name: str) -> None:
    book, kind, p, far = RELATED[name]
    for dtype in (np.float32, np.float64):
        eps = float(np.finfo(dtype).eps)
        gaps = np.array(GAPS, dtype)[:, None]
        first, second = np.array(p, dtype), np.array(far, dtype)
        sides = np.broadcast_to(first, (len(GAPS), len(p))), first + gaps * (second - first)
        with jax.enable_x64(dtype == np.float64):
            a, b = (kind(*one.T) for one in sides)
            found = {verb: np.asarray(function(a, b)) for verb, (function, _, _) in VERBS.items()}
            edges = [kljax.alpha(a, b, order=1.0), kljax.kl(a, b), kljax.alpha(a, b, order=0.0), kljax.kl(b, a)]
        np.testing.assert_allclose(edges[0], edges[1], rtol=8 * eps)
        np.testing.assert_allclose(edges[2], edges[3], rtol=8 * eps)
        with mpmath.workdps(60):
            for verb, (_, order, form) in VERBS.items():
                for value, *pair in zip(found[verb], *sides, strict=True):
                    if (pair[0] == pair[1]).all():
                        assert value == 0.0
                        continue
                    exact = [[mpf(float(x)) for x in one] for one in pair]
                    expected = form(mpmath.exp(book(*exact, mpf(order))))
                    assert abs(mpf(float(value)) - expected) <= 64 * eps * abs(expected), (verb, pair)


@pytest.mark.full
def test_what_diverges_is_infinite_without_a_gradient() -> None:
    p, q = families.Normal(0.0, 1.0), families.Normal(jnp.array([0.0, 1.0]), jnp.array([0.5, 0.75]))
    value, slope = jax.value_and_grad(lambda p: kljax.chi_squared(p, q)[0])(p)
    assert value == jnp.inf
    assert slope.loc == 0.0
    assert slope.scale == 0.0
    assert np.isfinite(kljax.chi_squared(p, q)[1])
    dirichlet = [families.Dirichlet(jnp.array(one)) for one in ([1.0, 2.0], [2.5, 1.0])]
    assert kljax.chi_squared(*dirichlet) == jnp.inf
    assert kljax.renyi(families.Poisson(2.0), families.Poisson(0.0), order=1.5) == jnp.inf
    assert kljax.renyi(families.Pareto(2.0, 1.0), families.Pareto(2.0, 1.5), order=1.0) == jnp.inf
    covariances = [families.MultivariateNormal.from_covariance(jnp.zeros(2), s * jnp.eye(2)) for s in (3.0, 1.0)]
    assert kljax.chi_squared(*covariances) == jnp.inf


@pytest.mark.full
def test_limits_of_counts_and_chances() -> None:
    """Where one of the two is certain, ∫pᵅq¹⁻ᵅ is one term."""
    zero, two = families.Poisson(0.0), families.Poisson(2.0)
    np.testing.assert_allclose(kljax.bhattacharyya(zero, two), 1.0, rtol=1e-6)
    np.testing.assert_allclose(kljax.chi_squared(zero, two), np.exp(2.0) - 1.0, rtol=1e-6)
    sure, likely = families.Geometric(1.0), families.Geometric(0.25)
    np.testing.assert_allclose(kljax.bhattacharyya(sure, likely), 0.5 * np.log(4.0), rtol=1e-6)
    np.testing.assert_allclose(kljax.renyi(likely, sure, order=0.5), np.log(4.0), rtol=1e-6)
    assert kljax.renyi(likely, sure, order=1.5) == jnp.inf
    never, often = families.Binomial(3, 0.0), families.Binomial(3, 0.75)
    np.testing.assert_allclose(kljax.bhattacharyya(never, often), 1.5 * np.log(4.0), rtol=1e-6)
    assert kljax.bhattacharyya(never, families.Binomial(3, 1.0)) == jnp.inf
    pareto = families.Pareto(2.0, 1.0), families.Pareto(3.0, 1.5)
    np.testing.assert_allclose(
        kljax.bhattacharyya(*pareto), -float(powers.POWERS["Pareto"]([2, 1], [3, mpf(1.5)], mpf(0.5))), rtol=1e-6
    )
    slopes = [jax.grad(lambda pair: kljax.bhattacharyya(*pair))(pair) for pair in ((zero, two), (sure, likely))]
    assert all(np.isfinite(one).all() for one in jax.tree.leaves(slopes))


@pytest.mark.full
def test_orders_are_differentiable_and_mapped() -> None:
    p, q = families.Gamma(2.0, 1.0), families.Gamma(3.0, 1.5)
    orders = jnp.array([0.25, 0.75, 1.5])

    def value(order: jax.Array) -> jax.Array:
        return kljax.renyi(p, q, order=order)

    slopes = jax.vmap(jax.grad(value))(orders)
    for order, slope in zip(orders, slopes, strict=True):
        exact = mpmath.diff(lambda a: powers.GAMMA([2, 1], [3, mpf(1.5)], a) / (a - 1), mpf(float(order)))
        np.testing.assert_allclose(float(slope), float(exact), rtol=1e-5)
    assert np.isfinite(jax.grad(value)(1.0))


@pytest.mark.full
def test_a_shared_parameter_opens_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    p, q, other = (families.Laplace(loc, scale) for loc, scale in ((0.5, 1.0), (0.5, 2.0), (0.75, 2.0)))
    expected = powers.LAPLACE([mpf(0.5), 1], [mpf(0.5), 2], mpf(0.5))
    traced = jax.jit(kljax.bhattacharyya)
    np.testing.assert_allclose(traced(p, q), -float(expected), rtol=1e-6)
    log_p, log_q = (lambda x, m=m, s=s: -abs(x - m) / s - mpmath.log(2 * s) for m, s in ((0.5, 1), (0.75, 2)))
    mass = mpmath.quad(lambda x: mpmath.exp((log_p(x) + log_q(x)) / 2), [-mpmath.inf, 0.5, 0.75, mpmath.inf])
    np.testing.assert_allclose(traced(p, other), -float(mpmath.log(mass)), rtol=1e-6)

    def refuse(function: Any, *rest: Any) -> Any:
        assert function is _quadrature.bhattacharyya
        raise AssertionError("a closed form was left to quadrature")

    monkeypatch.setattr(_dispatch, "integrated", refuse)
    np.testing.assert_allclose(kljax.bhattacharyya(p, q), -float(expected), rtol=1e-6)
    with pytest.raises(AssertionError, match="left to quadrature"):
        kljax.bhattacharyya(p, other)


@pytest.mark.parametrize("name", ["Gamma", "InverseGaussian", "Lindley", "Pareto", "VonMises", "Weibull"])
def test_the_textbook_integrates(name: str) -> None:
    """Of the printed normalisers, ∫pᵅq¹⁻ᵅ by quadrature of the printed densities."""
    books = {**distributions.TEXTBOOK, **continuous.TEXTBOOK, **discrete.TEXTBOOK}
    case, order = CASES[name], mpf(0.3)
    p, q = ([mpf(float(x)) for x in one] for one in case.pairs()[0])
    ends = {"VonMises": [-mpmath.pi, 0, mpmath.pi], "Pareto": [1.5, 3, 10, mpmath.inf]}
    found = powers.of_densities(books[name].log_density, ends.get(name, [0, 1, 4, mpmath.inf]))(p, q, order)
    expected = case.book(p, q, order)
    assert abs(found - expected) <= mpf(10) ** -8 * abs(expected)
