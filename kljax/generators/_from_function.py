"""Generators from a convex function of the user's."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special import expm1
from kljax.generators._forms import graded
from kljax.generators._record import Generator


@dataclasses.dataclass(frozen=True)
class _FromFunction:
    """The forms of f(u) - f(1) - f'(1)(u - 1), by differentiating f."""

    f: Callable[[jax.Array], jax.Array]

    def _slope_at_one(self, like: jax.Array) -> jax.Array:
        return jax.jvp(self.f, (jnp.ones_like(like),), (jnp.ones_like(like),))[1]

    def _curvature(self, u: jax.Array) -> jax.Array:
        one = jnp.ones_like(u)
        return jax.jvp(lambda x: jax.jvp(self.f, (x,), (one,))[1], (u,), (one,))[1]

    def _near(self, r: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.abs(r) <= 0.5, jnp.clip(r, -0.5, 0.5)

    def value(self, r: jax.Array) -> jax.Array:
        """f̃(eʳ)/max(1, eʳ)"""
        near, s = self._near(r)
        # f̃(1 + d) = d² ∫₀¹ (1 - x) f''(1 + x d) dx: near u = 1 the function itself cancels.
        d = expm1(s)
        close = d * d * sum(w * (1.0 - x) * self._curvature(1.0 + x * d) for x, w in _gauss_legendre())
        close = close * jnp.exp(-jnp.maximum(s, 0.0))
        u = jnp.exp(jnp.where(near, 1.0, r))
        one = jnp.ones_like(u)
        far = (self.f(u) - self.f(one) - self._slope_at_one(u) * (u - 1.0)) / jnp.maximum(u, 1.0)
        return jnp.where(near, close, far)

    def slope(self, r: jax.Array) -> jax.Array:
        """f̃'(eʳ)"""
        near, s = self._near(r)
        d = expm1(s)
        close = d * sum(w * self._curvature(1.0 + x * d) for x, w in _gauss_legendre())
        u = jnp.exp(jnp.where(near, 1.0, r))
        far = jax.jvp(self.f, (u,), (jnp.ones_like(u),))[1] - self._slope_at_one(u)
        return jnp.where(near, close, far)

    def coslope(self, r: jax.Array) -> jax.Array:
        """f̃(u) - u f̃'(u)"""
        u = jnp.exp(r)
        return jnp.maximum(u, 1.0) * self.value(r) - u * self.slope(r)


@functools.cache
def _gauss_legendre() -> tuple[tuple[float, float], ...]:
    nodes, weights = np.polynomial.legendre.leggauss(12)
    return tuple((0.5 * (1.0 + float(x)), 0.5 * float(w)) for x, w in zip(nodes, weights, strict=True))


@dataclasses.dataclass(frozen=True)
class _Form:
    """One of the forms above, equal for equal functions."""

    owner: _FromFunction
    form: str

    def __call__(self, r: jax.Array) -> jax.Array:
        return getattr(self.owner, self.form)(r)


def from_function(
    f: Callable[[jax.Array], jax.Array],
    name: str = "custom",
    *,
    at_zero: float | None = None,
    at_infinity: float | None = None,
) -> Generator:
    """f(u) - f(1) - f'(1)(u - 1): the generator of a convex function of your own.

    The slope, the derivatives and the conjugate come from differentiating f; near u = 1 the value comes from its second
    derivative, so that it keeps its digits there.

    Args:
        f: A convex function of u > 0, written elementwise with ``jax.numpy`` and twice differentiable.
        name: A name for messages.
        at_zero: f(0) after the normalisation above; found from f itself when not given.
        at_infinity: lim f(u)/u after the normalisation above; found from f' when not given.

    Returns:
        The generator. Build it once and keep it: a fresh ``lambda`` makes ``jit`` compile again.

    Raises:
        TypeError: If ``f`` is not callable.
        ValueError: If f(1) is not finite or f is not elementwise.

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
    with jax.ensure_compile_time_eval():
        probe = jnp.asarray([0.5, 1.0, 2.0], jnp.float32)
        shape = jax.eval_shape(f, probe).shape
        if shape != probe.shape:
            raise ValueError(f"f must be elementwise; it maps shape {probe.shape} to {shape}.")
        if not bool(jnp.isfinite(f(probe)).all()):
            raise ValueError(f"f must be finite for u > 0; f(0.5), f(1), f(2) are {f(probe)}.")
        forms = _FromFunction(f)
        if at_zero is None:
            at_zero = _limit_at_zero(forms)
        if at_infinity is None:
            at_infinity = _limit_at_infinity(forms)
    slope, coslope = _Form(forms, "slope"), _Form(forms, "coslope")
    balanced = graded(_Form(forms, "value"), slopes=(slope, coslope))
    return Generator(name, balanced, slope, coslope, at_zero, at_infinity)


def _limit_at_zero(forms: _FromFunction) -> float:
    at = jnp.asarray(0.0, jnp.float32)
    exact = float(forms.f(at) - forms.f(at + 1.0) + forms._slope_at_one(at))
    if not math.isnan(exact):
        return exact
    return _limit([float(forms.value(jnp.asarray(-r, jnp.float32))) for r in (20.0, 40.0, 60.0, 80.0)])


def _limit_at_infinity(forms: _FromFunction) -> float:
    # f(u)/u and f'(u) have the same limit, and the slope converges faster.
    return _limit([float(forms.slope(jnp.asarray(r, jnp.float32))) for r in (20.0, 40.0, 60.0, 80.0)])


def _limit(values: list[float]) -> float:
    """The last value if the sequence has settled, else infinity: a logarithm still grows steadily there."""
    settled = all(math.isfinite(v) for v in values) and abs(values[-1] - values[-2]) <= 1e-5 * (1.0 + abs(values[-1]))
    return values[-1] if settled else math.inf
