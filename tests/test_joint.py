"""Information in joint tables, the terms of a divergence, perplexity: beside 50-digit arithmetic on the exact input."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import kljax
from kljax import families, logits, probs

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
mp = mpmath.mp.clone()
mp.dps = 50


def numbers(table) -> list[list[mpmath.mpf]]:
    return [[mp.mpf(float(x)) for x in row] for row in np.asarray(table)]


def sums(cells):
    a, b = [mp.fsum(row) for row in cells], [mp.fsum(column) for column in zip(*cells, strict=True)]
    return a, b, mp.fsum(a)


def information(table) -> tuple[float, np.ndarray]:
    """(Σ J log(J T/ab), its derivative), by the definition."""
    cells = numbers(table)
    a, b, total = sums(cells)
    logs = [
        [mp.log(x * total / (a[i] * b[j])) if x else mp.zero for j, x in enumerate(row)] for i, row in enumerate(cells)
    ]
    value = mp.fsum(x * y for row, line in zip(cells, logs, strict=True) for x, y in zip(row, line, strict=True))
    return float(value), np.array(logs, dtype=np.float64)


def remaining(table) -> tuple[float, np.ndarray]:
    """(Σ J log(a/J), its derivative), by the definition."""
    cells = numbers(table)
    a, _, _ = sums(cells)
    logs = [[mp.log(a[i] / x) if x else mp.zero for x in row] for i, row in enumerate(cells)]
    value = mp.fsum(x * y for row, line in zip(cells, logs, strict=True) for x, y in zip(row, line, strict=True))
    return float(value), np.array(logs, dtype=np.float64)


def table(rng, shape, distance, dtype):
    joint = np.outer(rng.dirichlet(np.full(shape[0], 0.5)), rng.dirichlet(np.full(shape[1], 0.5)))
    joint *= np.exp(distance * rng.normal(size=shape))
    return (joint / joint.sum()).astype(dtype)


@DTYPES
@pytest.mark.parametrize("distance", [1.0, 1e-2, 1e-4, 1e-6])
@pytest.mark.by_default(
    "1.0-float32", "0.01-float32", "0.01-float64", "0.0001-float32", "0.0001-float64", "1e-06-float32", "1e-06-float64"
)
def test_information_keeps_its_digits_near_independence(dtype, distance):
    """Eight roundings of the terms and their sum; where u - 1 rounds to a few digits of J itself, no more."""
    eps = float(np.finfo(dtype).eps)
    rng = np.random.default_rng(0)
    with jax.enable_x64(dtype is np.float64):
        for shape in ((2, 2), (20, 30)):
            joint = table(rng, shape, distance, dtype)
            for function, oracle in ((probs.mutual_information, information), (probs.conditional_entropy, remaining)):
                value, slope = jax.value_and_grad(function)(jnp.asarray(joint))
                wanted, in_joint = oracle(joint)
                assert value.dtype == dtype
                np.testing.assert_allclose(value, wanted, rtol=16 * eps)
                np.testing.assert_allclose(slope, in_joint, rtol=0.0, atol=16 * eps * np.abs(in_joint).max())


@DTYPES
@pytest.mark.by_default("float32")
def test_a_product_says_nothing_and_a_bijection_all(dtype):
    with jax.enable_x64(dtype is np.float64):
        powers = jnp.outer(jnp.array([0.5, 0.25, 0.25], dtype), jnp.array([0.75, 0.25], dtype))
        value, slope = jax.value_and_grad(probs.mutual_information)(powers)
        assert value == 0.0
        np.testing.assert_array_equal(slope, np.zeros((3, 2)))
        one_to_one = jnp.eye(4, dtype=dtype) / 4
        np.testing.assert_allclose(probs.mutual_information(one_to_one), np.log(4.0), rtol=4 * jnp.finfo(dtype).eps)
        assert probs.conditional_entropy(one_to_one) == 0.0
        # Both nearly: what is left to learn is small, and right.
        nearly = jnp.array([[0.5, 1e-7], [2e-9, 0.5]], dtype)
        rtol = 16 * jnp.finfo(dtype).eps
        np.testing.assert_allclose(probs.conditional_entropy(nearly), remaining(nearly)[0], rtol=rtol)
        np.testing.assert_allclose(probs.conditional_entropy(nearly, given=-1), remaining(nearly.T)[0], rtol=rtol)


def test_tables_at_the_edges():
    empty_row = jnp.array([[0.5, 0.5], [0.0, 0.0]])
    for function in (probs.mutual_information, probs.conditional_entropy):
        for joint in (empty_row, jnp.zeros((2, 3)), jnp.array([[1.0, 0.0], [0.0, 0.0]]), jnp.array([[1e-30, 1e-38]])):
            value, slope = jax.value_and_grad(function)(joint)
            curvature = jax.jvp(jax.grad(function), (joint,), (jnp.ones_like(joint),))[1]
            assert value >= 0.0
            assert np.isfinite(slope).all()
            assert not np.isnan(curvature).any()
        assert jnp.isnan(function(jnp.array([[0.5, -0.1], [0.3, 0.3]])))
        assert jnp.isnan(function(jnp.array([[0.5, jnp.nan], [0.3, 0.3]])))
    # At an outcome that is never seen the slope is -∞; it is that of the smallest normal number.
    slope = jax.grad(probs.mutual_information)(jnp.eye(2) / 2)
    np.testing.assert_allclose(slope[0, 1], np.log(4.0 * np.finfo(np.float32).tiny), rtol=1e-5)
    # Of a measure it is the total times that of the normalised table, at any size.
    joint = jnp.array([[0.4, 0.1], [0.2, 0.3]])
    for unit in (2.0**-60, 2.0**60):
        np.testing.assert_allclose(
            probs.mutual_information(unit * joint) / unit, probs.mutual_information(joint), rtol=1e-6
        )


def textbook_information(joint):
    rows, columns = joint.sum(1, keepdims=True), joint.sum(0, keepdims=True)
    return (joint * jnp.log(joint * joint.sum() / (rows * columns))).sum()


def textbook_remaining(joint):
    return (joint * jnp.log(joint.sum(1, keepdims=True) / joint)).sum()


def curve(function, point, step):
    """A Hessian-vector product, forward over reverse."""
    return jax.jit(lambda x: jax.jvp(jax.grad(function), (x,), (step,))[1])(point)


@pytest.mark.full
def test_information_under_transformations():
    rng = np.random.default_rng(1)
    tables = jnp.asarray(np.stack([table(rng, (3, 4), 1.0, np.float64) for _ in range(3)]), jnp.float32)
    with jax.enable_x64(True):
        wide = jnp.asarray(rng.uniform(0.5, 1.5, (3, 4)) / 12.0)  # far from zero: differences step 1e-6 to each side
        step = jnp.asarray(rng.normal(size=(3, 4)))
        for function, plain, point in (
            (probs.mutual_information, textbook_information, wide),
            (probs.conditional_entropy, textbook_remaining, wide),
            (logits.mutual_information, lambda x: textbook_information(jax.nn.softmax(x, (0, 1))), jnp.log(wide)),
        ):
            np.testing.assert_allclose(*(curve(f, point, step) for f in (function, plain)), rtol=1e-10, atol=1e-13)
    for module, operand in ((probs, tables), (logits, jnp.log(tables) + 3.0)):
        batched = module.mutual_information(operand)
        np.testing.assert_allclose(batched, [information(one)[0] for one in tables], rtol=1e-5)
        np.testing.assert_allclose(jax.vmap(module.mutual_information)(operand), batched, rtol=1e-6)
        left = module.conditional_entropy(operand, given=-1)
        np.testing.assert_allclose(left, [remaining(one.T)[0] for one in tables], rtol=1e-5)
        kept = np.array([[True, True, True, False]] * 2 + [[False] * 4])
        masked = module.mutual_information(operand, where=kept)
        shown = np.where(kept, tables, 0.0)
        if module is logits:  # what is left is a distribution again
            shown = shown / shown.sum((-2, -1), keepdims=True)
        np.testing.assert_allclose(masked, [information(one)[0] for one in shown], rtol=1e-5)
        nothing = jax.value_and_grad(lambda x, m=module: m.mutual_information(x, where=jnp.zeros((3, 4), bool)).sum())
        value, slope = nothing(operand)
        assert value == 0.0
        np.testing.assert_array_equal(slope, np.zeros(operand.shape))
    assert jnp.isnan(logits.mutual_information(jnp.full((2, 2), -jnp.inf)))


@pytest.mark.parametrize("module", [probs, logits], ids=["probs", "logits"])
def test_a_table_that_is_none_is_refused(module):
    for function in (module.mutual_information, module.conditional_entropy):
        with pytest.raises(ValueError, match="must be a table"):
            function(jnp.ones(3))
        with pytest.raises(TypeError):
            function(jnp.ones((2, 2), int))
    with pytest.raises(ValueError, match=r"given must be -2, the rows, or -1, the columns; got 0"):
        module.conditional_entropy(jnp.ones((2, 2)), given=0)


@DTYPES
@pytest.mark.by_default("float32")
def test_terms_sum_to_the_divergence(dtype):
    eps = float(np.finfo(dtype).eps)
    rng = np.random.default_rng(2)
    with jax.enable_x64(dtype is np.float64):
        for distance in (3.0, 1e-3):
            a = jnp.asarray(rng.normal(size=(4, 7)) * 3, dtype)
            b = a + jnp.asarray(distance * rng.normal(size=(4, 7)), dtype)
            found = logits.kl_terms(a, b)
            assert (found >= 0.0).all()
            np.testing.assert_allclose(found.sum(-1), logits.kl(a, b), rtol=16 * eps)
            p, q = (np.array([[mp.exp(mp.mpf(float(x))) for x in row] for row in z]) for z in (a, b))
            p, q = (z / z.sum(-1, keepdims=True) for z in (p, q))
            wanted = (p * np.vectorize(mp.log)(p / q) - p + q).astype(np.float64)
            np.testing.assert_allclose(found, wanted, rtol=64 * eps)  # r's error, eps of the largest |r|, counts twice
            of_probs = probs.kl_terms(jax.nn.softmax(a), jax.nn.softmax(b))
            np.testing.assert_allclose(of_probs.sum(-1), probs.kl(jax.nn.softmax(a), jax.nn.softmax(b)), rtol=16 * eps)
            for axis in (0, (0, 1)):
                moved = logits.kl_terms(a, b, axis=axis, temperature=2.0)
                np.testing.assert_allclose(moved.sum(axis), logits.kl(a, b, axis=axis, temperature=2.0), rtol=32 * eps)


@pytest.mark.full
def test_the_gradient_of_the_terms_is_that_of_the_divergence():
    rng = np.random.default_rng(3)
    a, b = jnp.asarray(rng.normal(size=(2, 5))), jnp.asarray(rng.normal(size=(2, 5)))
    for argument in (0, 1):
        whole = jax.grad(lambda x, y: logits.kl(x, y).sum(), argument)(a, b)
        parts = jax.grad(lambda x, y: logits.kl_terms(x, y).sum(), argument)(a, b)
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-7)
    with jax.enable_x64(True):
        x, y = (jnp.asarray(np.asarray(z, np.float64)) for z in (a, b))

        def plain(x, y, t):
            log_p, log_q = jax.nn.log_softmax(x / t), jax.nn.log_softmax(y / t)
            return jnp.exp(log_p) * (log_p - log_q) - jnp.exp(log_p) + jnp.exp(log_q)

        def warm(x, y, t):
            return logits.kl_terms(x, y, temperature=t)

        def direct(p, q):
            return p * jnp.log(p / q) - p + q

        weights = jnp.asarray(rng.normal(size=5))
        p, q = jax.nn.softmax(x[0]), jax.nn.softmax(y[0])
        step = jnp.asarray(rng.normal(size=11))
        for ours, theirs, at in (
            (lambda z: warm(z[:5], z[5:10], z[10]), lambda z: plain(z[:5], z[5:10], z[10]), jnp.r_[x[0], y[0], 1.5]),
            (lambda z: probs.kl_terms(z[:5], z[5:]), lambda z: direct(z[:5], z[5:]), jnp.r_[p, q]),
        ):
            found, wanted = (curve(lambda z, f=f: (weights * f(z)).sum(), at, step[: at.size]) for f in (ours, theirs))
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-14)
    missing = jnp.array([0.0, -jnp.inf, 1.0, -jnp.inf]), jnp.array([0.0, 1.0, -jnp.inf, -jnp.inf])
    found = logits.kl_terms(*missing)
    np.testing.assert_array_equal(np.isinf(found), [False, False, True, False])
    assert found[3] == 0.0
    slope = jax.jacrev(logits.kl_terms, (0, 1))(*missing)
    assert all(np.isfinite(one).all() for one in slope)
    where = jnp.array([True, False, False, False])
    np.testing.assert_array_equal(logits.kl_terms(*missing, where=where), np.zeros(4))
    np.testing.assert_array_equal(logits.kl_terms(*missing, where=jnp.zeros(4, bool)), np.zeros(4))
    np.testing.assert_array_equal(probs.kl_terms(jnp.array([0.5, 0.0]), jnp.array([0.0, 0.5])), [np.inf, 0.5])
    assert jnp.isnan(probs.kl_terms(jnp.array([0.5, -0.1]), jnp.array([0.1, 0.5]))[1])


def test_perplexity():
    p, q = jnp.array([0.5, 0.25, 0.25]), jnp.array([0.25, 0.25, 0.5])
    np.testing.assert_allclose(probs.perplexity(p), 2**1.5, rtol=1e-6)
    np.testing.assert_allclose(probs.perplexity(p, q), 2**1.75, rtol=1e-6)
    np.testing.assert_allclose(logits.perplexity(jnp.log(p)), 2**1.5, rtol=1e-6)
    np.testing.assert_allclose(logits.perplexity(jnp.log(p) + 1.0, jnp.log(q)), 2**1.75, rtol=1e-6)
    np.testing.assert_allclose(logits.perplexity(jnp.zeros((4, 2)), axis=(0, 1)), 8.0, rtol=1e-6)
    np.testing.assert_allclose(logits.perplexity(jnp.zeros(4), where=jnp.arange(4) < 3), 3.0, rtol=1e-6)


@DTYPES
def test_information_between_blocks_of_a_normal_vector(dtype):
    eps = float(np.finfo(dtype).eps)
    with jax.enable_x64(dtype is np.float64):
        for rho in (0.6, 1e-3, -0.999):
            p = families.MultivariateNormal.from_covariance(
                jnp.zeros(2, dtype), jnp.array([[4.0, 2.0 * rho], [2.0 * rho, 1.0]], dtype)
            )
            rounded = mp.mpf(float(p.scale.matrix[0, 1])) / 2
            wanted = -mp.log1p(-rounded * rounded) / 2
            tolerance = 8 * eps * max(1.0, 1.0 / (1.0 - rho * rho))  # the condition of 1 - ρ²
            np.testing.assert_allclose(kljax.mutual_information(p, block=1), float(wanted), rtol=tolerance)
        rng = np.random.default_rng(4)
        root = rng.normal(size=(5, 5))
        covariance = root @ root.T + np.eye(5)
        x, y = [0, 3], [1, 2, 4]
        dets = [np.linalg.slogdet(covariance[np.ix_(one, one)])[1] for one in (x, y, range(5))]
        p = families.MultivariateNormal.from_covariance(jnp.zeros(5, dtype), jnp.asarray(covariance, dtype))
        found = kljax.mutual_information(p, block=x)
        np.testing.assert_allclose(found, 0.5 * (dets[0] + dets[1] - dets[2]), rtol=1e3 * eps)  # condition of Σ
        np.testing.assert_allclose(kljax.mutual_information(p, block=y), found, rtol=1e3 * eps)
    diagonal = families.Independent(families.Normal(jnp.zeros((3, 2)), 1.0), 1)
    np.testing.assert_array_equal(kljax.mutual_information(diagonal, block=1), np.zeros(3))
    for block in (0, 2, [0, 0], [2], [-1]):
        with pytest.raises(ValueError, match="block must leave at least one of the 2 entries"):
            kljax.mutual_information(diagonal, block=block)
    with pytest.raises(NotImplementedError, match=r"kljax\.samples\.mutual_information"):
        kljax.mutual_information(families.Normal(0.0, 1.0), block=1)
