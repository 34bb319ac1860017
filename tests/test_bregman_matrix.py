"""Bregman divergences of matrices against 50-digit eigendecompositions: values, derivatives, singular states."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf

from kljax import bregman


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param == "float64"), mpmath.workdps(50):
        yield jnp.dtype(request.param)


def eps_of(dtype) -> float:
    return float(jnp.finfo(dtype).eps)


def exact(matrix) -> mpmath.matrix:
    """The Hermitian part of the entries, as the functions read them."""
    rows = mpmath.matrix([[mpmath.mpc(complex(entry)) for entry in row] for row in np.asarray(matrix)])
    return (rows + rows.H) / 2


def apply(f, matrix: mpmath.matrix) -> mpmath.matrix:
    values, vectors = mpmath.eighe(matrix)
    return vectors * mpmath.diag([f(value) for value in values]) * vectors.H


def trace(matrix: mpmath.matrix) -> mpf:
    return mpmath.fsum(matrix[i, i].real for i in range(matrix.rows))


def to_numpy(matrix: mpmath.matrix) -> np.ndarray:
    return np.array([[complex(matrix[i, j]) for j in range(matrix.cols)] for i in range(matrix.rows)])


def log_step(y: mpmath.matrix, step: mpmath.matrix) -> mpmath.matrix:
    """The derivative of log at y along a step: a central difference at 50 digits."""
    h = mpf(10) ** -15
    return (apply(mpmath.log, y + h * step) - apply(mpmath.log, y - h * step)) / (2 * h)


def von_neumann(x, y):
    gap = apply(mpmath.log, x) - apply(mpmath.log, y)
    return trace(x * gap - x + y), gap, -log_step(y, x - y)


def log_det(x, y):
    ratio = x * mpmath.inverse(y)
    value = trace(ratio) - mpmath.log(mpmath.det(ratio).real) - x.rows
    return value, mpmath.inverse(y) - mpmath.inverse(x), -(mpmath.inverse(y) * (x - y) * mpmath.inverse(y))


ORACLES = {"von_neumann": von_neumann, "log_det": log_det, "quantum_relative_entropy": von_neumann}


def pair(seed, n, condition, distance, *, is_complex, dtype):
    """Y with eigenvalues in [1/condition, 1], all equal for condition 1, and X near it in Y's own metric."""
    rng = np.random.default_rng(seed)

    def gaussian():
        a = rng.normal(size=(n, n))
        return a + 1j * rng.normal(size=(n, n)) if is_complex else a

    basis = np.linalg.qr(gaussian())[0]
    values = condition ** -rng.uniform(0, 1, n)
    values[0], values[-1] = 1.0, 1.0 / condition
    root = basis @ np.diag(np.sqrt(values)) @ basis.conj().T
    change = gaussian()
    change = change + change.conj().T
    change *= 0.8 * distance / np.linalg.norm(change, 2)
    y = root @ root
    x = root @ (np.eye(n) + change) @ root
    kind = (jnp.complex128 if dtype == jnp.float64 else jnp.complex64) if is_complex else dtype
    return tuple(jnp.asarray(0.5 * (a + a.conj().T), kind) for a in (x, y))


@functools.cache
def with_slopes(name):
    return jax.jit(jax.value_and_grad(getattr(bregman, name), (0, 1)))


@pytest.mark.parametrize("is_complex", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.by_default(
    "float64-von_neumann-complex",
    "float32-von_neumann-real",
    "float64-quantum_relative_entropy-real",
    "float32-log_det-complex",
    "float64-log_det-real",
)
def test_matrix_divergences_keep_their_digits_at_every_distance(name, is_complex, dtype):
    eps = eps_of(dtype)
    for condition in (1.0, 10.0, 1e3):
        for distance in (1.0, 1e-2, 1e-5):
            x, y = pair(int(condition), 3, condition, distance, is_complex=is_complex, dtype=dtype)
            value, slopes = with_slopes(name)(x, y)
            expected, *gradients = ORACLES[name](exact(x), exact(y))
            # A backward error of a few eps in eigenvalues or Cholesky factors, times the condition of Y.
            bound = 12 * eps * condition
            assert abs(mpf(float(value)) - expected) <= bound * expected
            for slope, gradient in zip(slopes, gradients, strict=True):
                gradient = to_numpy(gradient).conj()  # jax.grad returns the conjugate
                assert np.linalg.norm(np.asarray(slope) - gradient) <= 2 * bound * np.linalg.norm(gradient)


@pytest.mark.parametrize("name", ORACLES)
def test_no_distance_is_exactly_zero(name, dtype):
    for condition in (1.0, 1e3):
        x, _ = pair(0, 4, condition, 1.0, is_complex=False, dtype=dtype)
        value, slopes = with_slopes(name)(x, x)
        assert value == 0.0
        assert not np.any(slopes)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.by_default("float32-quantum_relative_entropy", "float64-log_det")
def test_second_derivatives_with_repeated_eigenvalues(name, dtype):
    """Hessian products against differences of the 50-digit gradients, at Y = I and at Y with a close pair."""
    rng = np.random.default_rng(2)
    steps = [jnp.asarray(a + a.T, dtype) for a in rng.normal(size=(2, 3, 3))]
    close = jnp.diag(jnp.asarray([1.0, 1.0 + 1e-6, 2.0], dtype))
    for y in (jnp.eye(3, dtype=dtype), close):
        x = y + 0.1 * jnp.asarray(np.diag([0.0, 0.0, 1.0]) + 0.3 * np.ones((3, 3)), dtype)
        for at_x in (x, y):
            with jax.debug_nans(True):
                slopes = jax.jit(jax.grad(getattr(bregman, name), (0, 1)))
                _, products = jax.jvp(slopes, (at_x, y), tuple(steps))
            h = mpf(10) ** -8
            a, b, c, d = (exact(m) for m in (at_x, y, *steps))
            high, low = ORACLES[name](a + h * c, b + h * d), ORACLES[name](a - h * c, b - h * d)
            for product, up, down in zip(products, high[1:], low[1:], strict=True):
                expected = to_numpy((up - down) / (2 * h)).real
                # The differences are right to 1e-14; second divided differences cost a few eps each.
                bound = 32 * eps_of(dtype) * np.linalg.norm(expected) + 1e-13
                assert np.linalg.norm(product - expected) <= bound


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.by_default("log_det")
def test_the_modes_agree(name):
    with jax.enable_x64(True):
        function = getattr(bregman, name)
        x, y = pair(5, 2, 5.0, 0.5, is_complex=False, dtype=jnp.dtype("float64"))
        forward, backward = (jax.jit(jax.jacfwd(mode(function, 1), 1))(x, y) for mode in (jax.jacfwd, jax.jacrev))
        np.testing.assert_allclose(forward, backward, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(
            jax.jit(jax.jacrev(jax.jacrev(function, 1), 1))(x, y), forward, rtol=1e-12, atol=1e-12
        )
        stack = jnp.stack([x, y, x + y])
        np.testing.assert_allclose(
            jax.vmap(function, (0, None))(stack, y), [function(each, y) for each in stack], rtol=1e-13, atol=1e-30
        )
        np.testing.assert_allclose(function(stack[:, None], stack).diagonal(), 0.0)


def state(rank, seed, *, n=3, is_complex=True):
    """A density matrix of some rank."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, rank)) + (1j * rng.normal(size=(n, rank)) if is_complex else 0)
    rho = root @ root.conj().T
    return rho / np.trace(rho).real


@pytest.mark.parametrize("is_complex", [False, True], ids=["real", "complex"])
@pytest.mark.full
def test_singular_states(is_complex, dtype):
    kind = (jnp.complex128 if dtype == jnp.float64 else jnp.complex64) if is_complex else dtype
    pure, other, mixed = (jnp.asarray(state(rank, rank, is_complex=is_complex), kind) for rank in (1, 2, 3))
    everywhere = jnp.asarray(np.eye(3) / 3, kind)
    with jax.debug_nans(True):
        entropy = jax.value_and_grad(bregman.quantum_relative_entropy, (0, 1))
        # 32 eps: log 3 from one eigenvalue of 1 and an overlap that rounds in each of three entries.
        value, slopes = entropy(pure, everywhere)
        np.testing.assert_allclose(value, np.log(3), rtol=32 * eps_of(dtype))
        assert np.all(np.isfinite(slopes))
        curve = jax.jvp(jax.grad(bregman.quantum_relative_entropy), (pure, everywhere), (mixed, pure))[1]
        assert np.all(np.isfinite(curve))
        for rho, sigma in ((mixed, pure), (mixed, other), (other, pure)):  # the range of ρ leaves that of σ
            value, slopes = entropy(rho, sigma)
            assert value == jnp.inf
            assert np.all(np.isfinite(slopes))
        inside = 0.3 * pure + 0.7 * other  # σ of rank two or three, ρ within
        assert np.isfinite(bregman.quantum_relative_entropy(pure, inside))
        assert bregman.quantum_relative_entropy(pure, pure) == 0.0
        assert bregman.quantum_relative_entropy(other, other) == 0.0


def test_a_singular_state_within_a_singular_one(dtype):
    """On a common range the divergence and its gradient are those of the smaller matrices."""
    basis = np.linalg.qr(np.random.default_rng(8).normal(size=(4, 4)))[0][:, :2]
    small = [np.array([[0.6, 0.2], [0.2, 0.4]]), np.array([[0.5, -0.1], [-0.1, 0.5]])]
    rho, sigma = (jnp.asarray(basis @ a @ basis.T, dtype) for a in small)
    value, slopes = with_slopes("quantum_relative_entropy")(rho, sigma)
    expected, gradient_x, gradient_y = von_neumann(*(exact(a) for a in small))
    assert abs(float(value) - float(expected)) <= 32 * eps_of(dtype)  # the embedding alone rounds in 16 entries
    np.testing.assert_allclose(basis.T @ slopes[0] @ basis, to_numpy(gradient_x).real, atol=1e2 * eps_of(dtype))
    np.testing.assert_allclose(slopes[1], basis @ to_numpy(gradient_y).real @ basis.T, atol=1e2 * eps_of(dtype))


def test_diagonal_states_are_classical(dtype):
    p, q = jnp.asarray([0.0, 0.5, 0.5 - 1e-12, 1e-12], dtype), jnp.asarray([0.25, 0.25, 0.5 - 2e-12, 2e-12], dtype)
    exactly = functools.partial(bregman.quantum_relative_entropy, rtol=0.0)
    np.testing.assert_allclose(exactly(jnp.diag(p), jnp.diag(q)), bregman.generalized_kl(p, q), rtol=8 * eps_of(dtype))
    slope = jax.grad(exactly)(jnp.diag(p), jnp.diag(q))
    np.testing.assert_allclose(jnp.diagonal(slope), jax.grad(bregman.generalized_kl)(p, q), rtol=8 * eps_of(dtype))
    assert exactly(jnp.diag(q), jnp.diag(p)) == jnp.inf


def test_the_matrix_divergences_are_bregman_divergences(dtype):
    x, y = pair(1, 3, 5.0, 0.7, is_complex=False, dtype=dtype)

    def negative_log_det(a):
        return -jnp.linalg.slogdet(a)[1]

    # 1e3 eps: slogdet's own second derivatives, along the segment.
    generic = bregman.divergence(negative_log_det, x, y, event_ndims=2)
    np.testing.assert_allclose(generic, bregman.log_det(x, y), rtol=1e3 * eps_of(dtype))
    scaled = bregman.quantum_relative_entropy(2.0 * x, 2.0 * y)  # homogeneous of degree one
    np.testing.assert_allclose(scaled, 2.0 * bregman.von_neumann(x, y), rtol=32 * eps_of(dtype))


def test_only_the_hermitian_part_counts(dtype):
    x, y = pair(3, 3, 3.0, 0.5, is_complex=False, dtype=dtype)
    skew = jnp.asarray([[0.0, 0.1, 0.0], [-0.1, 0.0, 0.2], [0.0, -0.2, 0.0]], dtype)
    for name in ORACLES:
        function = getattr(bregman, name)
        np.testing.assert_allclose(function(x + skew, y), function(x, y), rtol=64 * eps_of(dtype))


@pytest.mark.parametrize(
    ("error", "named", "call"),
    [
        (ValueError, "x must hold square", lambda a: bregman.log_det(a[:, :1], a)),
        (ValueError, "y must hold square", lambda a: bregman.von_neumann(a, a[0])),
        (ValueError, "of one size", lambda a: bregman.von_neumann(a, jnp.eye(3))),
        (
            ValueError,
            "shapes of rho and sigma",
            lambda a: bregman.quantum_relative_entropy(a[None].repeat(2, 0), a[None].repeat(3, 0)),
        ),
        (TypeError, "sigma must", lambda a: bregman.quantum_relative_entropy(a, a.astype(int))),
        (ValueError, "rtol must", lambda a: bregman.quantum_relative_entropy(a, a, rtol=1.0)),
        (TypeError, "rtol must", lambda a: bregman.quantum_relative_entropy(a, a, rtol="1")),
    ],
)
def test_bad_input_is_named(error, named, call):
    with pytest.raises(error, match=named):
        call(jnp.eye(2))
