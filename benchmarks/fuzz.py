"""Ten million rows of special values through every verb of `logits` and `probs`: no NaN, nothing negative.

    nice -n 10 python benchmarks/fuzz.py                    # ten million rows, both dtypes
    python benchmarks/fuzz.py --rows 200000 --only kl renyi # some verbs

A row has four outcomes drawn from zeros, subnormal, tiny and huge numbers, 1 ± eps, -inf, ±88, ±709, finite masks from
-1e4 to the most negative number, and rows equal or near to each other, one-hot, or with outcomes missing. Each verb has
its share of the rows in each module and dtype, in batches of one compiled program: value, gradients, and a
Hessian-vector product. The rows are legal: no +inf, and a largest logit that is finite; probabilities are
non-negative measures. Exits with 1 and prints the plainest row of each fault.
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from verbs import CROSS_ENTROPY, DIVERGENCES, ENDS, MODULES  # noqa: E402

WIDTH, BATCH = 4, 16_384


def verbs() -> dict[str, Callable[..., jax.Array]]:
    """(module, p, q) ↦ value, of everything that compares rows or measures one."""
    found: dict[str, Callable[..., jax.Array]] = {verb.label: verb for verb in (*DIVERGENCES, *ENDS, CROSS_ENTROPY)}
    for order in (0.0, 0.5, 1.0, 2.0, np.inf):
        found[f"entropy-{order}"] = lambda m, p, q, order=order: m.entropy(p, order=order)
    for name in ("jensen_shannon_distance", "hellinger_distance"):
        found[name] = lambda m, p, q, name=name: getattr(m, name)(p, q)
    found["renyi-1e8"] = lambda m, p, q: m.renyi(p, q, order=1e8)
    found["generalized_jensen_shannon"] = lambda m, p, q: m.generalized_jensen_shannon(jnp.stack([p, q, p]))
    return found


def specials(module: str, dtype: Any) -> np.ndarray:
    kind = np.finfo(dtype)
    if module == "probs":
        listed = [0.0, 0.0, 0.0, kind.smallest_subnormal, kind.tiny, 3 * kind.tiny, 1e-30, 1e-10, 1e-7, 0.1, 0.25, 0.5]
        listed += [1.0, 1.0 - kind.epsneg, 1.0 + kind.eps, 2.0, 1e10, 1e18, 1e30]
    else:
        listed = [0.0, 0.0, -np.inf, -np.inf, kind.tiny, kind.smallest_subnormal, 1e-8, 0.5, 1.0, -1.0, 1.0 + kind.eps]
        listed += [3.3, 50.0, -50.0, 88.0, -88.0, 709.0, -709.0, -1e4, -1e9, -3e38, kind.min, kind.max]
        listed += [-0.25 * float(kind.max)]
    return np.array(listed, dtype)


def pairs(module: str, dtype: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch of legal pairs of every kind."""
    rng, values = np.random.default_rng(seed), specials(module, dtype)
    mild = values[(values <= 2.0) if module == "probs" else (np.abs(values) < 2e3) | (values == -np.inf)]
    part = (BATCH // 8, WIDTH)

    def draw(pool: np.ndarray) -> np.ndarray:
        rows = rng.choice(pool, part)
        # A row without any outcome is no distribution.
        rows[np.arange(part[0]), rng.integers(0, WIDTH, part[0])] = rng.choice(pool[pool > -np.inf], part[0])
        return rows

    def near(rows: np.ndarray) -> np.ndarray:
        noise = rng.choice([1.0, 1e-3, 1e-6], (part[0], 1)) * rng.standard_normal(part)
        moved = rows * (1.0 + 0.3 * noise) if module == "probs" else np.where(np.isfinite(rows), rows, 0.0) + noise
        return (np.maximum(moved, 0.0) if module == "probs" else np.where(np.isfinite(rows), moved, rows)).astype(dtype)

    hot = np.eye(WIDTH, dtype=bool)[rng.integers(0, WIDTH, part[0])]
    filled, empty = (1.0, 0.0) if module == "probs" else (draw(mild[mild > -np.inf]), -np.inf)
    one_hot = np.where(hot, filled, empty).astype(dtype)
    a, b, c = draw(values), draw(mild), draw(mild)
    p = (a, a, b, b, b, one_hot, c, np.repeat(a[:, :1], WIDTH, 1))
    q = (draw(values), c, c, near(b), b, b, one_hot, draw(values))
    p_rows, q_rows = np.concatenate(p), np.concatenate(q)
    if module == "logits":
        legal = np.isfinite(p_rows.max(-1)) & np.isfinite(q_rows.max(-1))
        p_rows, q_rows = (np.where(legal[:, None], rows, 0.0).astype(dtype) for rows in (p_rows, q_rows))
    return p_rows, q_rows


def program(verb: Callable[..., jax.Array], module: str) -> Callable[..., Any]:
    """(p, q, steps) ↦ value, gradients and their derivative along the steps."""

    def both(p: jax.Array, q: jax.Array) -> Any:
        value, back = jax.vjp(lambda p, q: verb(MODULES[module], p, q), p, q)
        return back(jnp.ones_like(value)), value

    def all_three(p: jax.Array, q: jax.Array, *steps: jax.Array) -> Any:
        gradient, product, value = jax.jvp(both, (p, q), steps, has_aux=True)
        return value, gradient, product

    return jax.jit(all_three)


def faults(module: str, label: str, p: np.ndarray, q: np.ndarray, found: Any) -> Iterator[tuple[str, np.ndarray]]:
    """(what is wrong, in which rows)"""
    value, gradient, product = found
    yield "NaN in the value", np.isnan(value)
    yield "NaN in the gradient", np.isnan(np.concatenate(gradient, -1)).any(-1)
    yield "NaN in the Hessian-vector product", np.isnan(np.concatenate(product, -1)).any(-1)
    # Entropies of measures may be negative by rights: Σ p^α ≤ 1 takes Σ p ≤ 1 for α ≥ 1; Σ p^α ≥ 1 takes Σ p ≥ 1 of
    # masses up to 1 for α < 1, and one outcome for α = 0 (a subnormal one is none); so is -log q of masses above one.
    unit = np.ones(len(p), bool)
    if module == "probs" and label.startswith(("entropy", "cross_entropy")):
        total, order = p.astype(float).sum(-1), label.partition("-")[2]
        if label == "cross_entropy":
            unit = (q <= 1.0).all(-1)
        elif order == "0.0":
            unit = (p >= np.finfo(p.dtype).tiny).any(-1)
        else:
            unit = (p <= 1.0).all(-1) & ((total >= 1.0) if order == "0.5" else (total <= 1.0))
    yield "negative", unit & (value < 0.0)
    if not label.startswith(("entropy", "cross_entropy", "generalized")):
        yield "p = q with a value", (p == q).all(-1) & (value != 0.0)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=10_000_000, help="rows in all")
    options.add_argument("--only", nargs="*", default=[], help="verbs whose label has one of these in it")
    options.add_argument("--dtypes", nargs="*", default=["float32", "float64"])
    options.add_argument("--modules", nargs="*", default=list(MODULES))
    given = options.parse_args()
    jax.config.update("jax_enable_x64", "float64" in given.dtypes)
    chosen = {k: verb for k, verb in verbs().items() if not given.only or any(one in k for one in given.only)}
    cases = [(module, dtype, label) for dtype in given.dtypes for module in given.modules for label in chosen]
    batches = max(1, -(-given.rows // (len(cases) * BATCH)))
    start, rows, wrong = time.process_time(), 0, collections.Counter[str]()
    for module, dtype, label in cases:
        run = program(chosen[label], module)
        for seed in range(batches):
            p, q = pairs(module, np.dtype(dtype), seed)
            rng = np.random.default_rng([1, seed])
            steps = tuple(rng.uniform(-1.0, 1.0, p.shape).astype(dtype) for _ in range(2))
            found = jax.tree.map(np.asarray, run(p, q, *steps))
            rows += len(p)
            for what, at in faults(module, label, p, q, found):
                if at.any():
                    name = f"{module}.{label} {dtype}: {what}"
                    if not wrong[name]:
                        both = np.concatenate([p, q], -1)[at]
                        size = np.abs(np.where(np.isfinite(both), both, 0.0)).max(-1)
                        print(name, both[int(np.argmin(size))].tolist(), flush=True)
                    wrong[name] += int(at.sum())
        jax.clear_caches()
    spent = time.process_time() - start
    print(f"{rows:,} rows, {len(cases)} cases, {sum(wrong.values()):,} faults in {len(wrong)}, {spent:.0f} CPU-seconds")
    for name, count in wrong.most_common():
        print(f"  {count:>9,}  {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
