"""Neighbours: beside all distances in float64, with ties, duplicates, far origins, under jit, sharded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kljax import samples
from kljax.samples import _nearest, _search

METRICS = {"euclidean": "euclidean", "max": "chebyshev"}


def exact(queries: np.ndarray, points: np.ndarray, k: int, own: np.ndarray | None, norm: str) -> np.ndarray:
    """The k least distances of all."""
    distances = cdist(queries.astype(np.float64), points.astype(np.float64), METRICS[norm])
    if own is not None:
        listed = np.flatnonzero(own >= 0)
        distances[listed, own[listed]] = np.inf
    return np.sort(distances, axis=1)[:, :k]


def check(
    found: tuple[jax.Array, jax.Array], queries: np.ndarray, points: np.ndarray, own: np.ndarray | None, norm: str
):
    """Distances are the least there are, indices are distinct, not the query's own, and at those distances."""
    distances, indices = map(np.asarray, found)
    k = distances.shape[1]
    eps = float(np.finfo(distances.dtype).eps)
    # The centre is taken off first, which rounds coordinates; then d squares of differences are summed.
    size = np.abs(points).max() + np.abs(queries).max()
    rounding = eps * (4 * size * np.sqrt(points.shape[1]) + points.shape[1] * distances.max())
    np.testing.assert_allclose(distances, exact(queries, points, k, own, norm), rtol=0, atol=rounding)
    assert all(len(set(row)) == k for row in indices)
    assert (indices >= 0).all()
    assert (indices < len(points)).all()
    if own is not None:
        assert (indices != own[:, None]).all()
    apart = queries[:, None].astype(np.float64) - points[indices].astype(np.float64)
    there = np.abs(apart).max(-1) if norm == "max" else np.linalg.norm(apart, axis=-1)
    np.testing.assert_allclose(distances, there, rtol=0, atol=rounding)


@pytest.mark.parametrize("norm", METRICS)
@pytest.mark.parametrize("width", [1, 2, 5, 12])
def test_neighbours_are_the_nearest(width, norm):
    rng = np.random.default_rng(width)
    points = rng.standard_normal((700, width)).astype(np.float32)
    queries = rng.standard_normal((90, width)).astype(np.float32)
    search = jax.jit(lambda q, p: samples.nearest(q, p, 5, norm=norm, block=(32, 128)))
    check(search(queries, points), queries, points, None, norm)
    check(samples.nearest(queries, points, 5, norm=norm), queries, points, None, norm)


@pytest.mark.parametrize("width", [2, 9])
def test_the_query_itself_is_left_out_by_its_index(width):
    """With every point twice, each has a neighbour at distance 0, which is not itself."""
    rng = np.random.default_rng(3)
    half = rng.standard_normal((150, width)).astype(np.float32)
    points = np.concatenate([half, half])
    own = np.arange(300)
    for found in (
        samples.nearest(points, points, 3, exclude_self=True),
        jax.jit(lambda p: samples.nearest(p, p, 3, exclude_self=True))(points),
    ):
        check(found, points, points, own, "euclidean")
        assert (np.asarray(found[0])[:, 0] == 0).all()
        assert (np.asarray(found[1])[:, 0] == (own + 150) % 300).all()


def test_many_ties_and_more_duplicates_than_neighbours():
    lattice = np.random.default_rng(4).integers(0, 3, (400, 7)).astype(np.float32)
    lattice[:50] = 1.0
    for found in (
        samples.nearest(lattice, lattice, 6, exclude_self=True),
        jax.jit(lambda p: samples.nearest(p, p, 6, exclude_self=True, block=(64, 128)))(lattice),
    ):
        check(found, lattice, lattice, np.arange(400), "euclidean")


def test_a_subset_of_the_points_searches_without_itself():
    points = np.random.default_rng(5).standard_normal((300, 8)).astype(np.float32)
    own = np.array([7, 200, -1, 5])
    found = jax.jit(lambda q, p: samples.nearest(q, p, 2, exclude_self=own))(points[[7, 200, 3, 5]], points)
    check(found, points[[7, 200, 3, 5]], points, own, "euclidean")
    assert float(found[0][2, 0]) == 0.0


@pytest.mark.parametrize("x64", [False, True])
def test_tight_clusters_far_apart_keep_their_digits(x64):
    """|q|² is 10⁸ times the squared distances: the matrix product alone sees noise, so stage one must be repeated."""
    rng = np.random.default_rng(6)
    centres = rng.choice([-1000.0, 1000.0], (500, 8))
    dtype = np.float64 if x64 else np.float32
    points = (centres + 0.1 * rng.standard_normal((500, 8))).astype(dtype)
    with jax.enable_x64(x64):
        found = jax.jit(lambda p: samples.nearest(p, p, 4, exclude_self=True, block=(64, 128)))(points)
        check(found, points, points, np.arange(500), "euclidean")
    np.testing.assert_allclose(
        np.asarray(found[0]), exact(points, points, 4, np.arange(500), "euclidean"), rtol=2e-3 if not x64 else 1e-9
    )


def test_tree_and_blocked_search_agree_and_every_size_fits():
    for count in (3, 17, 129, 1000):
        points = np.random.default_rng(count).standard_normal((count, 4)).astype(np.float32)
        k = min(4, count - 1)
        by_tree = _nearest.on_host(points, points, k, np.arange(count))
        blocked = _search.search(points, points, jnp.arange(count, dtype=jnp.int32), k, "euclidean", (100, 200))
        np.testing.assert_allclose(by_tree[0], blocked[0], atol=1e-6)
        np.testing.assert_array_equal(by_tree[1], blocked[1])


def test_in_chunks_on_the_host(monkeypatch):
    points = np.random.default_rng(8).standard_normal((900, 9))
    monkeypatch.setattr(_nearest, "TREE_PAIRS", 0)
    monkeypatch.setattr(_nearest, "CHUNK", 256)
    found = _nearest.on_host(points[:700], points, 3, np.arange(700), progress=True)
    check(found, points[:700], points, np.arange(700), "euclidean")


def test_under_vmap_and_without_a_gradient():
    points = jax.random.normal(jax.random.key(0), (3, 40, 5))
    distances, indices = jax.vmap(lambda p: samples.nearest(p, p, 2, exclude_self=True))(points)
    for one, distance, index in zip(np.asarray(points), distances, indices, strict=True):
        check((distance, index), one, one, np.arange(40), "euclidean")
    slope = jax.grad(lambda p: samples.nearest(p, p, 2, exclude_self=True)[0].sum())(points[0])
    assert not np.asarray(slope).any()


def test_memory_is_that_of_a_block():
    """Of 4096 queries and 50,000 points all distances would be 800 MB."""
    shapes = (jax.ShapeDtypeStruct((n, 10), jnp.float32) for n in (4096, 50_000))
    compiled = jax.jit(lambda q, p: samples.nearest(q, p, 6)).lower(*shapes).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 60e6


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"k": 10}, ValueError, "k must be at most 9"),
        ({"k": 0}, ValueError, "k must be at least 1"),
        ({"k": 2.0}, TypeError, "k must be an integer"),
        ({"norm": "l1"}, ValueError, "norm must be one of euclidean, max"),
        ({"block": (1,)}, ValueError, "block must be two positive integers"),
        ({"points": np.zeros((10, 3), np.float32)}, ValueError, "same number of columns"),
        ({"points": np.zeros((10, 2), np.int32)}, TypeError, "floating-point"),
        ({"points": np.full((10, 2), np.nan, np.float32)}, ValueError, "points must be finite"),
        ({"queries": np.zeros((2, 2, 2), np.float32)}, ValueError, r"\[points, columns\]"),
        ({"queries": np.zeros((11, 2), np.float32)}, ValueError, "11 queries and 10 points"),
        ({"exclude_self": np.zeros(3, np.int32)}, ValueError, "one for each query"),
    ],
)
def test_bad_input(change, kind, says):
    given = {"queries": np.zeros((10, 2), np.float32), "points": np.zeros((10, 2), np.float32), "k": 2}
    with pytest.raises(kind, match=says):
        samples.nearest(**{**given, "exclude_self": True, **change})


SHARDED = """
import jax
jax.config.update("jax_num_cpu_devices", 8)
import numpy as np, jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec as P
from kljax import samples
mesh = jax.make_mesh((8,), ("n",), axis_types=(jax.sharding.AxisType.Auto,))
rng = np.random.default_rng(0)
points = rng.standard_normal((4096, 9)).astype(np.float32)
queries = rng.standard_normal((1024, 9)).astype(np.float32)
step = jax.jit(lambda q, p: samples.nearest(q, p, 4))
expected = step(queries, points)
for specs in ((P("n"), P()), (P("n"), P("n")), (P(), P("n"))):
    placed = [jax.device_put(x, NamedSharding(mesh, s)) for x, s in zip((queries, points), specs)]
    compiled = step.lower(*placed).compile()
    for one, other in zip(compiled(*placed), expected):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-6)
    if specs[1] == P():  # each device searches for its own queries: nothing as large as a block is exchanged
        text = compiled.as_text()
        assert text.count(" all-gather") + text.count(" all-to-all") <= 4, text
split = jax.shard_map(lambda q, p: samples.nearest(q, p, 4), mesh=mesh, in_specs=(P("n"), P()), out_specs=P("n"))
for one, other in zip(jax.jit(split)(queries, points), expected):
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-6)
eager = samples.nearest(*placed, 4)
np.testing.assert_array_equal(np.asarray(eager[1]), np.asarray(expected[1]))
print("done")
"""


@pytest.mark.full
def test_sharded_over_eight_devices():
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [sys.executable, "-c", SHARDED], capture_output=True, text=True, env=environment, cwd=root, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.strip() == "done"
