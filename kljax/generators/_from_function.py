"""Generators from a convex function of the user's."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from kljax._names import advised
from kljax._special.elementwise import expm1
from kljax.generators._forms_in_log_ratio import graded
from kljax.generators._record import Generator

_NEAR = 0.5  # |log u| up to which f is integrated from its second derivative
_PROBES = (-4.0, -2.0, -1.0, -_NEAR, _NEAR, 1.0, 2.0, 4.0)


@functools.cache
def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    return 0.5 * (1.0 + nodes), 0.5 * weights


@dataclasses.dataclass(frozen=True)
class _FromFunction:
    """The forms of f̃(u) = f(u) - f(1) - f'(1)(u - 1), by differentiating f."""

    f: Callable[[jax.Array], jax.Array]

    def _slope(self, u: jax.Array) -> jax.Array:
        return jax.jvp(self.f, (u,), (jnp.ones_like(u),))[1]

    def _curvature(self, u: jax.Array) -> jax.Array:
        return jax.jvp(self._slope, (u,), (jnp.ones_like(u),))[1]

    def close(self, r: jax.Array) -> jax.Array:
        """f̃(eʳ)/max(1, eʳ) near r = 0, where f itself cancels: f̃(1 + d) = d² ∫₀¹ (1 - x) f''(1 + x d) dx."""
        d = expm1(r)
        x, w = _gauss_legendre()
        return d * (d * jnp.exp(-jnp.maximum(r, 0.0))) * self._between(d, w * (1.0 - x))

    def _between(self, d: jax.Array, weights: np.ndarray) -> jax.Array:
        """The weighted sum of f'' at the nodes between 1 and 1 + d."""

        def along(x: np.ndarray) -> jax.Array:
            return jnp.asarray(x, d.dtype).reshape((1,) * d.ndim + x.shape)

        return (along(weights) * self._curvature(1.0 + along(_gauss_legendre()[0]) * d[..., None])).sum(-1)

    def far(self, r: jax.Array) -> jax.Array:
        """f̃(eʳ)/max(1, eʳ)"""
        u = jnp.exp(r)
        one = jnp.ones_like(u)
        return (self.f(u) - self.f(one) - self._slope(one) * (u - 1.0)) / jnp.maximum(u, 1.0)

    def value(self, r: jax.Array) -> jax.Array:
        """f̃(eʳ)/max(1, eʳ), continued beyond the numbers that f can be given."""
        near, inside = jnp.abs(r) <= _NEAR, _within(r)
        close = self.close(jnp.where(near, r, 0.0))
        return jnp.where(near, close, self.far(jnp.where(near, 1.0, inside)) + self._tail(r)[0])

    def _tail(self, r: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(what the value still gains beyond the last point, its derivative in |r|)

        From three points near the end: a value that grows like a power of u goes on so, one that grows like log u goes
        on so, any other has settled.
        """

        def side(sign: float, end: float) -> tuple[jax.Array, jax.Array]:
            last, before, first = (self.far(jnp.asarray(sign * (end - k), r.dtype)) for k in (0.0, 4.0, 8.0))
            last, before, first = (jnp.where(jnp.isfinite(last), one, 0.0) for one in (last, before, first))
            gain = last - before
            rate = jnp.log(jnp.maximum(gain, 1e-30) / jnp.maximum(before - first, 1e-30)) / 4.0
            beyond = jnp.maximum(sign * r - end, 0.0)
            as_log, as_power = (gain > 1e-2) & (jnp.abs(rate) < 1e-2), (gain > 1e-2 * last) & (rate >= 1e-2)
            step = jnp.where(as_log, 0.25 * gain, 0.0)
            grown = jnp.where(as_power, last * expm1(rate * beyond), step * beyond)
            return grown, jnp.where(as_power, rate * (last + grown), step)

        low, high = side(-1.0, _spans(r)[0]), side(1.0, _spans(r)[1])
        return jnp.where(r < 0.0, low[0], high[0]), jnp.where(r < 0.0, low[1], high[1])

    def slope(self, r: jax.Array) -> jax.Array:
        """f̃'(eʳ)"""
        near = jnp.abs(r) <= _NEAR
        d = expm1(jnp.where(near, r, 0.0))
        close = d * self._between(d, _gauss_legendre()[1])
        u = jnp.exp(jnp.where(near, 1.0, _within(r)))
        return jnp.where(near, close, self._slope(u) - self._slope(jnp.ones_like(u)))

    def coslope(self, r: jax.Array) -> jax.Array:
        """f̃(u) - u f̃'(u), in which c (u - 1) has only -c."""
        near = jnp.abs(r) <= _NEAR
        s = jnp.where(near, r, 0.0)
        close = jnp.maximum(jnp.exp(s), 1.0) * self.close(s) - jnp.exp(s) * self.slope(s)
        u = jnp.exp(jnp.where(near, 1.0, _within(r)))
        one = jnp.ones_like(u)
        product = u * self._slope(u)
        endless = product == jnp.inf
        far = self.f(jnp.where(endless, 1.0, u)) - jnp.where(endless, 0.0, product)
        far = jnp.where(endless, -jnp.inf, far - (self.f(one) - self._slope(one)))
        # The derivative of f̃/u in r is -(f̃ - u f̃')/u.
        rate = self._tail(r)[1]
        beyond = -jnp.exp(jnp.clip(r, 0.0, _spans(r)[0])) * rate
        return jnp.where(near, close, jnp.where((r > _spans(r)[1]) & (rate > 0.0), beyond, far))


def _spans(r: jax.Array) -> tuple[float, float]:
    """How far below and above zero log u may lie for u to be a normal number, and u times its logarithm too."""
    return (87.0, 80.0) if r.dtype == jnp.float32 else (708.0, 700.0)


def _within(r: jax.Array) -> jax.Array:
    low, high = _spans(r)
    return jnp.clip(r, -low, high)


@dataclasses.dataclass(frozen=True)
class _Form:
    """One of the forms above, equal for equal functions."""

    owner: _FromFunction
    form: str

    def __call__(self, r: jax.Array) -> jax.Array:
        return getattr(self.owner, self.form)(r)


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
        >>> float(probs.f_divergence(p, q, cubic))
        0.75

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions".
    """
    if not callable(f):
        raise TypeError(f"f must be a function of one array; got {type(f).__name__}.")
    forms = _FromFunction(f)
    # In double precision where f has it, so that the limits serve both dtypes.
    with jax.ensure_compile_time_eval(), jax.enable_x64(True):
        _check(forms)
        at_zero = _limit_at_zero(forms) if at_zero is None else at_zero
        at_infinity = _limit_at_infinity(forms) if at_infinity is None else at_infinity
    slope, coslope = _Form(forms, "slope"), _Form(forms, "coslope")
    balanced = graded(_Form(forms, "value"), slopes=(slope, coslope))
    return Generator(name, balanced, slope, coslope, at_zero, at_infinity)


def _check(forms: _FromFunction) -> None:
    r = jnp.asarray(_PROBES)
    u = jnp.exp(r)
    shape = jax.eval_shape(forms.f, u).shape
    if shape != u.shape:
        raise ValueError(f"f must be elementwise; it maps shape {u.shape} to {shape}.")
    values, one = forms.f(u), jnp.ones_like(u)
    if not bool(jnp.isfinite(values).all() & jnp.isfinite(forms.f(one)).all()):
        raise ValueError(f"f must be finite for u > 0; f at {u} is {values}, and f(1) is {forms.f(one)[0]}.")
    # f may compute in single precision, whatever it is given.
    rounding = 1e-5 * (jnp.abs(values) + jnp.abs(forms.f(one)) + jnp.abs(forms._slope(one) * (u - 1.0)))
    rounding = rounding / jnp.maximum(u, 1.0)
    direct = forms.far(r)
    if bool((direct < -rounding).any()):
        raise ValueError(
            f"f must be convex; at u = {float(u[jnp.argmin(direct)]):.3g} it lies below its tangent at 1. "
            "Did you mean -f?"
        )
    near = jnp.abs(r) <= _NEAR
    apart = jnp.abs(forms.close(jnp.where(near, r, 0.0)) - direct) > 1e-3 * direct + rounding
    if bool((near & apart).any()):
        raise ValueError(
            "f must be twice differentiable: near u = 1 it is not the integral of its second derivative. For |u - 1| "
            "take generators.total_variation."
        )


def _limit_at_zero(forms: _FromFunction) -> float:
    at = jnp.asarray(0.0)
    exact = float(forms.f(at) - forms.f(at + 1.0) + forms._slope(at + 1.0))
    if not math.isnan(exact):
        return exact
    return _limit([float(forms.far(jnp.asarray(-r))) for r in (20.0, 40.0, 60.0, 80.0)])


def _limit_at_infinity(forms: _FromFunction) -> float:
    # f(u)/u and f'(u) have the same limit, and the slope converges faster.
    return _limit([float(forms.slope(jnp.asarray(r))) for r in (20.0, 40.0, 60.0, 80.0)])


def _limit(values: list[float]) -> float:
    """The last value if the sequence has settled, else infinity: a logarithm still grows steadily there."""
    settled = all(math.isfinite(v) for v in values) and abs(values[-1] - values[-2]) <= 1e-5 * (1.0 + abs(values[-1]))
    return values[-1] if settled else math.inf
