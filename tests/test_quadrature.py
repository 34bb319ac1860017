"""Divergences by quadrature against mpmath's own, on textbook densities written out a second time."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from sweeps import thinned

from kljax import generators, quadrature

INF = math.inf
LINE = (-INF, INF)


# --- densities, for jax and for mpmath ----------------------------------------------------------------------


def _normal(xp, m, s):
    return lambda x: -(((x - m) / s) ** 2) / 2 - xp.log(s) - xp.log(2 * xp.pi) / 2


def _laplace(xp, m, s):
    return lambda x: -abs(x - m) / s - xp.log(2 * s)


def _student(xp, df):
    constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    if xp is mpmath:
        constant = mpmath.loggamma((df + 1) / mpf(2)) - mpmath.loggamma(mpf(df) / 2) - mpmath.log(df * mpmath.pi) / 2
    return lambda x: constant - (df + 1) / 2 * xp.log1p(x * x / df)


def _gumbel(xp, m, s):
    return lambda x: -(x - m) / s - xp.exp(-(x - m) / s) - xp.log(s)


def _logistic(xp, m, s):
    return lambda x: -abs(x - m) / s - 2 * xp.log1p(xp.exp(-abs(x - m) / s)) - xp.log(s)


def _gamma(xp, a, b):
    constant = a * math.log(b) - math.lgamma(a)
    if xp is mpmath:
        constant = a * mpmath.log(b) - mpmath.loggamma(a)
    return lambda x: constant + (a - 1) * xp.log(x) - b * x


def _log_normal(xp, m, s):
    return lambda x: -(((xp.log(x) - m) / s) ** 2) / 2 - xp.log(s) - xp.log(2 * xp.pi) / 2 - xp.log(x)


def _weibull(xp, k, scale):
    return lambda x: xp.log(k / scale) + (k - 1) * (xp.log(x) - xp.log(scale)) - (x / scale) ** k


def _beta(xp, a, b):
    constant = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    if xp is mpmath:
        constant = -mpmath.log(mpmath.beta(a, b))
    return lambda x: constant + (a - 1) * xp.log(x) + (b - 1) * xp.log1p(-x)


def _uniform(xp):
    return lambda x: 0.0 * x


def _mixture(xp, *parts):
    def density(x):
        logs = [xp.log(w) + one(x) for w, one in parts]
        top = functools.reduce(jnp.maximum if xp is jnp else max, logs)
        return top + xp.log(sum(xp.exp(one - top) for one in logs))

    return density


def _von_mises(xp, m, k):
    scaled = mpmath.log(2 * mpmath.pi * mpmath.besseli(0, k)) - k
    constant = scaled if xp is mpmath else float(scaled)
    return lambda x: k * (xp.cos(x - m) - 1) - constant


def _poisson(xp, rate):
    log_factorial = mpmath.loggamma if xp is mpmath else jax.lax.lgamma
    return lambda k: k * xp.log(rate) - rate - log_factorial(k + 1.0)


def _negative_binomial(xp, r, p):
    lg = mpmath.loggamma if xp is mpmath else jax.lax.lgamma
    constant = r * math.log1p(-p) - math.lgamma(r)
    if xp is mpmath:
        constant = r * mpmath.log1p(-mpf(p)) - mpmath.loggamma(r)
    return lambda k: lg(k + r) - lg(k + 1.0) + constant + k * xp.log(p)


def _two_bumps(xp, shift):
    return _mixture(xp, (0.25, _normal(xp, -20.0 + shift, 0.5)), (0.75, _normal(xp, 30.0 + shift, 2.0)))


# name: (p, q, support, hints, cuts for mpmath)
# Beyond the last cut at most than e^-60 is left, and the doubly exponential nodes of mpmath.quad would overflow.
CUTS = (-60, -25, -10, -6, -2, 0, 0.5, 1, 2, 6, 10, 25, 60)
GUMBEL = (-20, *CUTS[2:], 150)
WIDE = (-200, *CUTS, 200)
HEAVY = (-INF, -100, -10, -3, 0, 0.5, 3, 10, 100, INF)
MODES = (-60, -25, -22, -20, -18, -15, 0, 20, 26, 30, 34, 40, 70)
HALF = (0, 1e-3, 0.1, 0.5, 1, 2, 4, 8, 20, 60, 160)
LONG = (*HALF, 1e4, INF)
PAIRS = {
    "normal-laplace": (lambda xp: _normal(xp, 0.5, 1.5), lambda xp: _laplace(xp, 0.0, 1.0), LINE, {}, CUTS),
    "normal-student": (lambda xp: _normal(xp, 0.5, 1.5), lambda xp: _student(xp, 3), LINE, {}, HEAVY),
    "student-normal": (lambda xp: _student(xp, 5), lambda xp: _normal(xp, 0.5, 1.5), LINE, {}, HEAVY),
    "gumbel-normal": (
        lambda xp: _gumbel(xp, 0.5, 2.0),
        lambda xp: _normal(xp, 0.0, 1.5),
        LINE,
        {},
        (-20, *CUTS[2:], 150),
    ),
    "logistic-normal": (lambda xp: _logistic(xp, 0.0, 1.0), lambda xp: _normal(xp, 0.0, 1.5), LINE, {}, CUTS),
    "laplaces-normal": (
        lambda xp: _mixture(xp, (0.25, _laplace(xp, -2.0, 0.5)), (0.75, _laplace(xp, 1.0, 2.0))),
        lambda xp: _normal(xp, 0.0, 2.0),
        LINE,
        {},
        WIDE,
    ),
    "far-mixtures": (
        lambda xp: _two_bumps(xp, 0.0),
        lambda xp: _two_bumps(xp, 0.25),
        LINE,
        {"center": (-20.0, 30.0), "scale": (0.5, 2.0)},
        MODES,
    ),
    "gamma-lognormal": (
        lambda xp: _gamma(xp, 2.5, 1.0),
        lambda xp: _log_normal(xp, 0.5, 1.0),
        (0.0, INF),
        {},
        (*HALF, 1e4, INF),
    ),
    "weibull-exponential": (lambda xp: _weibull(xp, 1.75, 2.0), lambda xp: _gamma(xp, 1, 0.5), (0.0, INF), {}, HALF),
    "beta-uniform": (lambda xp: _beta(xp, 2.0, 3.5), _uniform, (0.0, 1.0), {}, (0, 0.5, 1)),
    "von-mises": (
        lambda xp: _von_mises(xp, 0.5, 3.0),
        lambda xp: _von_mises(xp, -1.0, 0.75),
        quadrature.circle,
        {},
        (-math.pi, -1, 0.5, math.pi),
    ),
}


@functools.cache
def exact(name: str, verb: str) -> mpf:
    make_p, make_q, _, _, cuts = PAIRS[name]
    p, q = make_p(mpmath), make_q(mpmath)

    def summand(x):
        # In units of the larger density, for neither may be zero.
        a, b = p(x), q(x)
        u, v = mpmath.exp(a), mpmath.exp(b)
        return {
            "kl": lambda: u * (a - b) - u + v,
            "squared_hellinger": lambda: (mpmath.exp(a / 2) - mpmath.exp(b / 2)) ** 2 / 2,
        }[verb]()

    with mpmath.workdps(24):
        return mpmath.quad(summand, [mpf(cut) if math.isfinite(cut) else cut for cut in cuts])


BOTH = ("student-normal", "far-mixtures", "beta-uniform", "von-mises")


CASES = [(name, "kl", True) for name in PAIRS]
CASES += [(name, "squared_hellinger", True) for name in BOTH] + [(name, "kl", False) for name in BOTH]
OFTEN = [*CASES[::2], *CASES[-2:]]


@pytest.mark.parametrize(("name", "verb", "double"), thinned(CASES, OFTEN, spread=True))
@pytest.mark.by_default("normal-laplace-kl-True", "far-mixtures-kl-False")
def test_values_lie_within_a_useful_bound(name, verb, double):
    make_p, make_q, support, hints, _ = PAIRS[name]
    with jax.enable_x64(double):
        p, q = make_p(jnp), make_q(jnp)
        value, error = jax.jit(lambda: getattr(quadrature, verb)(p, q, support=support, **hints))()
        truth = exact(name, verb)
        assert abs(mpf(float(value)) - truth) <= float(error)
        # In float32 the bound is that of the callables' own rounding: log p = -30 alone is known to 30 eps.
        assert float(error) <= (1e-10 if double else 1e-4) * float(value)
        assert abs(mpf(float(value)) - truth) <= (1e-11 if double else 2e-6) * truth


@pytest.mark.full
def test_poisson_from_negative_binomial():
    with jax.enable_x64(True), mpmath.workdps(30):
        support = quadrature.integers()
        found = jax.jit(
            lambda rate: quadrature.kl(_poisson(jnp, rate), _negative_binomial(jnp, 4.0, 0.5), support=support)
        )
        for rate in (3.0, 40.0):
            p, q = _poisson(mpmath, mpf(rate)), _negative_binomial(mpmath, mpf(4), mpf(0.5))
            truth = mpmath.fsum(mpmath.exp(p(k)) * (p(k) - q(k)) for k in map(mpf, range(400)))
            value, error = found(rate)
            assert abs(mpf(float(value)) - truth) <= float(error) <= 1e-10 * float(value)
        # 10⁶ events, where direct summation would need 10⁴ terms: KL(Poisson‖Poisson) has a closed form
        both = jax.jit(lambda a, b: quadrature.kl(_poisson(jnp, a), _poisson(jnp, b), support=support))
        value, error = both(1e6, 1.001e6)
        truth = 1e6 * (1e-3 - math.log1p(1e-3))
        assert abs(float(value) - truth) <= 1e-9 * truth  # log p itself is a sum of terms of 10⁷
        assert error <= 1e-9 * truth


# --- edges ----------------------------------------------------------------------------------------------------


def divergence(p, q, support=LINE, verb=quadrature.kl, **keywords):
    return jax.jit(lambda: verb(p, q, support=support, **keywords))()


@pytest.mark.parametrize(
    ("p", "q", "verb"),
    [
        (_student(jnp, 1), _normal(jnp, 0.0, 1.0), quadrature.kl),
        (_student(jnp, 2), _normal(jnp, 0.0, 1.0), quadrature.kl),
        (_student(jnp, 5), _normal(jnp, 0.0, 1.0), quadrature.chi_squared),
        (_normal(jnp, 0.0, 1.0), lambda x: jnp.where(x > 0.0, -x, -INF), quadrature.kl),
    ],
    ids=["cauchy", "student-2", "chi-squared", "support"],
)
@pytest.mark.by_default("cauchy", "chi-squared")
def test_what_diverges_is_infinite(p, q, verb):
    assert divergence(p, q, verb=verb) == (INF, 0.0)


@pytest.mark.full
def test_a_heavy_tail_beyond_the_last_node():
    # a fifth of the decay of 1/x: e^-8 of it is left where squares would overflow in float32
    value, error = divergence(_student(jnp, 2.2), _normal(jnp, 0.0, 1.0))
    df = mpf(2.2)
    with mpmath.workdps(30):
        scaled = mpmath.psi(0, (df + 1) / 2) - mpmath.psi(0, df / 2)
        entropy = (df + 1) / 2 * scaled + mpmath.log(mpmath.sqrt(df) * mpmath.beta(df / 2, 0.5))
        truth = df / (df - 2) / 2 + mpmath.log(2 * mpmath.pi) / 2 - entropy
    assert abs(mpf(float(value)) - truth) <= float(error) <= 1e-4 * truth


def test_equal_densities_are_at_zero():
    value, error = divergence(_normal(jnp, 0.3, 1.0), _normal(jnp, 0.3, 1.0))
    assert value == 0.0
    assert error == 0.0


def test_near_equal_densities_keep_relative_accuracy():
    with jax.enable_x64(True):
        value, error = divergence(_normal(jnp, 0.0, 1.0), _normal(jnp, 1e-5, 1.0))
        assert abs(float(value) - 5e-11) <= min(float(error), 1e-9 * 5e-11)


@pytest.mark.full
def test_narrow_and_far():
    with jax.enable_x64(True):
        p, q = _normal(jnp, 1e4, 1e-6), _normal(jnp, 0.0, 1.0)
        hints = {"center": (1e4, 0.0), "scale": (1e-6, 1.0)}
        value, error = divergence(p, q, **hints)
        truth = (1e-12 + 1e8 - 1.0) / 2 + math.log(1e6)
        # The nodes near 10⁴ are multiples of 2e-12, which is 2e-6 of the scale.
        assert abs(float(value) - truth) <= float(error) <= 1e-6 * truth
        value, error = divergence(p, q, verb=quadrature.bhattacharyya, **hints)
        truth = 0.25 * 1e8 / (1 + 1e-12) + 0.5 * math.log((1 + 1e-12) / 2e-6)
        assert abs(float(value) - truth) <= float(error) <= 1e-8 * truth


@pytest.mark.full
def test_a_missed_mode_is_not_a_silent_number():
    p = _mixture(jnp, (0.5, _normal(jnp, 0.0, 1.0)), (0.5, _normal(jnp, 3e5, 0.01)))
    assert divergence(p, _normal(jnp, 0.0, 1.0)).error == INF


@pytest.mark.full
def test_renyi():
    with jax.enable_x64(True):

        @jax.jit
        def renyi(order, mean):
            p, q = _normal(jnp, jnp.zeros_like(mean), 1.0), _normal(jnp, mean, 1.0)
            return quadrature.renyi(p, q, order=order, support=LINE)

        for order in (0.3, 0.999999, 1.0, 1.000001, 1.4):
            for mean in (1e-4, 3.0):
                value, error = renyi(order, mean)
                assert abs(float(value) - order * mean**2 / 2) <= min(float(error), 1e-8 * float(value))


def test_entropies_and_means():
    with jax.enable_x64(True):
        p, q = _normal(jnp, 0.5, 2.0), _normal(jnp, 0.0, 1.0)
        entropy, cross, mean = jax.jit(
            lambda: [
                quadrature.entropy(p, support=LINE),
                quadrature.cross_entropy(p, q, support=LINE),
                quadrature.expectation(lambda x: x**3, p, support=LINE),
            ]
        )()
        truths = (0.5 + math.log(2 * math.sqrt(2 * math.pi)), 0.5 * (4.25 + math.log(2 * math.pi)), 0.125 + 6.0)
        for (value, error), truth in zip((entropy, cross, mean), truths, strict=True):
            assert abs(float(value) - truth) <= float(error) <= 1e-10 * truth


# --- derivatives, batches, errors ------------------------------------------------------------------------------


@pytest.mark.parametrize("double", [False, True])
def test_panels_are_halved_until_the_integrand_is_resolved(double):
    """E 1/(1 + c²x²) = √(π/2) exp(1/2c²) erfc(1/(c√2))/c of a standard normal, whose density is smooth long before."""
    with jax.enable_x64(double):
        for c in (30.0, 300.0):
            found = quadrature.expectation(
                lambda x, c: 1.0 / (1.0 + jnp.square(c * x)),
                lambda x, c: jax.scipy.stats.norm.logpdf(x),
                support=LINE,
                args=(c,),
            )
            truth = math.sqrt(math.pi / 2.0) / c * math.exp(0.5 / c**2) * math.erfc(1.0 / (c * math.sqrt(2.0)))
            np.testing.assert_allclose(found.value, truth, rtol=1e-14 if double else 1e-6)
            assert abs(float(found.value) - truth) <= found.error <= (1e-11 if double else 1e-5) * truth


def test_derivatives_in_every_mode():
    def kl(t):
        value, _ = quadrature.kl(_normal(jnp, t[0], t[1]), _normal(jnp, t[2], t[3]), support=LINE)
        return value

    def closed(t):
        return jnp.log(t[3] / t[1]) + (t[1] ** 2 + (t[0] - t[2]) ** 2) / (2.0 * t[3] ** 2) - 0.5

    with jax.enable_x64(True):
        t = jnp.array([0.3, 1.2, -0.4, 0.8])
        expected = jax.grad(closed)(t), jax.hessian(closed)(t)
        found = jax.jit(lambda t: (jax.grad(kl)(t), jax.jacfwd(kl)(t), jax.hessian(kl)(t), jax.jacrev(jax.grad(kl))(t)))
        reverse, forward, over_reverse, reverse_reverse = found(t)
        np.testing.assert_allclose(reverse, expected[0], rtol=1e-11)
        np.testing.assert_allclose(forward, expected[0], rtol=1e-11)
        np.testing.assert_allclose(over_reverse, expected[1], rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(reverse_reverse, expected[1], rtol=1e-10, atol=1e-11)


def test_an_end_of_the_support_that_moves():
    def kl(b):
        p, q = lambda x: -jnp.log(b) + 0.0 * x, lambda x: -x - jnp.log(-jnp.expm1(-b))
        return quadrature.kl(p, q, support=(0.0, b)).value

    def closed(b):
        return 0.5 * b - jnp.log(b) + jnp.log(-jnp.expm1(-b))

    with jax.enable_x64(True):
        b = jnp.asarray(3.0)
        first, second = jax.jit(lambda b: (jax.grad(kl)(b), jax.grad(jax.grad(kl))(b)))(b)
        np.testing.assert_allclose(first, jax.grad(closed)(b), rtol=1e-11)
        np.testing.assert_allclose(second, jax.grad(jax.grad(closed))(b), rtol=1e-10)


def test_batches_vmap_and_eager_agree():
    loc = jnp.array([0.0, 1.0, 2.0])

    def one(m):
        return quadrature.kl(_normal(jnp, m, 2.0), _normal(jnp, 0.0, 1.0), support=LINE, center=m).value

    mapped = jax.jit(jax.vmap(one))(loc)
    batched = quadrature.kl(_normal(jnp, loc[:, None], 2.0), _normal(jnp, 0.0, 1.0), support=LINE, center=loc)
    truth = 0.5 * (4.0 + np.array([0.0, 1.0, 4.0]) - 1.0) - math.log(2.0)
    np.testing.assert_allclose(mapped, truth, rtol=1e-6)
    np.testing.assert_allclose(batched.value, truth, rtol=1e-6)
    assert batched.error.shape == (3,)


ERRORS = {
    "support": (TypeError, "support must be a pair", lambda f: quadrature.kl(f, f, support=3.0)),
    "order of ends": (ValueError, "low < high", lambda f: quadrature.kl(f, f, support=(1.0, 1.0))),
    "no function": (TypeError, "log_q must be a function", lambda f: quadrature.kl(f, 1.0, support=LINE)),
    "shape": (ValueError, "log_p must be elementwise", lambda f: quadrature.kl(lambda x: f(x).sum(), f, support=LINE)),
    "integer": (TypeError, "int", lambda f: quadrature.kl(lambda x: jnp.round(x).astype(int), f, support=LINE)),
    "complex": (TypeError, "complex", lambda f: quadrature.kl(lambda x: jax.lax.complex(x, x), f, support=LINE)),
    "scale": (ValueError, "scale must be positive", lambda f: quadrature.kl(f, f, support=LINE, scale=0.0)),
    "points": (ValueError, "points must have shape", lambda f: quadrature.kl(f, f, support=LINE, points=1.0)),
    "counts": (
        ValueError,
        "as many entries",
        lambda f: quadrature.kl(f, f, support=LINE, center=(0.0, 1.0), scale=(1.0, 1.0, 1.0)),
    ),
    "generator": (TypeError, "generator must be", lambda f: quadrature.f_divergence(f, f, "kl", support=LINE)),
    "order": (ValueError, "order must lie", lambda f: quadrature.renyi(f, f, order=0.0, support=LINE)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_bad_arguments(name):
    kind, said, call = ERRORS[name]
    with pytest.raises(kind, match=said):
        call(_normal(jnp, 0.0, 1.0))


def test_any_generator():
    value, error = divergence(
        _normal(jnp, 0.0, 1.0), _normal(jnp, 0.5, 1.0), verb=quadrature.f_divergence, generator=generators.reverse_kl
    )
    assert abs(float(value) - 0.125) <= min(float(error), 1e-6)
