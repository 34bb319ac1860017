"""The laws of a divergence between rows of probabilities or logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from kljax.testing._report import Report

Divergence = Callable[[jax.Array, jax.Array], jax.Array]
_OUTCOMES = 7
_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def check_divergence(
    divergence: Divergence,
    *,
    domain: Literal["probs", "logits"] = "probs",
    oracle: Callable[[np.ndarray, np.ndarray], Any] | None = None,
    dtypes: Sequence[DTypeLike] = (jnp.float32, jnp.float64),
    tolerance: float = 64.0,
    gradient_tolerance: float = 128.0,
    seed: int = 0,
) -> None:
    """D ≥ 0, D(p, p) = 0 with no gradient, never NaN, the right digits for p ≈ q, and derivatives that agree.

    The laws, in the order in which they are tried, by the names that a failure gives:

    - ``one number per row, in the dtype of the operands`` and ``half precision is computed in float32``.
    - ``D(p, p) = 0``, ``D(p, p) has no gradient``: exactly.
    - ``D ≥ 0``, ``never NaN``, ``the gradient is never NaN``: with zeros (in logits, -inf) in p, in q and in both.
    - ``accurate``: against ``oracle``, or else against its own float64 result on the same numbers, for rows that are
      random, peaked, and as near as 1e-6 of each other.
    - ``a shift of the logits changes nothing``, ``the order of outcomes changes nothing``.
    - ``jit changes nothing``, ``vmap is a loop``.
    - ``the gradient is the derivative``: against central differences in float64, relative to the gradient's norm.
    - ``forward and reverse mode agree``, ``the Hessian is finite``.

    Args:
        divergence: Maps two arrays [..., V] to [...], reducing the last axis, like ``functools.partial`` of a verb.
        domain: What the rows hold: "probs", or "logits".
        oracle: Maps two float64 numpy rows [V] to a number, for instance with mpmath; without it, the digits are held
            against float64.
        dtypes: The dtypes to check in; float64 is switched on where needed.
        tolerance: The relative error allowed in values, in eps of the dtype.
        gradient_tolerance: The error allowed in gradients, in eps relative to their norm.
        seed: Seed of the random rows.

    Returns:
        Nothing.

    Raises:
        AssertionError: If a law fails; the message names the law, the worst rows and the error in eps.

    Example:
        >>> from functools import partial
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> from kljax.testing import check_divergence
        >>> check_divergence(partial(probs.jensen_shannon, weight=0.25), dtypes=[jnp.float32])

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", for the laws; numerics by comparison.
    """
    if domain not in ("probs", "logits"):
        raise ValueError(f'domain must be "probs" or "logits"; got {domain!r}.')
    name = getattr(divergence, "__name__", None) or getattr(getattr(divergence, "func", None), "__name__", "divergence")
    for dtype in [np.dtype(one) for one in dtypes]:
        rows = _Rows(domain, dtype, np.random.default_rng(seed))
        # The function is the user's, and runs under JAX's own rules of promotion whatever the tests around it set.
        standard = jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow")
        with jax.enable_x64(dtype == _DOUBLE), standard[0], standard[1]:
            report = Report(f"{name} of {domain}", dtype)
            functions = _Functions(divergence)
            _form_laws(report, functions, rows)
            _boundary_laws(report, functions, rows)
            _accuracy_laws(report, functions, rows, oracle, tolerance)
            _invariance_laws(report, functions, rows, tolerance)
            _derivative_laws(report, functions, rows, gradient_tolerance)


class _Functions:
    """A divergence with what is differentiated from it, compiled once each."""

    def __init__(self, divergence: Divergence) -> None:
        def value(x: jax.Array) -> jax.Array:
            return divergence(x[0], x[1])

        def total(x: jax.Array) -> jax.Array:
            return value(x).sum()

        self.eager = divergence
        self.value: Callable[..., jax.Array] = jax.jit(value)  # [2, ..., V] -> [...]
        self.looped: Callable[..., jax.Array] = jax.jit(jax.vmap(value, in_axes=1))
        self.gradient: Callable[..., jax.Array] = jax.jit(jax.grad(total))  # [2, N, V] -> the same
        self.forward: Callable[..., jax.Array] = jax.jit(jax.vmap(jax.jacfwd(value), in_axes=1, out_axes=1))
        self.hessian: Callable[..., jax.Array] = jax.jit(jax.vmap(jax.hessian(value), in_axes=1))


class _Rows:
    """Pairs of rows as arrays [2, N, V] in a dtype."""

    def __init__(self, domain: str, dtype: np.dtype, random: np.random.Generator) -> None:
        self.domain, self.dtype = domain, dtype
        far = random.normal(size=(2, 4, _OUTCOMES)) * np.asarray([1.0, 1.0, 3.0, 6.0])[:, None]
        # Logits on a grid, so that a shift by a whole number is exact.
        self.far_logits = np.round(far * 64.0) / 64.0
        start = random.normal(size=(6, _OUTCOMES))
        step = random.normal(size=(6, _OUTCOMES)) * 10.0 ** -np.arange(1.0, 7.0)[:, None]
        self.far = self.of_logits(self.far_logits)
        self.near = self.of_logits(np.stack([start + step, start]))
        self.all = np.concatenate([self.far, self.near], axis=1)

    def of_logits(self, logits: np.ndarray) -> np.ndarray:
        if self.domain == "logits":
            return logits.astype(self.dtype)
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        return (weights / weights.sum(-1, keepdims=True)).astype(self.dtype)

    def edges(self) -> np.ndarray:
        """Each row has outcomes missing from p, from q, from both or from neither."""
        none = -np.inf
        p = np.asarray(
            [[none, 0.5, 1.0, 0.0], [0.5, 0.25, 1.0, 0.0], [none, 0.5, 1.0, 0.0], [none, 0.5, none, 0.0],
             [0.0, none, none, none], [0.0, none, none, none], [0.0, none, none, none], [0.0, 0.0, none, none]]
        )  # fmt: skip
        q = np.asarray(
            [[0.5, 0.25, 1.0, 0.0], [none, 0.5, 1.0, 0.0], [none, 0.25, 1.0, 0.0], [0.0, 0.5, 0.5, none],
             [none, 0.0, none, none], [0.0, none, none, none], [0.0, 0.5, 0.25, 0.0], [none, none, 0.0, 0.0]]
        )  # fmt: skip
        return self.of_logits(np.stack([p, q]))


def _named(rows: np.ndarray) -> list[str]:
    def show(row: np.ndarray) -> str:
        return np.array2string(row, precision=6, max_line_width=200)

    return [f"p = {show(p)}, q = {show(q)}" for p, q in zip(*rows, strict=True)]


def _form_laws(report: Report, functions: _Functions, rows: _Rows) -> None:
    x = jnp.asarray(rows.far)
    value = functions.value(x)
    law = "one number per row, in the dtype of the operands"
    if value.shape != x.shape[1:-1] or value.dtype != rows.dtype:
        report.fail(law, f"operands of {x.dtype}{list(x.shape[1:])} give {value.dtype}{list(value.shape)}.")
    if rows.dtype != _SINGLE:
        return
    for half in (jnp.bfloat16, jnp.float16):
        short = x.astype(half)
        got, want = functions.value(short), functions.value(short.astype(jnp.float32))
        law = "half precision is computed in float32"
        if got.dtype != jnp.float32:
            report.fail(law, f"operands of {short.dtype} give {got.dtype}.")
        report.agree(law, _named(rows.far), got, want, 16.0)


def _boundary_laws(report: Report, functions: _Functions, rows: _Rows) -> None:
    same = np.stack([rows.all[0], rows.all[0]])
    value, gradient = functions.value(jnp.asarray(same)), functions.gradient(jnp.asarray(same))
    report.require("D(p, p) = 0", np.asarray(value) == 0.0, _named(same), value)
    still = (np.asarray(gradient) == 0.0).all((0, 2))
    report.require("D(p, p) has no gradient", still, _named(same), np.moveaxis(np.asarray(gradient), 1, 0))
    for x in (rows.all, rows.edges()):
        at = jnp.asarray(x)
        values, slopes = np.asarray(functions.value(at)), np.asarray(functions.gradient(at))
        report.require("never NaN", ~np.isnan(values), _named(x), values)
        report.require("D ≥ 0", values >= 0.0, _named(x), values)
        held = ~np.isnan(slopes).any((0, 2))
        report.require("the gradient is never NaN", held, _named(x), np.moveaxis(slopes, 1, 0))


def _accuracy_laws(
    report: Report,
    functions: _Functions,
    rows: _Rows,
    oracle: Callable[[np.ndarray, np.ndarray], Any] | None,
    tolerance: float,
) -> None:
    x = rows.all
    if oracle is None and rows.dtype == _DOUBLE:
        return
    if oracle is None:
        # As near as a formula that cancels in float64 can still serve as the reference.
        x = x[:, : rows.far.shape[1] + 3]
        with jax.enable_x64(True):
            want = np.asarray(functions.value(jnp.asarray(x.astype(np.float64))))
    else:
        want = np.asarray([float(oracle(p, q)) for p, q in zip(*x.astype(np.float64), strict=True)])
    report.agree("accurate", _named(x), functions.value(jnp.asarray(x)), want, tolerance)


def _invariance_laws(report: Report, functions: _Functions, rows: _Rows, tolerance: float) -> None:
    x = jnp.asarray(rows.far)
    value = functions.value(x)
    if rows.domain == "logits":
        moved = functions.value(x + jnp.asarray([[[32.0]], [[-16.0]]], x.dtype))
        report.agree("a shift of the logits changes nothing", _named(rows.far), moved, value, tolerance)
    law = "the order of outcomes changes nothing"
    report.agree(law, _named(rows.far), functions.value(x[..., ::-1]), value, tolerance)
    report.agree("jit changes nothing", _named(rows.far), functions.eager(x[0], x[1]), value, tolerance)
    report.agree("vmap is a loop", _named(rows.far), functions.looped(x), value, tolerance)


def _derivative_laws(report: Report, functions: _Functions, rows: _Rows, tolerance: float) -> None:
    x = rows.far
    gradient = np.asarray(functions.gradient(jnp.asarray(x)), np.float64)
    norm = np.abs(gradient).max((0, 2))
    size = np.broadcast_to(norm[None, :, None], x.shape)
    with jax.enable_x64(True):
        exact, step = x.astype(np.float64), 1e-4
        # Relative steps for probabilities, and four points: the error falls as the fourth power of the step.
        width = step * (exact if rows.domain == "probs" else np.ones_like(exact))
        slopes = np.zeros_like(exact)
        for side in np.ndindex(2, _OUTCOMES):
            unit = np.zeros_like(exact)
            unit[side[0], :, side[1]] = width[side[0], :, side[1]]
            ahead, behind, far_ahead, far_behind = (
                np.asarray(functions.value(jnp.asarray(exact + k * unit))) for k in (1.0, -1.0, 2.0, -2.0)
            )
            difference = (8.0 * (ahead - behind) - (far_ahead - far_behind)) / 12.0
            slopes[side[0], :, side[1]] = difference / width[side[0], :, side[1]]
    # What differences themselves leave: eight digits.
    allowed = tolerance + 1e-8 / report.eps
    at = [f"{pair}, entry {i}" for _ in range(2) for pair in _named(x) for i in range(_OUTCOMES)]
    report.agree(
        "the gradient is the derivative", at, gradient.reshape(-1), slopes.reshape(-1), allowed, size.reshape(-1)
    )
    everything, law = jnp.asarray(rows.all), "forward and reverse mode agree"
    forward = np.full(everything.shape, np.nan)
    try:
        forward = np.asarray(functions.forward(everything), np.float64)
    except TypeError as error:  # JAX's answer where a rule has no forward mode
        report.fail(law, str(error))
    reverse = np.asarray(functions.gradient(everything), np.float64)
    size = np.broadcast_to(np.abs(reverse).max((0, 2))[None, :, None], reverse.shape)
    at = [f"{pair}, entry {i}" for _ in range(2) for pair in _named(rows.all) for i in range(_OUTCOMES)]
    report.agree(law, at, forward.reshape(-1), reverse.reshape(-1), tolerance, size.reshape(-1))
    hessian = np.asarray(functions.hessian(everything))
    held = np.isfinite(hessian).reshape(hessian.shape[0], -1).all(1)
    report.require("the Hessian is finite", held, _named(rows.all), hessian)
