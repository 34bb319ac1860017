"""Distribution functions, quantiles, modes and standard deviations against scipy on the same numbers.

Limits in eps: 64 for a distribution function, absolutely, which is what the incomplete gamma and beta functions need;
a quantile may be off by what that makes of it, 64 eps over the density, and by 64 eps of itself.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats
from sweeps import thinned

from kljax import families
from kljax._special.incomplete import incomplete_beta, incomplete_gamma
from kljax.families import Affine, Exp, Mixture, Transformed

# Parameters, and what scipy makes of them.
CASES: dict[str, tuple[tuple[float, ...], Any]] = {
    "Bernoulli": ((0.3,), stats.bernoulli),
    "Beta": ((0.7, 2.5), stats.beta),
    "Binomial": ((12.0, 0.35), stats.binom),
    "Cauchy": ((0.5, 1.5), stats.cauchy),
    "Chi": ((3.5,), stats.chi),
    "Chi2": ((0.8,), stats.chi2),
    "Exponential": ((2.5,), lambda rate: stats.expon(0.0, 1.0 / rate)),
    "Gamma": ((2.25, 1.5), lambda a, rate: stats.gamma(a, 0.0, 1.0 / rate)),
    "Geometric": ((0.2,), lambda p: stats.geom(p, -1)),
    "Gumbel": ((0.5, 1.5), stats.gumbel_r),
    "HalfCauchy": ((1.5,), lambda s: stats.halfcauchy(0.0, s)),
    "HalfNormal": ((1.5,), lambda s: stats.halfnorm(0.0, s)),
    "InverseGamma": ((2.25, 1.5), lambda a, s: stats.invgamma(a, 0.0, s)),
    "InverseGaussian": ((1.5, 2.5), lambda m, c: stats.invgauss(m / c, 0.0, c)),
    "Laplace": ((0.5, 1.5), stats.laplace),
    "LogNormal": ((0.5, 0.75), lambda m, s: stats.lognorm(s, 0.0, np.exp(m))),
    "LogUniform": ((0.5, 4.0), stats.loguniform),
    "Logarithmic": ((0.7,), stats.logser),
    "Logistic": ((0.5, 1.5), stats.logistic),
    "Moyal": ((0.5, 1.5), stats.moyal),
    "NegativeBinomial": ((3.5, 0.4), stats.nbinom),
    "Normal": ((0.5, 1.5), stats.norm),
    "Pareto": ((2.75, 1.5), lambda a, m: stats.pareto(a, 0.0, m)),
    "Poisson": ((3.5,), stats.poisson),
    "Rayleigh": ((1.5,), lambda s: stats.rayleigh(0.0, s)),
    "StudentT": ((3.5, 0.25, 1.5), stats.t),
    "TruncatedNormal": ((0.5, 1.5, -1.0, 3.0), lambda m, s, a, b: stats.truncnorm((a - m) / s, (b - m) / s, m, s)),
    "Uniform": ((-1.25, 2.5), lambda a, b: stats.uniform(a, b - a)),
    "Weibull": ((1.75, 1.5), lambda k, s: stats.weibull_min(k, 0.0, s)),
    "BetaBinomial": ((7.0, 1.5, 2.5), stats.betabinom),
    "DiscreteUniform": ((1.0, 6.0), lambda a, b: stats.randint(a, b + 1)),
    "FisherSnedecor": ((3.0, 8.0), stats.f),
    "GeneralizedExtremeValue": ((0.5, 1.5, 0.2), lambda m, s, c: stats.genextreme(-c, m, s)),
    "GeneralizedPareto": ((0.5, 1.5, -0.2), lambda m, s, c: stats.genpareto(c, m, s)),
    "Skellam": ((3.0, 2.0), stats.skellam),
    "SkewNormal": ((0.5, 1.5, -3.0), lambda m, s, a: stats.skewnorm(a, m, s)),
    "Triangular": ((0.0, 4.0, 1.0), lambda a, b, c: stats.triang((c - a) / (b - a), a, b - a)),
    "Zipf": ((4.5,), stats.zipf),
}
# What scipy lacks: 1 - (1 - xᵃ)ᵇ and the like, in closed form.
FORMULAS: dict[str, tuple[tuple[float, ...], Any]] = {
    "ContinuousBernoulli": ((2.5,), lambda x, eta: np.expm1(eta * x) / np.expm1(eta)),
    "Kumaraswamy": ((2.25, 1.5), lambda x, a, b: 1.0 - (1.0 - x**a) ** b),
    "Lindley": ((1.5,), lambda x, t: 1.0 - (1.0 + t * x / (1.0 + t)) * np.exp(-t * x)),
    "LogitNormal": ((0.5, 1.5), lambda x, m, s: stats.norm.cdf((np.log(x / (1.0 - x)) - m) / s)),
}
ORDINARY = ["Bernoulli", "Beta", "Cauchy", "InverseGaussian", "LogUniform", "Moyal", "Normal", "Poisson", "StudentT"]
COUNTED = {"BetaBinomial", "Binomial", "NegativeBinomial"}  # whose count is no array
DISCRETE = {
    *("Bernoulli", "BetaBinomial", "Binomial", "DiscreteUniform", "Geometric", "Logarithmic", "NegativeBinomial"),
    *("Poisson", "Skellam", "Zipf"),
}
SHARES = np.array([1e-9, 1e-4, 0.05, 0.3, 0.5, 0.8, 0.999, 1.0 - 1e-6])


def record(name: str, parameters: Any) -> Any:
    kind = getattr(families, name)
    return kind(*(x if i == 0 and name in COUNTED else jnp.asarray(x) for i, x in enumerate(parameters)))


@pytest.mark.parametrize("name", thinned(sorted(CASES), ORDINARY))
@pytest.mark.by_default("Normal", "Bernoulli", "Poisson", "InverseGaussian")
def test_cdf_and_quantile_are_scipys(name: str) -> None:
    numbers, make = CASES[name]
    frozen = make(*numbers)
    for dtype in (np.float64, np.float32):
        eps = float(np.finfo(dtype).eps)
        shares = SHARES[2:-1] if dtype == np.float32 else SHARES
        places = frozen.ppf(shares).astype(dtype)
        with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):
            one = record(
                name,
                np.asarray(numbers, dtype) if name not in COUNTED else numbers,
            )
            cdf, quantile = jax.jit(lambda one, x: one.cdf(x)), jax.jit(lambda one, u: one.quantile(u))
            share, place = np.asarray(cdf(one, places)), np.asarray(quantile(one, shares.astype(dtype)))
            assert share.dtype == place.dtype == dtype
            np.testing.assert_allclose(share, frozen.cdf(places.astype(float)), rtol=0, atol=64 * eps)
            if name in DISCRETE:
                # The least k with F(k) ≥ u: where F(k) is u itself, to rounding, either of two.
                np.testing.assert_array_equal(np.asarray(quantile(one, share)), places)
                assert (np.asarray(cdf(one, place)) >= shares - 4 * eps).all()
            else:
                density = np.exp(np.asarray(jax.jit(lambda one, x: one.log_prob(x))(one, place), float))
                exact = frozen.ppf(shares.astype(dtype).astype(float))
                slack = 64 * eps * (np.abs(exact) + 1.0 / density + np.abs(numbers[0]))
                assert (np.abs(place - exact) <= slack).all(), (place, exact)
            low, high = frozen.support()
            far = np.array([low - 1.0, high + 1.0, -np.inf, np.inf], dtype)
            np.testing.assert_array_equal(np.asarray(cdf(one, far))[2:], [0.0, 1.0])
            if np.isfinite(low):
                assert np.asarray(cdf(one, far))[0] == 0.0
            if np.isfinite(high):
                assert np.asarray(cdf(one, far))[1] == 1.0
        with jax.enable_x64(dtype == np.float64):
            ends = np.asarray(record(name, numbers).quantile(np.array([0.0, 1.0, -0.1, 1.1], dtype)))
            assert np.isnan(ends[2:]).all()
            if name not in DISCRETE:
                np.testing.assert_allclose(ends[:2], [low, high], rtol=1e-6)


@pytest.mark.parametrize("name", sorted(FORMULAS))
@pytest.mark.by_default("Kumaraswamy", "Lindley")
def test_cdf_and_quantile_are_the_formula(name: str) -> None:
    numbers, form = FORMULAS[name]
    with jax.enable_x64(True), jax.debug_nans(True):
        one = record(name, numbers)
        places = np.asarray(one.quantile(SHARES))
        np.testing.assert_allclose(form(places, *numbers), SHARES, rtol=0, atol=1e-14)
        np.testing.assert_allclose(one.cdf(places), SHARES, rtol=0, atol=1e-14)


@pytest.mark.full
def test_von_mises_is_scipys_from_minus_pi() -> None:
    x = np.linspace(-3.1, 3.1, 9)
    with jax.enable_x64(True):
        for k in (0.0, 0.5, 4.0, 30.0):  # scipy takes a normal distribution from 50 on
            for loc in (0.0, 1.0, -2.5):
                one = families.VonMises(loc, k)
                frozen = stats.vonmises(k, loc) if k else stats.uniform(-np.pi, 2.0 * np.pi)
                exact = frozen.cdf(x) - frozen.cdf(-np.pi)
                np.testing.assert_allclose(one.cdf(x), exact, rtol=0, atol=2e-10)  # scipy's series stops at 1e-10
                # where F has digits, and 1 - F: within six widths of the mode
                near = np.abs(np.exp(1j * (x - loc)) - 1.0) * np.sqrt(k) < 5.0
                np.testing.assert_allclose(one.quantile(one.cdf(x))[near], x[near], atol=1e-6)
        ratio = special.i1(4.0) / special.i0(4.0)
        assert families.VonMises(0.0, 4.0).stddev == pytest.approx(np.sqrt(-2.0 * np.log(ratio)), rel=1e-6)


# Derivatives in the parameters, where scipy has a continuous one.
SMOOTH = sorted({*CASES, *FORMULAS} - {"Bernoulli", "BetaBinomial", "Binomial", "DiscreteUniform"})


@pytest.mark.parametrize("name", thinned(SMOOTH, ["Weibull"]))
def test_derivatives_are_those_of_differences(name: str) -> None:
    numbers, make = {**CASES, **FORMULAS}[name]
    numbers = tuple(float(x) for x in numbers)

    def exact(x: Any, values: Any) -> Any:
        return make(x, *values) if name in FORMULAS else make(*values).cdf(x)

    with jax.enable_x64(True):
        fixed = name == "NegativeBinomial"

        def build(values: Any) -> Any:
            return getattr(families, name)(*((numbers[0], *values) if fixed else values))

        free = jnp.asarray(numbers[1:] if fixed else numbers)
        # Not the median, where differences across the kink of a Laplace density are of first order.
        x = np.asarray(record(name, numbers).quantile(np.array([0.2, 0.55, 0.9])))
        slopes = np.asarray(jax.jit(jax.jacobian(lambda v: build(v).cdf(x)))(free))
        for i in range(len(free)):
            at = i + fixed
            step = 1e-5 * (1.0 + abs(numbers[at]))
            up, down = ([*numbers[:at], numbers[at] + way * step, *numbers[at + 1 :]] for way in (1, -1))
            np.testing.assert_allclose(
                slopes[:, i], (exact(x, up) - exact(x, down)) / (2.0 * step), rtol=2e-6, atol=1e-8
            )
        if name in DISCRETE:
            return
        one = record(name, numbers)
        in_x = jax.jit(jax.vmap(jax.grad(one.cdf)))(x)
        np.testing.assert_allclose(in_x, np.exp(one.log_prob(x)), rtol=1e-12)
        # F(Q(u)) = u whatever the parameters, to second order.
        back = jax.jit(jax.hessian(lambda v: build(v).cdf(build(v).quantile(jnp.float64(0.3)))))
        assert np.abs(back(free)).max() < 1e-10
        in_u = jax.vmap(jax.grad(one.quantile))(np.asarray(one.cdf(x)))
        np.testing.assert_allclose(in_u * np.exp(one.log_prob(x)), 1.0, rtol=1e-9)


def test_a_batch_under_jit() -> None:
    one = families.Gamma(jnp.array([[0.5], [2.0], [1e6]]), jnp.array([1.0, 3.0]))
    u = jnp.array([0.1, 0.7])
    found = jax.jit(lambda one, u: one.quantile(u))(one, u)
    assert found.shape == (3, 2)
    exact = stats.gamma.ppf(np.asarray(u, float), np.array([[0.5], [2.0], [1e6]]), scale=[1.0, 1.0 / 3.0])
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    mapped = jax.vmap(lambda a: families.Gamma(a, 3.0).cdf(0.5))(jnp.array([0.5, 2.0]))
    np.testing.assert_allclose(mapped, stats.gamma.cdf(1.5, [0.5, 2.0]), rtol=1e-5)


@pytest.mark.full
def test_categories_points_mixtures_and_images() -> None:
    with jax.enable_x64(True):
        rows = families.Categorical(logits=jnp.log(jnp.array([[0.2, 0.5, 0.3], [0.6, 0.0, 0.4]])))
        np.testing.assert_allclose(rows.cdf(1.0), [0.7, 0.6], rtol=1e-14)
        np.testing.assert_array_equal(rows.quantile(0.65), [1.0, 2.0])
        np.testing.assert_array_equal(rows.mode, [1.0, 0.0])
        seen = families.Empirical(jnp.array([3.0, 1.0, 1.0, 2.0]))
        np.testing.assert_array_equal(seen.cdf(jnp.array([0.0, 1.0, 2.5, 3.0])), [0.0, 0.5, 0.75, 1.0])
        assert seen.quantile(0.6) == 2.0
        assert seen.mode == 1.0
        assert families.Delta(2.0).quantile(0.5) == 2.0
        mixed = Mixture(families.Normal(jnp.array([-1.0, 2.0]), jnp.array([1.0, 0.5])), jnp.array([0.75, 0.25]))
        exact = 0.75 * stats.norm.cdf(0.3, -1.0, 1.0) + 0.25 * stats.norm.cdf(0.3, 2.0, 0.5)
        np.testing.assert_allclose(mixed.cdf(0.3), exact, rtol=1e-14)
        np.testing.assert_allclose(mixed.cdf(mixed.quantile(0.9)), 0.9, rtol=1e-14)
        for scale in (2.0, -2.0):
            image = Transformed(families.Gumbel(0.5, 1.5), Affine(1.0, scale))
            frozen = stats.gumbel_r(1.0 + 2.0 * 0.5, 3.0) if scale > 0.0 else stats.gumbel_l(1.0 - 2.0 * 0.5, 3.0)
            np.testing.assert_allclose(image.cdf(1.5), frozen.cdf(1.5), rtol=1e-13)
            np.testing.assert_allclose(image.quantile(0.2), frozen.ppf(0.2), rtol=1e-13)
            turned = Transformed(families.Poisson(3.5), Affine(1.0, scale))
            draws = 1.0 + scale * np.arange(60)
            exact = stats.poisson.pmf(np.arange(60), 3.5)[draws <= 0.0].sum()
            np.testing.assert_allclose(turned.cdf(0.0), exact, atol=1e-15)
        raised = Transformed(families.Normal(0.5, 0.75), Exp())
        np.testing.assert_allclose(
            raised.cdf(jnp.array([-1.0, 1.5])), [0.0, stats.lognorm.cdf(1.5, 0.75, 0, np.exp(0.5))]
        )


MODES = sorted(
    name for name in {*CASES, *FORMULAS} - {"DiscreteUniform", "LogitNormal", "Skellam", "SkewNormal", "Uniform"}
)


@pytest.mark.parametrize("name", thinned(MODES, ["Beta", "InverseGaussian", "NegativeBinomial", "Weibull"]))
@pytest.mark.by_default("InverseGaussian", "NegativeBinomial", "Weibull")
def test_nothing_is_likelier_than_the_mode(name: str) -> None:
    numbers, _ = {**CASES, **FORMULAS}[name]
    with jax.enable_x64(True):
        one = record(name, numbers)
        mode, width = float(one.mode), float(one.quantile(0.75) - one.quantile(0.25))
        steps = np.array([-1.0, 0.0, 1.0]) if name in DISCRETE else np.array([-0.2, -1e-3, 0.0, 1e-3, 0.2]) * width
        values = np.asarray(one.log_prob(mode + steps))
    if np.isfinite(mode) and np.isfinite(values[len(steps) // 2]):
        # Two counts may be as likely.
        assert values[len(steps) // 2] >= values.max() - 1e-14 * abs(values.max()), (mode, values)


def test_modes_and_deviations_of_the_rest() -> None:
    assert np.isnan(families.Beta(0.5, 0.5).mode)
    assert families.Beta(0.5, 2.0).mode == 0.0
    assert families.Gamma(0.5, 2.0).mode == 0.0
    np.testing.assert_allclose(families.Dirichlet(jnp.array([2.0, 3.0, 4.0])).mode, np.array([1.0, 2.0, 3.0]) / 6.0)
    scale = jnp.array([[2.0, 0.5], [0.5, 1.0]])
    np.testing.assert_allclose(families.Wishart(5.0, scale).mode, 2.0 * scale)
    np.testing.assert_allclose(families.InverseWishart(5.0, scale).mode, scale / 8.0)
    for name in ("Gamma", "Poisson", "StudentT", "Weibull"):
        numbers, make = CASES[name]
        exact = make(*numbers).std()
        if np.isfinite(exact):
            np.testing.assert_allclose(record(name, numbers).stddev, exact, rtol=2e-5)
    product = families.Product({"x": families.Normal(0.0, 2.0), "k": families.Poisson(4.0)})
    assert product.stddev == {"x": 2.0, "k": 2.0}
    assert product.mode == {"x": 0.0, "k": 4.0}


def test_incomplete_functions_at_any_size() -> None:
    """Against scipy to 64 eps, absolutely, and √(a + b) eps, which x itself is worth where a and b are large."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        eps = float(np.finfo(dtype).eps)
        with jax.enable_x64(dtype == np.float64):
            # scipy's own is right to 1e-10 only, far out for a from 1e5 on.
            a = (10.0 ** rng.uniform(-6.0, 4.0, 4000)).astype(dtype)
            x = (a * np.exp(rng.normal(size=4000) * np.minimum(3.0 / np.sqrt(a), 8.0))).astype(dtype)
            lower, upper = jax.jit(incomplete_gamma)(a, x)
            np.testing.assert_allclose(lower, special.gammainc(a.astype(float), x.astype(float)), rtol=0, atol=64 * eps)
            np.testing.assert_allclose(
                upper, special.gammaincc(a.astype(float), x.astype(float)), rtol=0, atol=64 * eps
            )
            a, b = (10.0 ** rng.uniform(-4.0, 7.0, (2, 4000))).astype(dtype)
            logit = np.log(a / b) + rng.normal(size=4000) * 2.0 * np.sqrt(1.0 / a + 1.0 / b)
            x = (1.0 / (1.0 + np.exp(-np.clip(logit, -14.0, 14.0)))).astype(dtype)
            lower, upper = jax.jit(incomplete_beta)(a, b, x, 1 - x)
            limit = eps * (64.0 + np.sqrt(a + b))
            wide = [one.astype(float) for one in (a, b, x)]
            assert (np.abs(lower - special.betainc(*wide)) <= limit).all()
            assert (np.abs(upper - special.betaincc(*wide)) <= limit).all()
