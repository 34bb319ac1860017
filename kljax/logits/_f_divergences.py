"""f-divergences of two rows of logits."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import Axis, AxisName
from kljax.generators import Generator
from kljax.logits import _core


def squared_hellinger(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """H²(p, q) = ½ Σ (√p - √q)², the squared Hellinger distance.

    It lies in [0, 1] and is 1 where p and q have no outcome in common.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.squared_hellinger(a, b)), 4)
        0.0287

    References:
        Hellinger (1909); Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", ch. 4.
    """
    return _core.evaluate(logits_p, logits_q, generators.squared_hellinger, axis, where, temperature, axis_name)


def total_variation(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """TV(p, q) = ½ Σ |p - q|, the total variation distance.

    It lies in [0, 1]. Where p = q for an outcome the subgradient 0 is taken.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.total_variation(a, b)), 4)
        0.2311

    References:
        Levin & Peres (2017), "Markov Chains and Mixing Times", prop. 4.2.
    """
    return _core.evaluate(logits_p, logits_q, generators.total_variation, axis, where, temperature, axis_name)


def chi_squared(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """χ²(p‖q) = Σ (p - q)²/q, Pearson's χ² divergence.

    It is inf where q misses an outcome that p has; it can overflow to inf before that. Neyman's is ``chi_squared`` with
    its arguments exchanged.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.chi_squared(a, b)), 4)
        0.2136

    References:
        Pearson (1900); Liese & Vajda (2006), "On divergences and informations in statistics and information theory",
        eq. (5).
    """
    return _core.evaluate(logits_p, logits_q, generators.pearson, axis, where, temperature, axis_name)


def le_cam(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """LC(p, q) = ½ Σ (p - q)²/(p + q), Le Cam's (triangular) divergence.

    It lies in [0, 1]. Half of it is often called the triangular discrimination, or the symmetric χ².

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.le_cam(a, b)), 4)
        0.0564

    References:
        Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", p. 47; Vincze (1981).
    """
    return _core.evaluate(logits_p, logits_q, generators.le_cam, axis, where, temperature, axis_name)


def alpha(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    order: ArrayLike,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """A_α(p‖q) = (Σ p^α q^(1-α) - 1)/(α(α - 1)), Amari's α-divergence.

    It is KL(p‖q) at α = 1 and KL(q‖p) at α = 0, continuously; 4 H² at α = ½ and ½ χ² at α = 2. It is inf where q misses
    an outcome of p if α ≥ 1, and where p misses one of q if α ≤ 0.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        order: α, any real number; a Python number, or a traced scalar.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range, or ``order`` is not finite.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.alpha(a, b, order=2.0)), 4)
        0.1068

    References:
        Cichocki & Amari (2010), "Families of alpha-, beta- and gamma-divergences", eq. (3).
    """
    generator = generators.alpha(_checks.parameter("order", order))
    return _core.evaluate(logits_p, logits_q, generator, axis, where, temperature, axis_name)


def tsallis(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    order: ArrayLike,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """T_a(p‖q) = (Σ p^a q^(1-a) - 1)/(a - 1), Tsallis' relative entropy.

    It is a times the α-divergence, and KL(p‖q) at a = 1, continuously; inf where q misses an outcome of p if a ≥ 1.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        order: a > 0; a Python number, or a traced scalar.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range, or ``order`` is a Python number that is
            not positive and finite.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.tsallis(a, b, order=2.0)), 4)
        0.2136

    References:
        Tsallis (1998), "Generalized entropy-based criterion for consistent testing", eq. (6).
    """
    generator = generators.tsallis(_checks.parameter("order", order))
    return _core.evaluate(logits_p, logits_q, generator, axis, where, temperature, axis_name)


def f_divergence(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    generator: Generator,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """D_f(p‖q) = Σ q f(p/q), the f-divergence of a generator.

    An outcome with p = 0 < q costs q f(0), one with q = 0 < p costs p lim f(u)/u, and one that is absent from both
    nothing.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        generator: A record of ``kljax.generators``, or one made by ``generators.from_function``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import generators, logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.f_divergence(a, b, generators.neyman)), 4)
        0.2715

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions"; Ali & Silvey (1966).
    """
    _checks.instance("generator", generator, Generator, "a record of kljax.generators, such as generators.kl")
    return _core.evaluate(logits_p, logits_q, generator, axis, where, temperature, axis_name)
