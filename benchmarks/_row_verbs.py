"""Every verb on rows beside the formula that people write: what it costs and how many digits it keeps.

Each verb has its plain formula once, for JAX and for numpy's long double, and its slope in log q, which gives the exact
gradient. Times are CPU time of the process, of candidates that take turns, so that other people's work on the
machine hardly shows; the figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax import generators, logits, probs

SHAPES = ["64x32768", "8192x100", "100000x10"]


@dataclasses.dataclass(frozen=True)
class Verb:
    """``call(module, x, y)``; the plain ``value(xp, p, q, log_p, log_q)`` and its ``slope`` in log q, of rows.

    Of rows that do not sum to one, as rounded ones don't, kljax takes ``line[0]`` Σ (p - q) from the value, and the
    slope has ``line[1]`` q more; in a function of the sum that is over half of Σ (p + q).
    """

    call: Callable[..., jax.Array]
    value: Callable[..., Any]
    slope: Callable[..., Any]
    sums: Callable[[Any], Any] | None = None  # a function of the sum
    line: tuple[float, float] = (0.0, 0.0)
    by_logs: bool = True  # whether the plain formula of probabilities takes logarithms


def _cubic(u: Any) -> Any:
    return u**3


CUBIC = generators.from_function(_cubic, "cubic")


def _renyi(order: float, factor: float = 1.0) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def value(xp, p, q, a, b):
        return xp.exp(order * a + (1.0 - order) * b)

    def slope(xp, p, q, a, b):
        tilted = value(xp, p, q, a, b)
        return -factor * tilted / tilted.sum(-1, keepdims=True)

    return value, slope


def _mixture(xp: Any, p: Any, q: Any, weight: float) -> tuple[Any, Any]:
    m = weight * p + (1.0 - weight) * q
    return m, xp.log(m)


VERBS: dict[str, Verb] = {
    "kl": Verb(
        lambda m, x, y, **k: m.kl(x, y, **k),
        lambda xp, p, q, a, b: p * (a - b),
        lambda xp, p, q, a, b: -p,
        line=(1.0, 1.0),
    ),
    "jeffreys": Verb(
        lambda m, x, y, **k: m.jeffreys(x, y, **k),
        lambda xp, p, q, a, b: (p - q) * (a - b),
        lambda xp, p, q, a, b: q * (b - a) + q - p,
    ),
    "jensen_shannon": Verb(
        lambda m, x, y, **k: m.jensen_shannon(x, y, **k),
        lambda xp, p, q, a, b: 0.5 * (p * (a - (lm := _mixture(xp, p, q, 0.5)[1])) + q * (b - lm)),
        lambda xp, p, q, a, b: 0.5 * q * (b - _mixture(xp, p, q, 0.5)[1]),
    ),
    "squared_hellinger": Verb(
        lambda m, x, y, **k: m.squared_hellinger(x, y, **k),
        lambda xp, p, q, a, b: 0.5 * (xp.exp(0.5 * a) - xp.exp(0.5 * b)) ** 2,
        lambda xp, p, q, a, b: 0.5 * (q - xp.exp(0.5 * (a + b))),
    ),
    "total_variation": Verb(
        lambda m, x, y, **k: m.total_variation(x, y, **k),
        lambda xp, p, q, a, b: 0.5 * xp.abs(p - q),
        lambda xp, p, q, a, b: 0.5 * q * xp.sign(b - a),
        by_logs=False,
    ),
    "chi_squared": Verb(
        lambda m, x, y, **k: m.chi_squared(x, y, **k),
        lambda xp, p, q, a, b: (p - q) ** 2 / q,
        lambda xp, p, q, a, b: q - xp.exp(2.0 * a - b),
        by_logs=False,
    ),
    "le_cam": Verb(
        lambda m, x, y, **k: m.le_cam(x, y, **k),
        lambda xp, p, q, a, b: 0.5 * (p - q) ** 2 / (p + q),
        lambda xp, p, q, a, b: 0.5 * q * (q - p) * (q + 3.0 * p) / (p + q) ** 2,
        by_logs=False,
    ),
    "renyi(.5)": Verb(lambda m, x, y, **k: m.renyi(x, y, order=0.5, **k), *_renyi(0.5), lambda s: -2.0 * s, (0.0, 1.0)),
    "alpha(1.5)": Verb(
        lambda m, x, y, **k: m.alpha(x, y, order=1.5, **k),
        lambda xp, p, q, a, b: (xp.exp(1.5 * a - 0.5 * b) - p) / 0.75,
        lambda xp, p, q, a, b: (q - xp.exp(1.5 * a - 0.5 * b)) / 1.5,
        line=(1.0 / 1.5, 0.0),
    ),
    "skew_kl(.1)": Verb(
        lambda m, x, y, **k: m.skew_kl(x, y, weight=0.1, **k),
        lambda xp, p, q, a, b: p * (a - _mixture(xp, p, q, 0.1)[1]),
        lambda xp, p, q, a, b: -0.9 * p * q / (0.1 * p + 0.9 * q),
        line=(0.9, 0.9),
    ),
    "cross_entropy": Verb(
        lambda m, x, y, **k: m.cross_entropy(x, y, **k), lambda xp, p, q, a, b: -p * b, lambda xp, p, q, a, b: -p
    ),
    "bhattacharyya": Verb(lambda m, x, y, **k: m.bhattacharyya(x, y, **k), *_renyi(0.5, 0.5), lambda s: -s, (0.0, 0.5)),
    "user's f": Verb(
        lambda m, x, y, **k: m.f_divergence(x, y, CUBIC, **k),
        lambda xp, p, q, a, b: p * (p / q) ** 2 - q,
        lambda xp, p, q, a, b: -2.0 * p * (p / q) ** 2,
        line=(3.0, 2.0),
        by_logs=False,
    ),
}


def plain(verb: Verb, module: str, xp: Any, x: Any, y: Any, temperature: Any = 1.0) -> Any:
    """What people write: log-softmax, exponentials, a sum."""
    p, q, a, b = _parts(module, xp, x, y, temperature, logs=verb.by_logs)
    total = verb.value(xp, p, q, a, b).sum(-1)
    return total if verb.sums is None else verb.sums(xp.log(total))


def _parts(module: str, xp: Any, x: Any, y: Any, temperature: Any, *, logs: bool = True) -> tuple[Any, Any, Any, Any]:
    if module == "probs":
        return (x, y, xp.log(x), xp.log(y)) if logs else (x, y, None, None)
    if xp is jnp:
        x, y = (one.astype(jnp.float32) if one.dtype.itemsize < 4 else one for one in (x, y))
        a, b = (jax.nn.log_softmax(one if temperature == 1.0 else one / temperature) for one in (x, y))
    else:
        a, b = (one / temperature for one in (x, y))
        a, b = (one - one.max(-1, keepdims=True) for one in (a, b))
        a, b = (one - np.log(np.exp(one).sum(-1, keepdims=True)) for one in (a, b))
    return xp.exp(a), xp.exp(b), a, b


def exact(verb: Verb, module: str, x: np.ndarray, y: np.ndarray, temperature: float, *, ours: bool) -> tuple[Any, Any]:
    """Value and gradient in y in long double, of what kljax defines or of the plain formula."""
    x, y = x.astype(np.longdouble), y.astype(np.longdouble)
    p, q, a, b = _parts(module, np, x, y, np.longdouble(temperature))
    slope = verb.slope(np, p, q, a, b)
    if module == "probs" and ours:
        total, mass = verb.value(np, p, q, a, b).sum(-1), (p + q).sum(-1, keepdims=True) / 2
        total -= verb.line[0] * (p - q).sum(-1)
        if verb.sums is not None:
            return verb.sums(np.log(total / mass[..., 0])), slope / q + verb.line[1] / mass
        return total, slope / q + verb.line[1]
    value = plain(verb, module, np, x, y, np.longdouble(temperature))
    if module == "probs":
        return value, slope / q + (0.0 if verb.sums else verb.line[1] - verb.line[0])
    return value, (slope - q * slope.sum(-1, keepdims=True)) / temperature


def rows(kind: str, module: str, shape: tuple[int, int], dtype: str) -> tuple[jax.Array, jax.Array]:
    """Normal logits, or a student with noise of 0.01 on its teacher's; or their softmax."""
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, *shape))
    x, y = first, first + 0.01 * second if kind == "near" else second
    if module == "probs":
        x, y = (np.exp(one) / np.exp(one).sum(-1, keepdims=True) for one in (x, y))
    return jnp.asarray(x, dtype), jnp.asarray(y, dtype)


def ratios(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """CPU time of "ours" and "plain", in turn: the median over rounds of their ratio, and their least seconds."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            jax.block_until_ready(call())
            times[name].append(time.process_time() - start)
    ratio = statistics.median(x / y for x, y in zip(times["ours"], times["plain"], strict=True))
    return {"ratio": ratio, **{name: 1e3 * min(values) for name, values in times.items()}}


def measure(
    name: str, module: str, shape: tuple[int, int], dtype: str, kind: str, temperature: float, rounds: int
) -> dict[str, float]:
    """The ratios of value and gradient, and the worst errors of both in eps of what is computed in."""
    verb, members = VERBS[name], {"logits": logits, "probs": probs}
    x, y = rows(kind, module, shape, dtype)
    options = {"temperature": temperature} if module == "logits" and temperature != 1.0 else {}

    def ours(y: jax.Array, x: jax.Array) -> jax.Array:
        return verb.call(members[module], x, y, **options)

    def theirs(y: jax.Array, x: jax.Array) -> jax.Array:
        return plain(verb, module, jnp, x, y, temperature)

    pair = {"ours": ours, "plain": theirs}
    forward = {key: jax.jit(one) for key, one in pair.items()}
    backward = {key: jax.jit(jax.value_and_grad(lambda y, x, f=one: f(y, x).sum())) for key, one in pair.items()}
    found = {"value": ratios({k: (lambda f=f: f(y, x)) for k, f in forward.items()}, rounds)}
    found["gradient"] = ratios({k: (lambda f=f: f(y, x)) for k, f in backward.items()}, rounds)
    result = {"value": found["value"]["ratio"], "gradient": found["gradient"]["ratio"]}
    result |= {"value ms": found["value"]["ours"], "gradient ms": found["gradient"]["ours"]}
    count = max(1, min(shape[0], 400_000 // shape[1]))  # rows that the long double looks at
    looked = [np.asarray(one[:count]).astype(np.float64) for one in (x, y)]
    eps = float(jnp.finfo(jnp.float64 if dtype == "float64" else jnp.float32).eps)
    for key in pair:
        truth, slope = exact(verb, module, *looked, temperature, ours=key == "ours")
        got = np.asarray(forward[key](y, x))[:count].astype(np.longdouble)
        result[f"{key} eps"] = float((np.abs(got - truth) / np.abs(truth)).max() / eps)
        step = np.asarray(backward[key](y, x)[1][:count]).astype(np.longdouble)
        error = np.linalg.norm((step - slope).astype(float), axis=-1) / np.linalg.norm(slope.astype(float), axis=-1)
        result[f"{key} gradient eps"] = float(error.max() / eps)
    return result
