"""The laws of a generator."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from kljax import _checks
from kljax.generators import Generator
from kljax.testing._report import Report

_NEAR = np.asarray([sign * 10.0**-k for k in range(1, 8) for sign in (1, -1)])
_MIDDLE = np.asarray([-12.0, -5.0, -3.0, -2.0, -1.0, -0.5, -0.2, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 12.0])
_LENGTH = 2048
_FORMULA = 1e-9 / float(np.finfo(np.float64).eps)  # laws about the formula and not its rounding: nine digits


def check_generator(
    generator: Generator,
    *,
    dtypes: Sequence[DTypeLike] = (jnp.float32, jnp.float64),
    tolerance: float = 32.0,
    convex: bool = True,
) -> None:
    """f(1) = f'(1) = 0, f ≥ 0, f convex, and f, f', f*, f(0) and lim f(u)/u are those of one function.

    The laws, in the order in which they are tried, by the names that a failure gives:

    - ``f(1) = 0``, ``f'(1) = 0``: exactly.
    - ``never NaN``, ``f ≥ 0``: for log u from one end of the dtype to the other.
    - ``f' is the derivative of f``, ``f - u f' is the coderivative``: in float64, to nine digits.
    - ``f' never falls``: convexity.
    - ``f(0) is the limit``, ``lim f(u)/u is the limit``: from far out in float64.
    - ``symmetric means f(u) = u f(1/u)``.
    - ``f(u) + f*(f'(u)) = u f'(u)``, ``f* = ∞ beyond lim f(u)/u``: the conjugate.
    - ``digits near u = 1``: relative error of f and f' for log u down to 1e-7, within ``tolerance`` eps.
    - ``the Hessian is finite``, ``a missing mass costs the limits``,
      ``what costs nothing or infinity has no gradient``, ``the Hessian at p = q is q f''(1)``,
      ``the summand is q f(p/q)``, ``the gradient is q f(p/q)'s``.

    Args:
        generator: The generator, for instance from ``generators.from_function``, or a record written by hand.
        dtypes: The dtypes to check in; float64 is switched on where needed.
        tolerance: The relative error allowed near u = 1, in eps of the dtype.
        convex: False for a function like ``generators.squared_log`` that is not; then the laws of convexity and of the
            conjugate are left out.

    Returns:
        Nothing.

    Raises:
        AssertionError: If a law fails; the message names the law, the worst point and the error in eps.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import generators
        >>> from kljax.testing import check_generator
        >>> check_generator(generators.from_function(lambda u: u * jnp.log(u), "mine"))

    References:
        Liese & Vajda (2006), "On divergences and informations in statistics and information theory", for the laws.
    """
    _checks.instance("generator", generator, Generator, "a generator, see kljax.generators")
    for dtype in [np.dtype(one) for one in dtypes]:
        with jax.enable_x64(dtype == np.float64):
            report = Report(generator.name, dtype)
            _rounded_laws(report, generator)
    with jax.enable_x64(True):
        report = Report(generator.name, np.dtype(np.float64))
        _exact_laws(report, generator, convex)
        _limits(report, generator)
        if convex:
            _conjugate_laws(report, generator)
    for dtype in [np.dtype(one) for one in dtypes]:
        report = Report(generator.name, dtype)
        _near_one(report, generator, tolerance)
        with jax.enable_x64(dtype == np.float64):
            _summand_laws(report, generator)


@functools.partial(jax.jit, static_argnames="dtype")
def _forms(generator: Generator, r: jax.Array, dtype: np.dtype) -> tuple[jax.Array, jax.Array, jax.Array]:
    r = r.astype(dtype)
    forms = generator.balanced, generator.derivative, generator.coderivative
    value, slope, coslope = (form(r, *generator.parameters) for form in forms)
    return value, slope, coslope


def _forms_at(generator: Generator, r: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, ...]:
    """(f(eʳ)/max(1, eʳ), f'(eʳ), f - u f') as float64 numbers, evaluated in a dtype at r rounded to it."""
    # One length for all calls, so that a generator is compiled once for each dtype.
    padded = np.zeros(_LENGTH, dtype)
    padded[: r.size] = r.reshape(-1)
    with jax.enable_x64(dtype == np.float64):
        forms = _forms(generator, jnp.asarray(padded), dtype)
    return tuple(np.asarray(one, np.float64)[: r.size].reshape(r.shape) for one in forms)


def _rounded_laws(report: Report, generator: Generator) -> None:
    far = 85.0 if report.dtype == np.float32 else 700.0
    r = np.concatenate([[0.0], _NEAR, _MIDDLE, np.linspace(-far, far, 16)])
    value, slope, coslope = _forms_at(generator, r, report.dtype)
    at = [f"log u = {one:g}" for one in r]
    report.require("f(1) = 0", value[:1] == 0.0, at, value)
    report.require("f'(1) = 0", (slope[:1] == 0.0) & (coslope[:1] == 0.0), at, slope)
    for got in (value, slope, coslope):
        report.require("never NaN", ~np.isnan(got), at, got)
    report.require("f ≥ 0", value >= 0.0, at, value)


def _integral(generator: Generator, r: np.ndarray) -> np.ndarray:
    """f(eʳ) = ∫₀ʳ eˢ f'(eˢ) ds in float64, from twelve Gauss nodes on each of eight panels."""
    x, w = np.polynomial.legendre.leggauss(12)
    panels = (np.arange(8)[:, None] + 0.5 * (1.0 + x)) / 8.0
    s = r[:, None, None] * panels
    slope = _forms_at(generator, s, np.dtype(np.float64))[1]
    return np.asarray(r * (np.exp(s) * slope * (w / 16.0)).sum((1, 2)))


def _exact_laws(report: Report, generator: Generator, convex: bool) -> None:
    r = _MIDDLE
    value, slope, coslope = _forms_at(generator, r, report.dtype)
    u = np.exp(r)
    f = value * np.maximum(u, 1.0)
    at = [f"log u = {one:g}" for one in r]
    report.agree("f' is the derivative of f", at, f, _integral(generator, r), _FORMULA)
    report.agree("f - u f' is the coderivative", at, coslope, f - u * slope, _FORMULA, np.abs(f) + np.abs(u * slope))
    if convex:
        rise = np.diff(slope)
        report.require("f' never falls", rise >= -_FORMULA * report.eps * np.abs(slope[1:]), at[1:], slope[1:])
    mirrored = _forms_at(generator, -r, report.dtype)[0]
    if generator.symmetric:
        report.agree("symmetric means f(u) = u f(1/u)", at, mirrored, value, _FORMULA)


def _limits(report: Report, generator: Generator) -> None:
    for law, sign, price in (
        ("f(0) is the limit", -1.0, generator.at_zero),
        ("lim f(u)/u is the limit", 1.0, generator.at_infinity),
    ):
        r = sign * np.asarray([230.0, 460.0, 690.0])
        first, second, third = map(float, _forms_at(generator, r, report.dtype)[0])
        price = float(price)
        early, late = second - first, third - second
        growing = not math.isfinite(third) or late >= 0.99 * early > 1e-9
        # A value that approaches its limit like a power of u: Aitken's extrapolation finds it.
        limit = third if abs(late) <= 1e-12 * abs(third) or growing else third + late * late / (early - late)
        seen = f"infinity, or a number far above {third:.9g}" if growing else f"{limit:.9g}"
        settled = abs(limit - price) <= 1e-2 * abs(limit) + 1e-6
        # One that still grows may have a large finite limit.
        holds = (price == math.inf or price >= third) if growing else settled
        if not holds:
            report.fail(law, f"the record has {price:.9g}, but f tends to {seen}.")


def _conjugate_laws(report: Report, generator: Generator) -> None:
    r = _MIDDLE
    value, slope, _ = _forms_at(generator, r, report.dtype)
    u = np.exp(r)
    f = value * np.maximum(u, 1.0)
    inside = slope < float(generator.at_infinity) * (1.0 - 1e-6)
    if inside.any():
        t = slope[inside]
        got = np.asarray(generator.conjugate(jnp.asarray(t)))
        at = [f"log u = {one:g}" for one in r[inside]]
        size = np.abs(u * slope)[inside] + f[inside]
        want = u[inside] * t - f[inside]
        report.agree("f(u) + f*(f'(u)) = u f'(u)", at, got, want, _FORMULA, size)
    if math.isfinite(generator.at_infinity):
        beyond = float(generator.at_infinity) + 1.0
        last = float(generator.conjugate(jnp.asarray(beyond)))
        report.require("f* = ∞ beyond lim f(u)/u", [last == math.inf], [f"t = {beyond:g}"], [last])


def _near_one(report: Report, generator: Generator, tolerance: float) -> None:
    # In float32, 1e-4 is as near as a function that cancels in float64 can still serve as the reference.
    r = _NEAR if report.dtype == np.float64 else _NEAR[np.abs(_NEAR) > 5e-5]
    r = r.astype(report.dtype).astype(np.float64)
    value, slope, _ = _forms_at(generator, r, report.dtype)
    at = [f"log u = {one:g}" for one in r]
    law = "digits near u = 1"
    report.agree(f"{law} (of f)", at, value, _integral(generator, r) / np.maximum(np.exp(r), 1.0), tolerance)
    if report.dtype != np.float64:
        report.agree(f"{law} (of f')", at, slope, _forms_at(generator, r, np.dtype(np.float64))[1], tolerance)


def _summand_laws(report: Report, generator: Generator) -> None:
    def value(x: jax.Array) -> jax.Array:
        return generator.perspective(x[0], x[1])

    everything = jax.jit(jax.vmap(lambda x: (value(x), jax.grad(value)(x), jax.hessian(value)(x))))
    inf = np.inf
    edges = [(-inf, -0.5), (-0.5, -inf), (-inf, -inf), (-0.5, -0.5)]
    near = [(-0.5 + d, -0.5) for d in (1e-3, -1e-3, 0.5, -0.5)]
    far = [(-3.0, -1.0), (-1.0, -3.0), (-0.25, -9.0), (-9.0, -0.25)]
    rows = np.asarray(edges + near + far, report.dtype)
    with jax.enable_x64(report.dtype == np.float64):
        got, gradient, hessian = (np.asarray(one, np.float64) for one in everything(jnp.asarray(rows)))
    at = [f"(log p, log q) = {tuple(map(float, row))}" for row in rows]
    report.require("the Hessian is finite", np.isfinite(hessian).all((1, 2)), at, hessian)

    mass = math.exp(-0.5)
    prices = [mass * float(generator.at_zero), mass * float(generator.at_infinity), 0.0, 0.0]
    report.agree("a missing mass costs the limits", at, got[:4], prices, 8.0)
    along = np.asarray([(0.0, prices[0]), (prices[1], 0.0), (0.0, 0.0), (0.0, 0.0)])
    along = np.where(np.isinf(along), 0.0, along)
    for i in range(2):
        report.agree("what costs nothing or infinity has no gradient", at, gradient[:4, i], along[:, i], 8.0)

    step = 1e-6
    curvature = _forms_at(generator, np.asarray([step]), np.dtype(np.float64))[1][0] / step
    if abs(curvature) < 1e3:  # else f has a kink at 1
        want = mass * curvature * np.asarray([1.0, -1.0, -1.0, 1.0])
        law = "the Hessian at p = q is q f''(1)"
        report.agree(law, at[3], hessian[3].reshape(-1), want, 64.0 + 8.0 * step / report.eps)

    rows, got, gradient, at = rows[4:], got[4:], gradient[4:], at[4:]
    log_p, log_q = rows.astype(np.float64).T
    r = (rows[:, 0] - rows[:, 1]).astype(np.float64)
    v, slope, coslope = _forms_at(generator, r, report.dtype)
    p, q = np.exp(log_p), np.exp(log_q)
    # Rounding of the exponentials and of r.
    allowed = 64.0 * (1.0 + np.abs(r))
    report.agree("the summand is q f(p/q)", at, got, np.maximum(p, q) * v, allowed)
    for i, want in enumerate((p * slope, q * coslope)):
        report.agree("the gradient is q f(p/q)'s", at, gradient[:, i], want, allowed, np.abs(want) + got)
