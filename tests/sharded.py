"""What tests/test_sharding.py runs in processes of their own, with several CPU devices."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

EPS = 2.0**-23
TOKENS, WIDTH, OUTCOMES = 32, 16, 512


def operands() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = ((TOKENS, WIDTH), (OUTCOMES, WIDTH)) * 2
    return [(0.5 * rng.standard_normal(shape)).astype(np.float32) for shape in shapes]


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Far, near, peaked; an outcome missing in both, and one in p alone, in other devices' pieces."""
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 6, 64))
    b[1] = a[1] + 1e-4 * b[1]
    a[2, 5] += 25.0
    b[2] = a[2] + 0.01 * b[2]
    a[3, 9] = b[3, 9] = a[3, 40] = -np.inf
    a[4], b[4] = a[4] + 300.0, b[4] - 300.0
    a[5, :16] = -np.inf  # all of one device's piece
    return a.astype(np.float32), b.astype(np.float32)


def mesh(count: int, name: str = "v") -> Any:
    return jax.make_mesh((count,), (name,), axis_types=(jax.sharding.AxisType.Auto,))


def close(found: Any, expected: Any, factor: float = 32.0) -> None:
    """Equal up to some eps of each number, or of the norm of each row."""
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        assert (np.isinf(one) == np.isinf(other)).all()
        one, other = (np.where(np.isfinite(x), x, 0.0) for x in (one, other))
        size = np.abs(other) if other.ndim < 2 else np.linalg.norm(other, axis=-1, keepdims=True)
        assert (np.abs(one - other) <= factor * EPS * np.maximum(size, 1e-30)).all(), np.max(np.abs(one - other) / size)


def logits_verbs() -> dict[str, Callable[..., jax.Array]]:
    from kljax import logits

    return {
        "kl": logits.kl,
        "jensen_shannon": functools.partial(logits.jensen_shannon, weight=0.25),
        "renyi": functools.partial(logits.renyi, order=0.5),
        # What rounding leaves of a cross-entropy of almost 0 is absolute there.
        "cross_entropy": lambda a, b, **options: 1.0 + logits.cross_entropy(a, b, **options),
        "entropy": lambda a, b, **options: logits.entropy(b, **options),
    }


def over_axis(check_vma: bool, every: bool) -> None:
    """logits.* inside shard_map: values, gradients from outside and from inside, second derivatives.

    Of the verbs beside kl only half run with each setting of check_vma, unless ``every``.
    """
    a, b = rows()
    first, *others = logits_verbs().values()
    for verb in [first, *(others if every else others[check_vma::2])]:
        split = jax.shard_map(
            functools.partial(verb, axis_name="v"),
            mesh=mesh(4),
            in_specs=(P(None, "v"), P(None, "v")),
            out_specs=P(),
            check_vma=check_vma,
        )

        def everything(f: Any, a: Any, b: Any) -> Any:
            ones = jnp.where(jnp.isfinite(f(a, b)), jnp.arange(1.0, 7.0), 0.0)
            value, pull = jax.vjp(f, a, b)
            step = jnp.sin(jnp.where(a == -jnp.inf, 0.0, a)), jnp.cos(jnp.where(b == -jnp.inf, 0.0, b))
            curved = jax.jvp(lambda a, b: jax.vjp(f, a, b)[1](ones), (a, b), step)[1]
            return value, pull(ones), curved

        close(
            jax.jit(functools.partial(everything, split))(a, b), jax.jit(functools.partial(everything, verb))(a, b), 256
        )
        if check_vma:
            inside = jax.shard_map(
                jax.grad(lambda a, b, verb=verb: verb(a, b, axis_name="v")[:5].sum(), (0, 1)),
                mesh=mesh(4),
                in_specs=(P(None, "v"), P(None, "v")),
                out_specs=(P(None, "v"), P(None, "v")),
            )
            close(
                jax.jit(inside)(a, b), jax.jit(jax.grad(lambda a, b, verb=verb: verb(a, b)[:5].sum(), (0, 1)))(a, b), 64
            )


def masked_over_axis(check_vma: bool, _: bool) -> None:
    """Outcomes left out: all of a row, which costs 0, and all of a row but what the last device holds."""
    a, b = rows()
    where = np.ones(a.shape, bool)
    where[0], where[1, :48], where[2, ::3] = False, False, False
    verbs = logits_verbs()
    for name in ("kl", "entropy"):

        def total(a: Any, b: Any, where: Any, name: str = name, **options: Any) -> Any:
            value = verbs[name](a, b, where=where, **options)
            return jnp.where(jnp.isfinite(value), value, 0.0).sum(), value

        split = jax.shard_map(
            functools.partial(total, axis_name="v"),
            mesh=mesh(4),
            in_specs=(P(None, "v"),) * 3,
            out_specs=P(),
            check_vma=check_vma,
        )
        found, expected = (
            jax.jit(jax.value_and_grad(one, (0, 1), has_aux=True))(a, b, where) for one in (split, total)
        )
        close(found, expected, 64)
        assert found[0][1][0] == 0.0, name
        assert not any(slopes[0].any() for slopes in found[1]), name


def hidden_over_axis(check_vma: bool, every: bool) -> None:
    """hidden.* inside shard_map, with the vocabulary and the tokens split; half of the cases unless ``every``."""
    from kljax import hidden

    given = operands()
    grid = jax.make_mesh((2, 4), ("t", "v"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    labels = np.arange(TOKENS) * 13 % OUTCOMES
    scale, bias = np.float32(1.25), np.sin(np.arange(OUTCOMES, dtype=np.float32))
    for at, strategy in enumerate(("tokens", "vocabulary")):
        cases = [("kl", "sum"), ("kl", None), ("jensen_shannon", "sum"), ("labels", "sum")]
        for verb, reduction in cases if every else cases[(at + check_vma) % 2 :: 2]:
            options = {"strategy": strategy, "chunk": 5 if strategy == "tokens" else 50, "reduction": reduction}

            def loss(
                h: Any, w: Any, k: Any, v: Any, s: Any, b: Any, y: Any, verb: str = verb, **options: Any
            ) -> jax.Array:
                # The bias is the same for all tokens, and a temperature, soft-cap or weight on all devices.
                options["temperature"], q = s, hidden.Head(k, v, b, 3.0 * s)
                if verb == "labels":
                    return hidden.cross_entropy(y, q, **options).sum()
                if verb == "jensen_shannon":
                    options["weight"] = 0.25 * s
                return getattr(hidden, verb)((h, w), q, **options).sum()

            def split(*x: Any, loss: Any = loss, options: Any = options) -> jax.Array:
                return jax.lax.psum(loss(*x, axis_name="v", **options), "t")

            tokens, outcomes = P("t"), P("v")
            mapped = jax.shard_map(
                split,
                mesh=grid,
                in_specs=(tokens, outcomes, tokens, outcomes, P(), outcomes, tokens),
                out_specs=P(),
                check_vma=check_vma,
            )
            operands_, at = (*given, scale, bias, labels), (0, 1, 2, 3, 4, 5)
            found = jax.jit(jax.value_and_grad(mapped, at))(*operands_)
            whole = functools.partial(loss, reduction=reduction)
            close(found, jax.jit(jax.value_and_grad(whole, at))(*operands_), 256)
        if check_vma:
            _values_over_axis(given, labels, {"strategy": strategy, "chunk": options["chunk"]})


def _values_over_axis(given: Any, labels: Any, options: Any) -> None:
    """Log-partitions, and labels on all devices, over four devices."""
    from kljax import hidden

    def found(h: Any, w: Any, k: Any, v: Any, **options: Any) -> Any:
        _, logs = hidden.kl((h, w), (k, v), with_log_partitions=True, **options)
        return logs, hidden.cross_entropy(labels, (k, v), with_log_partitions=True, **options)

    split = jax.shard_map(
        functools.partial(found, axis_name="v", **options),
        mesh=mesh(4),
        in_specs=(P(), P("v"), P(), P("v")),
        out_specs=P(),
    )
    close(jax.jit(split)(*given), jax.jit(found)(*given))


def partitioned() -> None:
    """Under jit with NamedSharding, over the tokens and over the vocabulary: no logits are gathered."""
    from kljax import generators, hidden, logits
    from kljax._kernels import choose, f_divergence, streaming

    given = operands()
    a, b = (h @ w.T for h, w in (given[:2], given[2:]))
    line = mesh(4)

    def check(step: Any, values: Any, specs: Any, shape: tuple[int, ...]) -> None:
        expected = jax.jit(step)(*values)
        placed = [jax.device_put(x, NamedSharding(line, spec)) for x, spec in zip(values, specs, strict=True)]
        compiled = jax.jit(step).lower(*placed).compile()
        entries = shape[0] * shape[1]
        for text in compiled.as_text().splitlines():
            if " all-gather" in text or " all-to-all" in text:
                sizes = [int(np.prod([int(n) for n in one.split(",")])) for one in _shapes(text)]
                assert max(sizes) < entries // 4, text
        close(compiled(*placed), expected, 128)

    for verb in (logits.kl, logits.jensen_shannon, functools.partial(logits.renyi, order=0.5)):
        step = jax.value_and_grad(lambda b, a, verb=verb: verb(a, b).mean())
        for spec in (P("v"), P(None, "v")):
            check(step, (b, a), (spec, spec), (TOKENS, OUTCOMES))
    for strategy in ("tokens", "vocabulary"):

        def loss(k: Any, v: Any, h: Any, w: Any, strategy: str = strategy) -> jax.Array:
            chunk = 8 if strategy == "tokens" else 128
            return hidden.kl((h, w), (k, v), reduction="mean", strategy=strategy, chunk=chunk)

        step = jax.value_and_grad(loss, (0, 1))
        values = given[2], given[3], given[0], given[1]
        for specs in ((P("v"), P(), P("v"), P()), (P(), P("v"), P(), P("v"))):
            check(step, values, specs, (TOKENS, OUTCOMES))
    # The sums that GPUs take, whose references come from one device's outcomes.
    choose.by_platform, streaming.SAMPLE = lambda one, several, *x: one(*x), 32
    step = jax.value_and_grad(lambda b, a: f_divergence.f_divergence(generators.kl, a, b, None).mean())
    check(step, (b, a), (P(None, "v"),) * 2, (TOKENS, OUTCOMES))


def _shapes(text: str) -> list[str]:
    return re.findall(r"[a-z]+\d+\[([\d,]+)\]", text.split("all-")[0]) or ["1"]


def process(index: int, count: int, port: int) -> None:
    """One of several processes, each with its own device, that share the vocabulary."""
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=count, process_id=index)
    from kljax import hidden, logits

    given = operands()
    line = mesh(jax.device_count())
    assert jax.device_count() == count
    outcomes = NamedSharding(line, P("v"))
    everywhere = NamedSharding(line, P())
    kinds = (everywhere, outcomes, everywhere, outcomes)
    placed = [
        jax.make_array_from_callback(x.shape, kind, lambda at, x=x: x[at]) for x, kind in zip(given, kinds, strict=True)
    ]

    def loss(h: Any, w: Any, k: Any, v: Any) -> jax.Array:
        return hidden.kl((h, w), (k, v), reduction="mean", chunk=10, strategy="tokens", axis_name="v")

    specs = (P(), P("v"), P(), P("v"))
    split = jax.shard_map(loss, mesh=line, in_specs=specs, out_specs=P())
    value, slope = jax.jit(jax.value_and_grad(split, 2))(*placed)
    a, b = (h.astype(np.float64) @ w.T.astype(np.float64) for h, w in (given[:2], given[2:]))
    p, q = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (a, b))
    close(value, (p * np.log(p / q)).sum(-1).mean(), 64)
    close(slope.addressable_data(0), (q - p) @ given[3] / TOKENS, 256)
    rows_ = [
        jax.make_array_from_callback(x.shape, NamedSharding(line, P(None, "v")), lambda at, x=x: x[at])
        for x in (a.astype(np.float32), b.astype(np.float32))
    ]
    by_jit = jax.jit(logits.kl, out_shardings=everywhere)(*rows_)
    close(by_jit.addressable_data(0), (p * np.log(p / q)).sum(-1), 64)


if __name__ == "__main__":
    case, *numbers = sys.argv[1:]
    if case != "process":
        jax.config.update("jax_num_cpu_devices", 8)
    globals()[case](*map(int, numbers))
    sys.stdout.write("done\n")
