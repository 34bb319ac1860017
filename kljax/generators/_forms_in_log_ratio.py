"""The forms of a generator: functions of the log-ratio and of parameters, static or traced, with derivative rules."""

from __future__ import annotations

import dataclasses
import functools
import numbers
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

Scalar = Any  # a Python number, or an array when the parameter is traced
Form = Callable[..., jax.Array]
P = ParamSpec("P")
T = TypeVar("T")


def is_static(value: Scalar) -> bool:
    """Whether a parameter is a Python number, known when tracing."""
    return isinstance(value, numbers.Real)


def remembered(build: Callable[P, T]) -> Callable[P, T]:
    """A builder of records that keeps what it built of Python numbers: equal calls give one and the same record."""
    kept = functools.lru_cache(maxsize=1024, typed=True)(build)

    @functools.wraps(build)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        plain = all(type(one) in (float, int, bool) for one in (*args, *kwargs.values()))
        return kept(*args, **kwargs) if plain else build(*args, **kwargs)  # type: ignore[arg-type]

    return call


def below(r: jax.Array) -> jax.Array:
    """r where r ≤ 0, else 0. Unlike that of min(r, 0), its derivative at 0 is 1."""
    return jnp.where(r <= 0.0, r, 0.0)


def above(r: jax.Array) -> jax.Array:
    """r where r > 0, else 0."""
    return jnp.where(r > 0.0, r, 0.0)


def graded(
    form: Form,
    *,
    slopes: tuple[Form, Form] | None = None,
    growth: Form | None = None,
    drift: Form | None = None,
) -> Form:
    """``form``, a ``balanced``, with its derivative in r given instead of found by autodiff, which may cancel.

    The derivative is ``growth(r)``, or follows from ``slopes`` = (f'(u), f(u) - u f'(u)) as functions of r. With
    ``drift`` the derivative in the form's one parameter is given too.
    """
    if growth is None:
        if slopes is None:
            raise TypeError("graded needs slopes or growth.")
        growth = _Growth(*slopes)
    return _Graded(form, growth, drift)


@dataclasses.dataclass(frozen=True)
class _Growth:
    """d/dr f(eʳ) = eʳ f'(eʳ) where r ≤ 0, and d/dr e⁻ʳ f(eʳ) = -e⁻ʳ (f - u f') where r > 0."""

    slope: Form
    coslope: Form

    def __call__(self, r: jax.Array, *parameters: Scalar) -> jax.Array:
        limit = 87.0 if r.dtype == jnp.float32 else 708.0
        down, up = jnp.maximum(below(r), -limit), jnp.minimum(above(r), limit)
        falling = jnp.exp(down) * self.slope(down, *parameters)
        return jnp.where(r <= 0.0, falling, -jnp.exp(-up) * self.coslope(up, *parameters))


@dataclasses.dataclass(frozen=True)
class _Graded:
    form: Form
    growth: Form
    drift: Form | None = None

    def __call__(self, r: jax.Array, *parameters: Scalar) -> jax.Array:
        # Python numbers stay static; only arrays become operands of the rule.
        form, traced = bind(self.form, parameters)
        drift = None if self.drift is None else bind(self.drift, parameters)[0]
        return _graded(form, bind(self.growth, parameters)[0], drift, r, traced)


@dataclasses.dataclass(frozen=True)
class Bound:
    """A form with its static parameters filled in; the traced ones come in order."""

    form: Form
    static: tuple[Scalar, ...]

    def __call__(self, r: jax.Array, *dynamic: jax.Array) -> jax.Array:
        rest = iter(dynamic)
        return self.form(r, *(next(rest) if one is None else one for one in self.static))


def dynamic(parameters: tuple[Scalar, ...]) -> tuple[jax.Array, ...]:
    return tuple(one for one in parameters if not is_static(one))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _graded(
    form: Bound, growth: Bound, drift: Bound | None, r: jax.Array, parameters: tuple[jax.Array, ...]
) -> jax.Array:
    return form(r, *parameters)


def _graded_jvp(form, growth, drift, primals, tangents):
    r, parameters = primals
    dr, d_parameters = tangents
    value = _graded(form, growth, drift, r, parameters)
    tangent = jnp.zeros_like(value)
    if not isinstance(dr, SymbolicZero):
        tangent += growth(r, *parameters) * dr
    for at, d_parameter in enumerate(d_parameters):
        if not isinstance(d_parameter, SymbolicZero):
            slope = partial_derivative(form, r, parameters, at) if drift is None else drift(r, *parameters)
            tangent += tame(slope) * d_parameter
    return value, tangent


_graded.defjvp(_graded_jvp, symbolic_zeros=True)


def partial_derivative(form: Form, r: jax.Array, parameters: tuple[jax.Array, ...], at: int) -> jax.Array:
    """The derivative of a form in one of its parameters."""
    one = parameters[at]
    return jax.jvp(lambda x: form(r, *parameters[:at], x, *parameters[at + 1 :]), (one,), (jnp.ones_like(one),))[1]


def tame(slope: jax.Array) -> jax.Array:
    """Zero where the form has overflowed: what costs infinity has no gradient."""
    return jnp.where(jnp.isfinite(slope), slope, 0.0)


def bind(form: Form, parameters: tuple[Scalar, ...]) -> tuple[Bound, tuple[jax.Array, ...]]:
    """(the form with its static parameters filled in, the traced ones)"""
    return Bound(form, tuple(one if is_static(one) else None for one in parameters)), dynamic(parameters)
