"""The matrix of all pairs: against the closed form pair by pair in float64, with close pairs and missing outcomes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sweeps import thinned

import kljax
from kljax.divergences._forms.inner_products import FEATURES
from kljax.families import Categorical, Dirichlet, Independent, Laplace, MultivariateNormal, Normal, OneHotCategorical

N, M = 37, 41  # no multiple of a tile


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def lower_triangular(seed: int, count: int) -> np.ndarray:
    return np.tril(0.4 * normal(seed, count, 4, 4), -1) + np.eye(4) * np.exp(0.3 * normal(seed + 1, count, 4, 1))


def sparse(seed: int, count: int) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random((count, 30)) < 0.02, -np.inf, normal(seed + 1, count, 30))


def softmax(a: np.ndarray) -> np.ndarray:
    e = np.exp(a - a.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def covariance(seed: int, count: int) -> np.ndarray:
    low = lower_triangular(seed, count)
    return low @ np.swapaxes(low, -1, -2)


# name -> the parameters of ``count`` members, and the record of them
CASES: dict[str, tuple[Any, Any]] = {
    "Categorical": (lambda s, n: (normal(s, n, 200),), lambda a: Categorical(logits=a)),
    "Categorical, sparse logits": (lambda s, n: (sparse(s, n),), lambda a: Categorical(logits=a)),
    "Categorical, sparse": (lambda s, n: (softmax(sparse(s, n)),), Categorical),
    "OneHotCategorical": (lambda s, n: (0.05 * normal(s, n, 50),), lambda a: OneHotCategorical(logits=a)),
    "Dirichlet": (lambda s, n: (np.exp(normal(s, n, 6)),), Dirichlet),
    "MultivariateNormal, diagonal": (
        lambda s, n: (1e3 + normal(s, n, 16), np.exp(0.3 * normal(s + 1, n, 16))),
        MultivariateNormal.from_diagonal,
    ),
    "MultivariateNormal": (
        lambda s, n: (normal(s, n, 4), lower_triangular(s + 1, n)),
        MultivariateNormal.from_cholesky,
    ),
    "MultivariateNormal, covariance": (
        lambda s, n: (normal(s, n, 4), covariance(s + 1, n)),
        MultivariateNormal.from_covariance,
    ),
}


def test_every_family_with_features_has_a_case() -> None:
    assert {name.split(",")[0] for name in CASES} == {kind.__name__ for kind in FEATURES}


def batches(case: str, close: float | None) -> tuple[Any, tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    draw, make = CASES[case]
    p = tuple(one.astype(np.float32) for one in draw(0, N))
    if close is None:
        return make, p, tuple(one.astype(np.float32) for one in draw(10, M))
    # The first of the qs are close to the ps; some are far.
    with np.errstate(invalid="ignore"):
        moved = tuple(one[:30] * (1.0 + close * normal(5, *one[:30].shape)) for one in p)
    rest = tuple(one[: M - 30] for one in draw(10, M))
    return make, p, tuple(np.concatenate(both).astype(np.float32) for both in zip(moved, rest, strict=True))


@pytest.mark.parametrize(
    ("case", "close"),
    thinned(
        [(case, close) for case in CASES for close in (None, 1e-2, 1e-5)],
        [("Categorical", None), ("Categorical", 1e-5), *((case, 1e-2) for case in CASES)],
        spread=True,
    ),
)
@pytest.mark.by_default("Categorical-None", "MultivariateNormal-0.01")
def test_every_entry_keeps_its_digits(case: str, close: float | None) -> None:
    make, p, q = batches(case, close)
    got = np.asarray(kljax.pairwise(kljax.kl, make(*p), make(*q)))
    with jax.enable_x64(True):
        p, q = ([jnp.asarray(one, jnp.float64) for one in side] for side in (p, q))
        exact = np.asarray(jax.jit(kljax.kl)(make(*(one[:, None] for one in p)), make(*(one[None, :] for one in q))))
    assert got.shape == exact.shape == (N, M)
    assert np.all(got >= 0.0)
    assert np.array_equal(np.isinf(got), np.isinf(exact))
    finite = np.isfinite(exact) & (exact > 0.0)
    error = np.abs(got[finite] - exact[finite]) / exact[finite] / np.finfo(np.float32).eps
    # An entry of the product has lost five bits at most, 32 eps; the closed form from Cholesky factors has its own.
    assert error.max() <= 64.0, f"{case}: {error.max()}"


@pytest.mark.parametrize(
    "case", thinned(["Categorical", "MultivariateNormal, diagonal", "Dirichlet"], ["MultivariateNormal, diagonal"])
)
@pytest.mark.full
def test_itself_is_zero_on_the_diagonal_and_gradients_agree(case: str) -> None:
    draw, make = CASES[case]
    p = tuple(jnp.asarray(one, jnp.float32) for one in draw(0, 20))
    weights = jnp.asarray(normal(7, 20, 20), jnp.float32)

    def by_matrix(*p: Any) -> Any:
        return (weights * kljax.pairwise(kljax.kl, make(*p), make(*p))).sum()

    def one_by_one(*p: Any) -> Any:
        return (weights * kljax.kl(make(*(x[:, None] for x in p)), make(*(x[None, :] for x in p)))).sum()

    matrix = kljax.pairwise(kljax.kl, make(*p), make(*p))
    assert not np.any(np.diagonal(matrix))
    every = tuple(range(len(p)))
    got, expected = (jax.jit(jax.grad(f, every))(*p) for f in (by_matrix, one_by_one))
    for a, b in zip(got, expected, strict=True):
        # Sums of 400 terms of both signs.
        assert np.linalg.norm(a - b) <= 1e-4 * np.linalg.norm(b)


@pytest.mark.full
def test_other_verbs_and_families_go_row_by_row() -> None:
    rows = Categorical(logits=jnp.asarray(normal(0, 5, 7), jnp.float32))
    columns = Categorical(logits=jnp.asarray(normal(1, 6, 7), jnp.float32))
    p, q = (
        jax.tree.map(lambda x, f=f: f(x), one)
        for f, one in ((lambda x: x[:, None], rows), (lambda x: x[None], columns))
    )
    for verb, options in (
        (kljax.jeffreys, {}),
        (kljax.renyi, {"order": 2.0}),
        (kljax.jensen_shannon, {"weight": 0.25}),
    ):
        found = kljax.pairwise(verb, rows, columns, **options)
        np.testing.assert_allclose(found, verb(p, q, **options), rtol=2e-5)
    traced = jax.jit(lambda order: kljax.pairwise(kljax.renyi, rows, columns, order=order))(jnp.asarray(2.0))
    np.testing.assert_allclose(traced, kljax.renyi(p, q, order=2.0), rtol=2e-5)
    normals = Normal(jnp.linspace(-1.0, 1.0, 5), 1.0)
    np.testing.assert_allclose(
        kljax.pairwise(kljax.kl, normals, normals), 0.5 * (normals.loc[:, None] - normals.loc[None]) ** 2, rtol=1e-6
    )
    mixed = kljax.pairwise(kljax.kl, normals, Laplace(jnp.zeros(3), 1.0))
    assert mixed.shape == (5, 3)


def test_independent_normals_are_normal_vectors() -> None:
    loc, scale = jnp.asarray(normal(0, 20, 8), jnp.float32), jnp.asarray(np.exp(normal(1, 20, 8)), jnp.float32)
    vectors, independent = MultivariateNormal.from_diagonal(loc, scale), Independent(Normal(loc, scale), 1)
    found = kljax.pairwise(kljax.kl, independent, vectors)
    np.testing.assert_array_equal(found, kljax.pairwise(kljax.kl, vectors, vectors))


@pytest.mark.full
def test_no_array_of_all_pairs_times_one_distribution_is_made() -> None:
    shape = jax.ShapeDtypeStruct((256, 512), jnp.float32)

    def loss(a: Any, b: Any) -> Any:
        return kljax.pairwise(kljax.kl, Categorical(logits=a), Categorical(logits=b)).sum()

    compiled = jax.jit(jax.grad(loss, (0, 1))).lower(shape, shape).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 4 * 256 * 256 * 512 / 4


def test_errors_name_the_argument() -> None:
    row = Categorical(logits=jnp.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"ps must have a batch shape of one dimension.*\(\)"):
        kljax.pairwise(kljax.kl, Normal(0.0, 1.0), Normal(jnp.zeros(2), 1.0))
    with pytest.raises(TypeError, match=r"verb must be a divergence.*'kl'.*kljax\.kl"):
        kljax.pairwise("kl", row, row)
    with pytest.raises(TypeError, match="qs must be a distribution"):
        kljax.pairwise(kljax.kl, row, 3.0)
    with pytest.raises(ValueError, match="outcomes"):
        kljax.pairwise(kljax.kl, row, Categorical(logits=jnp.zeros((3, 5))))
