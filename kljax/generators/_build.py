"""Generators from generators: reversed, scaled, symmetrised, skewed, added."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp

from kljax import _checks
from kljax._names import advised
from kljax._special.elementwise import divide
from kljax.generators._forms_in_log_ratio import Form, Scalar, graded, is_static
from kljax.generators._mixture import log_p_over_mixture, mixture
from kljax.generators._record import Generator

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


@advised
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
        None if generator.by_mass is None else generator.by_mass.reversed(),
    )


@advised
def scale(generator: Generator, factor: Scalar, *, name: str | None = None) -> Generator:
    """c f(u) for a factor c ≥ 0.

    Args:
        generator: The generator f.
        factor: c, a non-negative number.
        name: A name for the result.

    Returns:
        The generator of c D_f.

    Example:
        >>> from kljax import generators
        >>> float(generators.scale(generators.pearson, 0.5)(3.0))
        2.0
    """
    _checks.number("factor", factor, low=0.0, high=math.inf, open_high=True)
    name = name or f"{factor} {generator.name}"
    if is_static(factor) and factor == 0:
        return Generator(name, _zero, _zero, _zero, 0.0, 0.0, symmetric=True)
    conjugate = generator.closed_conjugate
    return Generator(
        name,
        _Scaled(generator.balanced),
        _Scaled(generator.derivative),
        _Scaled(generator.coderivative),
        _times(factor, generator.at_zero),
        _times(factor, generator.at_infinity),
        (factor, *generator.parameters),
        generator.symmetric,
        None if conjugate is None else _ScaledConjugate(conjugate),
        None if generator.by_mass is None else generator.by_mass.scaled(),
    )


def _zero(r: jax.Array, *parameters: Scalar) -> jax.Array:
    return jnp.zeros_like(r)


def _times(factor: Scalar, price: Scalar) -> Scalar:
    if is_static(factor) and is_static(price):
        return factor * price if factor > 0 else 0.0
    infinite = jnp.isinf(price)
    return jnp.where(infinite, jnp.where(factor == 0, 0.0, jnp.inf), factor * jnp.where(infinite, 0.0, price))


@advised
def combine(*terms: tuple[Scalar, Generator]) -> Generator:
    """Σ cᵢ fᵢ(u): a non-negative combination of divergences.

    Args:
        *terms: Pairs ``(c, generator)`` with c ≥ 0.

    Returns:
        The generator of Σ cᵢ D_fᵢ.

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


@advised
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
        rest = 1.0 - weight
        m, _ = mixture(r, weight, rest)
        return jnp.where(r > 0.0, 1.0, m) * self.form(log_p_over_mixture(r, weight, rest), *parameters)


@dataclasses.dataclass(frozen=True)
class _SkewedSlope:
    slope: Form
    coslope: Form

    def __call__(self, r: jax.Array, weight: Scalar, *parameters: Scalar) -> jax.Array:
        # d/dp of m f(p/m): f'(u/m) + w [f - (u/m) f'](u/m)
        shifted = log_p_over_mixture(r, weight, 1.0 - weight)
        return self.slope(shifted, *parameters) + weight * self.coslope(shifted, *parameters)


@dataclasses.dataclass(frozen=True)
class _SkewedCoslope:
    coslope: Form

    def __call__(self, r: jax.Array, weight: Scalar, *parameters: Scalar) -> jax.Array:
        rest = 1.0 - weight
        return rest * self.coslope(log_p_over_mixture(r, weight, rest), *parameters)


@advised
def skew(generator: Generator, weight: Scalar) -> Generator:
    """m f(u/m), m = w u + 1 - w: D_f(p‖w p + (1 - w) q).

    Args:
        generator: The generator f.
        weight: w in [0, 1], the weight of p in the mixture; 0 gives f itself.

    Returns:
        The generator of the skewed divergence, finite where q misses mass if f(1/w) is.

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
        with jax.ensure_compile_time_eval(), jax.enable_x64(True):
            at_infinity = weight * float(generator(jnp.asarray(1.0 / weight)))
    else:
        weights = jnp.asarray(weight)
        positive = jnp.where(weights > 0.0, weights, 1.0)
        at_infinity = positive * generator(divide(jnp.ones_like(positive), positive))
        at_infinity = jnp.where(weights > 0.0, at_infinity, generator.at_infinity)
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
