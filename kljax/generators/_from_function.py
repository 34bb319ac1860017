"""Generators from a convex function of the user's."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from kljax._names import advised
from kljax.generators._differentiated import NEAR, Forms, Function, differentiated
from kljax.generators._forms_in_log_ratio import graded
from kljax.generators._forms_in_masses import ByMass
from kljax.generators._record import Generator

_PROBES = (-4.0, -2.0, -1.0, -NEAR, NEAR, 1.0, 2.0, 4.0)


@dataclasses.dataclass(frozen=True)
class _Form:
    """One of the forms, equal for equal functions."""

    forms: Forms
    name: str

    def __call__(self, at: object) -> jax.Array:
        form: Callable[..., jax.Array] = getattr(self.forms, self.name)
        return form(at)


@advised
def from_function(
    f: Callable[[jax.Array], jax.Array],
    name: str = "custom",
    *,
    at_zero: float | None = None,
    at_infinity: float | None = None,
) -> Generator:
    """f(u) - f(1) - f'(1)(u - 1): the generator of a convex function of your own.

    The slope, the derivatives and the conjugate come from differentiating f; near u = 1 the value comes from its second
    derivative, so that it keeps its digits there. Far from 1 it is as accurate as f, and f(u) - u f'(u) is to rounding
    of its two terms.

    Args:
        f: A convex function of u > 0, written elementwise with ``jax.numpy`` and twice differentiable.
        name: A name for the result.
        at_zero: f(0) after the normalisation above; found from f itself when not given.
        at_infinity: lim f(u)/u after the normalisation above; found from f' when not given.

    Returns:
        The generator. Build it once and keep it: a fresh ``lambda`` makes ``jit`` compile again.

    Raises:
        ValueError: If f is not elementwise, not finite for u > 0, lies below its tangent at 1 (so it is not convex), or
            disagrees with the integral of its second derivative (so it is not twice differentiable).

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import generators, probs
        >>> cubic = generators.from_function(lambda u: u**3, "cubic")
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> print(f"{probs.f_divergence(p, q, cubic):.4f}")
        0.7500

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions".
    """
    if not callable(f):
        raise TypeError(f"f must be a function of one array; got {type(f).__name__}.")
    # In double precision where f has it, so that what is found serves both dtypes.
    with jax.ensure_compile_time_eval(), jax.enable_x64(True):
        _check(Function(f))
        forms = differentiated(Function(f))
        at_zero = _limit_at_zero(forms) if at_zero is None else at_zero
        at_infinity = _limit_at_infinity(forms) if at_infinity is None else at_infinity
    slope, coslope = _Form(forms, "slope"), _Form(forms, "coslope")
    balanced = graded(_Form(forms, "value"), slopes=(slope, coslope))
    slopes = _Form(forms, "in_log_p"), _Form(forms, "in_log_q")
    by_mass = ByMass(_Form(forms, "summand"), *slopes, by_quotient=True)
    return Generator(name, balanced, slope, coslope, at_zero, at_infinity, by_mass=by_mass)


def _check(function: Function) -> None:
    r = jnp.asarray(_PROBES)
    u = jnp.exp(r)
    shape = jax.eval_shape(function.f, u).shape
    if shape != u.shape:
        raise ValueError(f"f must be elementwise; it maps shape {u.shape} to {shape}.")
    values, one = function.f(u), jnp.ones_like(u)
    if not bool(jnp.isfinite(values).all() & jnp.isfinite(function.f(one)).all()):
        raise ValueError(f"f must be finite for u > 0; f at {u} is {values}, and f(1) is {function.f(one)[0]}.")
    # f may compute in single precision, whatever it is given.
    line = function.slope(one) * (u - 1.0)
    rounding = 1e-5 * (jnp.abs(values) + jnp.abs(function.f(one)) + jnp.abs(line))
    direct = values - function.f(one) - line
    if bool((direct < -rounding).any()):
        raise ValueError(
            f"f must be convex; at u = {float(u[jnp.argmin(direct)]):.3g} it lies below its tangent at 1. "
            "Did you mean -f?"
        )
    near = jnp.abs(r) <= NEAR
    apart = jnp.abs(function.near(jnp.where(near, r, 0.0))[0] - direct) > 1e-3 * direct + rounding
    if bool((near & apart).any()):
        raise ValueError(
            "f must be twice differentiable: near u = 1 it is not the integral of its second derivative. For |u - 1| "
            "take generators.total_variation."
        )


def _limit_at_zero(forms: Forms) -> float:
    one, slope = forms.at_one
    exact = float(forms.function.f(jnp.asarray(0.0))) - one + slope
    if not math.isnan(exact):
        return exact
    return _limit([float(forms.value(jnp.asarray(-r))) for r in (20.0, 40.0, 60.0, 80.0)])


def _limit_at_infinity(forms: Forms) -> float:
    # f(u)/u and f'(u) have the same limit, and the slope converges faster.
    return _limit([float(forms.slope(jnp.asarray(r))) for r in (20.0, 40.0, 60.0, 80.0)])


def _limit(values: list[float]) -> float:
    """The last value if the sequence has settled, else infinity: a logarithm still grows steadily there."""
    settled = all(math.isfinite(v) for v in values) and abs(values[-1] - values[-2]) <= 1e-5 * (1.0 + abs(values[-1]))
    return values[-1] if settled else math.inf
