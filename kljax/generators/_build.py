"""Generators from generators: reversed, scaled, symmetrised, skewed, added; and from a function f."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from kljax import _checks
from kljax._special import expm1
from kljax.generators._mixture import log_p_over_mixture, mixture
from kljax.generators._record import ByMass, Form, Generator, Scalar, graded, is_static

# The composed forms are small frozen records rather than closures, so that building the same generator twice
# gives equal values and ``jit`` compiles once.


@dataclasses.dataclass(frozen=True)
class _Reversed:
    form: Form

    def __call__(self, r: jax.Array, *parameters: Scalar) -> jax.Array:
        return self.form(-r, *parameters)


@dataclasses.dataclass(frozen=True)
class _Scaled:
    form: Form

    def __call__(self, r: jax.Array, factor: Scalar, *parameters: Scalar) -> jax.Array:
        return factor * self.form(r, *parameters)


@dataclasses.dataclass(frozen=True)
class _ScaledConjugate:
    form: Form

    def __call__(self, t: jax.Array, factor: Scalar, *parameters: Scalar) -> jax.Array:
        return factor * self.form(t / factor, *parameters)


@dataclasses.dataclass(frozen=True)
class _Sum:
    forms: tuple[Form, ...]
    counts: tuple[int, ...]

    def __call__(self, r: jax.Array, *parameters: Scalar) -> jax.Array:
        total, at = jnp.zeros_like(r), 0
        for form, count in zip(self.forms, self.counts, strict=True):
            total = total + form(r, *parameters[at : at + count])
            at += count
        return total


def reverse(generator: Generator, *, name: str | None = None, closed_conjugate: Form | None = None) -> Generator:
    """u f(1/u): the divergence with p and q exchanged, D(q‖p).

    Args:
        generator: The generator f.
        name: A name for the result.
        closed_conjugate: The conjugate of the result where it has a closed form.

    Returns:
        The generator of p, q ↦ D_f(q‖p).

    Example:
        >>> from kljax import generators
        >>> generators.reverse(generators.kl).at_zero
        inf

    References:
        Liese & Vajda (2006), "On divergences and informations in statistics and information theory", eq. (13).
    """
    return Generator(
        name or f"reverse({generator.name})",
        _Reversed(generator.balanced),
        _Reversed(generator.coderivative),
        _Reversed(generator.derivative),
        generator.at_infinity,
        generator.at_zero,
        generator.parameters,
        generator.symmetric,
        closed_conjugate,
        _reversed_masses(generator.by_mass),
    )


def _reversed_masses(forms: ByMass | None) -> ByMass | None:
    if forms is None:
        return None
    return ByMass(_Exchanged(forms.summand), _Exchanged(forms.in_log_q), _Exchanged(forms.in_log_p))


@dataclasses.dataclass(frozen=True)
class _Exchanged:
    form: Form

    def __call__(self, p: jax.Array, q: jax.Array, gap: jax.Array, r: jax.Array) -> jax.Array:
        return self.form(q, p, -gap, -r)


def scale(generator: Generator, factor: Scalar, *, name: str | None = None) -> Generator:
    """c f(u) for a factor c ≥ 0.

    Args:
        generator: The generator f.
        factor: c, a non-negative number.
        name: A name for the result.

    Returns:
        The generator of c D_f.

    Raises:
        ValueError: If ``factor`` is a negative Python number.

    Example:
        >>> from kljax import generators
        >>> float(generators.scale(generators.pearson, 0.5)(3.0))
        2.0
    """
    _checks.number("factor", factor, low=0.0, high=math.inf, open_high=True)
    conjugate = generator.closed_conjugate
    return Generator(
        name or f"{factor} {generator.name}",
        _Scaled(generator.balanced),
        _Scaled(generator.derivative),
        _Scaled(generator.coderivative),
        _times(factor, generator.at_zero),
        _times(factor, generator.at_infinity),
        (factor, *generator.parameters),
        generator.symmetric,
        _ScaledConjugate(conjugate) if conjugate is not None and not (is_static(factor) and factor == 0) else None,
    )


def _times(factor: Scalar, price: Scalar) -> Scalar:
    if is_static(factor) and is_static(price):
        return factor * price if factor > 0 else 0.0
    return jnp.where(factor == 0, 0.0, factor * jnp.where(factor == 0, 0.0, price))


def combine(*terms: tuple[Scalar, Generator]) -> Generator:
    """Σ cᵢ fᵢ(u): a non-negative combination of divergences.

    Args:
        *terms: Pairs ``(c, generator)`` with c ≥ 0.

    Returns:
        The generator of Σ cᵢ D_fᵢ.

    Raises:
        ValueError: If there is no term, or a factor is a negative Python number.
        TypeError: If a term is not a pair of a number and a generator.

    Example:
        >>> from kljax import generators
        >>> both = generators.combine((0.5, generators.kl), (0.5, generators.reverse_kl))
        >>> bool(abs(2 * both(3.0) - generators.jeffreys(3.0)) < 1e-6)
        True
    """
    if not terms:
        raise ValueError("combine needs at least one (factor, generator) pair; got none.")
    for term in terms:
        if not (isinstance(term, tuple) and len(term) == 2 and isinstance(term[1], Generator)):
            raise TypeError(f"combine takes (factor, generator) pairs; got {term!r}.")
    scaled = [scale(generator, factor) for factor, generator in terms]
    counts = tuple(len(one.parameters) for one in scaled)
    return Generator(
        " + ".join(one.name for one in scaled),
        _Sum(tuple(one.balanced for one in scaled), counts),
        _Sum(tuple(one.derivative for one in scaled), counts),
        _Sum(tuple(one.coderivative for one in scaled), counts),
        sum(one.at_zero for one in scaled),
        sum(one.at_infinity for one in scaled),
        tuple(parameter for one in scaled for parameter in one.parameters),
        all(one.symmetric for one in scaled),
    )


def symmetrise(generator: Generator) -> Generator:
    """½f(u) + ½u f(1/u): the mean of the two directions, ½D(p‖q) + ½D(q‖p).

    Args:
        generator: The generator f.

    Returns:
        A symmetric generator; that of KL is half of Jeffreys'.

    Example:
        >>> from kljax import generators
        >>> generators.symmetrise(generators.kl).symmetric
        True
    """
    both = combine((0.5, generator), (0.5, reverse(generator)))
    return dataclasses.replace(both, name=f"symmetrise({generator.name})", symmetric=True)


@dataclasses.dataclass(frozen=True)
class _Skewed:
    form: Form

    def __call__(self, r: jax.Array, weight: Scalar, *parameters: Scalar) -> jax.Array:
        # The mixture lies between p and q: log(u/m) has the sign of r. On the larger of p and q, M/max(u, m) is
        # m/M where q is larger (then m ≥ u), and 1 where p is.
        m, _ = mixture(r, weight)
        return jnp.where(r > 0.0, 1.0, m) * self.form(log_p_over_mixture(r, weight), *parameters)


@dataclasses.dataclass(frozen=True)
class _SkewedSlope:
    slope: Form
    coslope: Form

    def __call__(self, r: jax.Array, weight: Scalar, *parameters: Scalar) -> jax.Array:
        # d/dp of m f(p/m): f'(u/m) + w [f - (u/m) f'](u/m)
        shifted = log_p_over_mixture(r, weight)
        return self.slope(shifted, *parameters) + weight * self.coslope(shifted, *parameters)


@dataclasses.dataclass(frozen=True)
class _SkewedCoslope:
    coslope: Form

    def __call__(self, r: jax.Array, weight: Scalar, *parameters: Scalar) -> jax.Array:
        shifted = log_p_over_mixture(r, weight)
        return (1.0 - weight) * self.coslope(shifted, *parameters)


def skew(generator: Generator, weight: Scalar) -> Generator:
    """m f(u/m), m = w u + 1 - w: D_f(p‖w p + (1 - w) q).

    Args:
        generator: The generator f.
        weight: w in [0, 1], the weight of p in the mixture; 0 gives f itself.

    Returns:
        The generator of the skewed divergence, finite where q misses mass if f(1/w) is.

    Raises:
        ValueError: If ``weight`` is a Python number outside [0, 1].

    Example:
        >>> from kljax import generators
        >>> skewed = generators.skew(generators.kl, 0.1)
        >>> bool(abs(skewed(3.0) - generators.skew_kl(0.1)(3.0)) < 1e-6)
        True

    References:
        Lee (1999), "Measures of distributional similarity", eq. (5), for KL.
    """
    _checks.number("weight", weight, low=0.0, high=1.0)
    if is_static(weight) and weight == 0:
        at_infinity = generator.at_infinity
    elif is_static(weight) and not jax.tree.leaves(generator):
        with jax.ensure_compile_time_eval():
            at_infinity = weight * float(generator(1.0 / weight))
    else:
        at_infinity = weight * generator(1.0 / jnp.asarray(weight))
    slope = _SkewedSlope(generator.derivative, generator.coderivative)
    coslope = _SkewedCoslope(generator.coderivative)
    return Generator(
        f"skew({generator.name})",
        graded(_Skewed(generator.balanced), slopes=(slope, coslope)),
        slope,
        coslope,
        _times(1.0 - weight, generator.at_zero),
        at_infinity,
        (weight, *generator.parameters),
    )


# --- A function of the user's -------------------------------------------------------------------------------


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
