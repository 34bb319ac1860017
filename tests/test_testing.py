"""kljax.testing passes what kljax ships, and catches each law when it is broken on purpose."""

from __future__ import annotations

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import mpmath as mp
import pytest
from sweeps import thinned

from kljax import generators, logits, probs
from kljax.testing import check_divergence, check_generator

SINGLE = [jnp.float32]

# --- What is shipped ----------------------------------------------------------------------------------------

SHIPPED = {
    **{
        name: getattr(generators, name)
        for name in (
            *("kl", "reverse_kl", "jeffreys", "squared_hellinger", "total_variation", "pearson", "neyman", "le_cam"),
            *("log1p_abs", "modified_gan", "arithmetic_geometric"),
        )
    },
    "jensen_shannon": generators.jensen_shannon(0.25),
    "scaled_jensen_shannon": generators.jensen_shannon(0.25, scaled=True),
    "skew_kl": generators.skew_kl(2.0**-20),
    "skew_reverse_kl": generators.skew_reverse_kl(0.1),
    "alpha": generators.alpha(1 - 2.0**-20),
    "cressie_read": generators.cressie_read(2 / 3),
    "tsallis": generators.tsallis(0.5),
    "t_power": generators.t_power(3.0),
    "skew": generators.skew(generators.pearson, 0.125),
    "combine": generators.combine((0.75, generators.kl), (0.5, generators.total_variation)),
    "symmetrise": generators.symmetrise(generators.pearson),
    "from_function": generators.from_function(lambda u: u * jnp.log(u)),
}


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.by_default("total_variation", "log1p_abs", "combine")
def test_the_shipped_generators_keep_the_laws(name):
    check_generator(SHIPPED[name], dtypes=SINGLE)


def test_squared_log_keeps_all_but_convexity():
    check_generator(generators.squared_log, dtypes=SINGLE, convex=False)
    with pytest.raises(AssertionError, match="f' never falls"):
        check_generator(generators.squared_log, dtypes=SINGLE)


@pytest.mark.full
def test_a_generator_is_checked_in_double_precision_too():
    check_generator(generators.le_cam)
    assert not jax.config.jax_enable_x64


VERBS = [
    *[(name, {}) for name in ("kl", "jeffreys", "squared_hellinger", "total_variation", "chi_squared", "le_cam")],
    *[("jensen_shannon", {"weight": 0.25}), ("skew_kl", {"weight": 0.25}), ("bhattacharyya", {})],
    *[("renyi", {"order": 0.5}), ("tsallis", {"order": 2.0}), ("alpha", {"order": 0.3})],
]


OFTEN = [("kl", {}), ("total_variation", {})]


@pytest.mark.parametrize("module", [probs, logits], ids=["probs", "logits"])
@pytest.mark.parametrize(("name", "options"), thinned(VERBS, OFTEN, spread=True), ids=[name for name, _ in VERBS])
@pytest.mark.full
def test_the_shipped_verbs_keep_the_laws(module, name, options):
    domain = module.__name__.rpartition(".")[2]
    check_divergence(functools.partial(getattr(module, name), **options), domain=domain, dtypes=SINGLE)


@pytest.mark.full
def test_a_divergence_is_checked_against_an_oracle_and_in_double_precision_too():
    def textbook(p, q):
        with mp.workdps(60):
            p, q = ([mp.mpf(float(x)) for x in row] for row in (p, q))
            return float(mp.fsum(a * mp.log(a / b) - a + b for a, b in zip(p, q, strict=True)))

    check_divergence(probs.kl, oracle=textbook)
    assert not jax.config.jax_enable_x64


# --- Broken on purpose --------------------------------------------------------------------------------------

kl = generators.kl


def changed(**forms):
    return dataclasses.replace(kl, name="broken", by_mass=None, **forms)


def naive(r):
    """(u log u - u + 1)/max(1, u) as it is written."""
    u = jnp.exp(r)
    return (u * r - u + 1.0) / jnp.maximum(u, 1.0)


BROKEN_GENERATORS = [
    ("f(1) = 0", changed(balanced=lambda r: kl.balanced(r) + 1e-3)),
    ("f'(1) = 0", changed(derivative=lambda r: r + 1.0)),
    ("never NaN", changed(balanced=lambda r: kl.balanced(r) + 0.0 * jnp.log(jnp.where(r < -80.0, -1.0, 1.0)))),
    ("f ≥ 0", changed(balanced=lambda r: kl.balanced(r) * jnp.where(r < 0.0, -1.0, 1.0))),
    ("f' is the derivative of f", changed(derivative=lambda r: 1.01 * r)),
    ("f - u f' is the coderivative", changed(coderivative=lambda r: 1.01 * kl.coderivative(r))),
    ("f' never falls", generators.squared_log),
    ("f(0) is the limit", changed(at_zero=1.5)),
    ("f(0) is the limit", changed(at_zero=math.inf)),
    ("lim f(u)/u is the limit", changed(at_infinity=2.0)),
    ("symmetric means f(u) = u f(1/u)", changed(symmetric=True)),
    ("f(u) + f*(f'(u)) = u f'(u)", changed(closed_conjugate=lambda t: 1.01 * jnp.expm1(t))),
    (
        "f* = ∞ beyond lim f(u)/u",
        dataclasses.replace(
            generators.squared_hellinger, name="broken", closed_conjugate=lambda t: t / (1.0 - 2.0 * t)
        ),
    ),
    ("digits near u = 1 (of f)", changed(balanced=lambda r: jnp.maximum(naive(r), 0.0))),
    (
        "digits near u = 1 (of f')",
        dataclasses.replace(generators.reverse_kl, name="broken", by_mass=None, derivative=lambda r: 1.0 - jnp.exp(-r)),
    ),
]


@pytest.mark.parametrize(("law", "generator"), BROKEN_GENERATORS, ids=[law for law, _ in BROKEN_GENERATORS])
def test_a_broken_generator_is_caught_and_the_law_named(law, generator):
    with pytest.raises(AssertionError) as failure:
        check_generator(generator, dtypes=SINGLE)
    assert f"“{law}”" in str(failure.value)


@pytest.mark.full
def test_a_broken_gradient_of_the_summand_is_caught():
    @jax.custom_jvp
    def wrong(r):
        return kl.balanced(r)

    @wrong.defjvp
    def _wrong_jvp(primals, tangents):  # but right to second order at p = q
        value, tangent = jax.jvp(kl.balanced, primals, tangents)
        return value, tangent * (1.0 + 0.1 * jnp.minimum(jnp.square(primals[0]), 1.0))

    with pytest.raises(AssertionError, match="the gradient is q f"):
        check_generator(changed(balanced=wrong), dtypes=SINGLE)


def test_a_failure_says_where_and_by_how_much():
    pattern = r"broken breaks .* in float32: at log u = .* it gives .* for .*, an error of .* eps where 32 are allowed"
    with pytest.raises(AssertionError, match=pattern):
        check_generator(changed(balanced=lambda r: jnp.maximum(naive(r), 0.0)), dtypes=SINGLE)
    with pytest.raises(TypeError, match="generator must be a generator"):
        check_generator(jnp.exp)


@jax.custom_jvp
def without_gradient_in_q(a, b):
    return logits.kl(a, b)


@without_gradient_in_q.defjvp
def _without_gradient_in_q(primals, tangents):
    a, b = primals
    return without_gradient_in_q(a, b), jax.jvp(lambda a: logits.kl(a, b), (a,), tangents[:1])[1]


def single(value):
    """A divergence that forgets the other dtypes."""
    return lambda a, b: value(a.astype(jnp.float32), b.astype(jnp.float32)).astype(jnp.bfloat16)


def wide(x):
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def with_a_step_in_its_gradient(a, b):
    return logits.kl(a, b) + 1e-3 * jnp.maximum(wide(a) - wide(b), 0.0).sum(-1)


def with_a_favourite(a, b):
    value = logits.kl(a, b)
    finite = jnp.isfinite(value)
    return jnp.where(finite, jnp.where(finite, value, 0.0) * (1.0 + jax.nn.softmax(wide(b))[..., 0]), value)


@jax.custom_vjp
def without_forward_mode(a, b):
    return logits.kl(a, b)


without_forward_mode.defvjp(lambda a, b: jax.vjp(logits.kl, a, b), lambda back, ct: back(ct))


@jax.custom_jvp
def zero_with_no_derivative(x):
    return jnp.zeros_like(x)


zero_with_no_derivative.defjvp(lambda primals, tangents: (jnp.zeros_like(primals[0]), jnp.nan * tangents[0]))


@jax.custom_jvp
def without_second_order(a, b):
    return logits.kl(a, b)


@without_second_order.defjvp
def _without_second_order(primals, tangents):
    value, tangent = jax.jvp(logits.kl, primals, tangents)
    return value, tangent * (1.0 + zero_with_no_derivative(value))


BROKEN_DIVERGENCES = [
    ("one number per row, in the dtype of the operands", single(logits.kl)),
    ("one number per row, in the dtype of the operands", lambda a, b: logits.kl(a, b).mean()),
    ("half precision is computed in float32", lambda a, b: logits.kl(a, b).astype(a.dtype)),
    ("D(p, p) = 0", lambda a, b: logits.kl(a, b) + 1e-6),
    ("D(p, p) has no gradient", with_a_step_in_its_gradient),
    ("never NaN", lambda a, b: jnp.where(jnp.isinf(b).any(-1), jnp.nan, logits.kl(a, b))),
    ("D ≥ 0", lambda a, b: logits.kl(a, b) - logits.jeffreys(a, b)),
    ("accurate", lambda a, b: logits.kl(a, b) * (1.0 if a.dtype == jnp.float64 else 1.0001)),
    ("a shift of the logits changes nothing", lambda a, b: logits.kl(a, b) * (1.0 + 1e-3 * jnp.abs(wide(a).max(-1)))),
    ("the order of outcomes changes nothing", with_a_favourite),
    ("jit changes nothing", lambda a, b: logits.kl(a, b) * (1.25 if isinstance(a, jax.core.Tracer) else 1.0)),
    ("vmap is a loop", lambda a, b: logits.kl(a, b) * (1.25 if a.ndim == 1 else 1.0)),
    ("the gradient is the derivative", without_gradient_in_q),
    ("forward and reverse mode agree", without_forward_mode),
    ("the Hessian is finite", without_second_order),
]


@pytest.mark.parametrize(("law", "divergence"), BROKEN_DIVERGENCES, ids=[law for law, _ in BROKEN_DIVERGENCES])
@pytest.mark.by_default("one number per row, in the dtype of the operands0", "D(p, p) has no gradient")
def test_a_broken_divergence_is_caught_and_the_law_named(law, divergence):
    with pytest.raises(AssertionError) as failure:
        check_divergence(divergence, domain="logits", dtypes=SINGLE)
    assert f"“{law}”" in str(failure.value)


@pytest.mark.parametrize("domain", ["probs", "logits"])
def test_the_common_formulas_are_caught(domain):
    """Log-softmax and subtract; p log p/q with a safe logarithm: neither is zero at p = q to the last digit, or stays
    above zero, or keeps its digits nearby."""

    def common(x, y):
        if domain == "logits":
            x, y = (jax.nn.log_softmax(z.astype(jnp.promote_types(z.dtype, jnp.float32))) for z in (x, y))
            return (jnp.exp(x) * (x - y)).sum(-1)
        x, y = (z.astype(jnp.promote_types(z.dtype, jnp.float32)) for z in (x, y))
        return (x * (jnp.log(x + 1e-12) - jnp.log(y + 1e-12))).sum(-1)

    with pytest.raises(AssertionError, match="breaks the law"):
        check_divergence(common, domain=domain, dtypes=SINGLE)


def test_a_domain_that_there_is_not():
    with pytest.raises(ValueError, match='domain must be "probs" or "logits"; got \'samples\''):
        check_divergence(probs.kl, domain="samples")
