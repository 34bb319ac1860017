"""f-divergences of any two distributions that can be sampled, with an error bar."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax import _checks, generators, interop
from kljax.families._record import Distribution, aligned, is_family
from kljax.generators import Generator


class Estimate(NamedTuple):
    """A number known from samples.

    Attributes:
        value: The estimate, in nats.
        stderr: Its standard error, from the spread of the samples; 0 where the value is infinite.
        ess: The effective sample size, (Σw)²/Σw² of the importance weights w of p, p/m for draws from m.
    """

    value: jax.Array
    stderr: jax.Array
    ess: jax.Array


def estimate(
    p: Any, q: Any, *, key: jax.Array, num_samples: int = 4096, generator: Generator = generators.kl
) -> Estimate:
    """D_f(p‖q) ≈ mean of q f(p/q)/m, half of the draws from p and half from q, m = (p + q)/2.

    Every term is non-negative, the mean is unbiased, and both the mass that q misses and that p misses are seen: where
    that costs infinitely much, as in KL, one draw of p outside q makes the estimate infinite. For bounded divergences
    the terms are bounded. At p = q the estimate is exactly 0.

    The draws are held fixed in derivatives, whose mean is then the derivative of D_f, for discrete variables as well,
    as long as no support moves.

    Args:
        p: The first distribution, a record of ``kljax.families`` or any object with ``log_prob(x)`` and
            ``sample(key, shape)``.
        q: The second, on the same space.
        key: A key of ``jax.random``.
        num_samples: How many draws, from both together; at least 4, an odd one is not used.
        generator: A record of ``kljax.generators``.

    Returns:
        The estimate, its standard error and the effective sample size, each [batch...].

    Raises:
        TypeError: If p or q cannot be sampled, or an argument has the wrong type.
        ValueError: If there are fewer than 4 draws, or one draw of p and of q differ in shape.

    Example:
        >>> import jax
        >>> import kljax
        >>> from kljax.families import Normal
        >>> found = kljax.estimate(Normal(0.0, 1.0), Normal(1.0, 1.0), key=jax.random.key(0))
        >>> print(bool(abs(found.value - 0.5) < 4 * found.stderr))
        True

    References:
        Owen (2013), "Monte Carlo theory, methods and examples", section 9.11 (mixture sampling).
    """
    _checks.instance("generator", generator, Generator, "a record of kljax.generators")
    p, q = (interop.convert(one) or one for one in (p, q))
    for name, one in (("p", p), ("q", q)):
        if not isinstance(one, Distribution):
            raise TypeError(f"{name} must have log_prob(x) and sample(key, shape); got {type(one).__name__}.")
    if isinstance(num_samples, bool) or not isinstance(num_samples, int):
        raise TypeError(f"num_samples must be an int; got {type(num_samples).__name__}.")
    if num_samples < 4:
        raise ValueError(f"num_samples must be at least 4; got {num_samples}.")
    shapes = [getattr(one, "event_shape", None) for one in (p, q)]
    if None not in shapes and shapes[0] != shapes[1]:
        raise ValueError(f"One draw of p and of q must have the same shape; got {shapes[0]} and {shapes[1]}.")
    if is_family(p) and is_family(q):
        p, q = aligned(p, q)
    draws = [one.sample(each, (num_samples // 2,)) for one, each in zip((p, q), jax.random.split(key), strict=True)]
    logs = [(p.log_prob(lax.stop_gradient(x)), q.log_prob(lax.stop_gradient(x))) for x in draws]
    return _summarise(generator, *logs)


@jax.jit
def _summarise(generator: Generator, at_p: tuple[jax.Array, jax.Array], at_q: tuple[jax.Array, jax.Array]) -> Estimate:
    terms, weights = zip(*(_terms(generator, *logs) for logs in (at_p, at_q)), strict=True)
    count = terms[0].shape[0]
    value = 0.5 * (terms[0].mean(0) + terms[1].mean(0))
    # Half the draws from each: the variance between p and q does not count.
    spread = sum(lax.stop_gradient(one).var(0, ddof=1) for one in terms)
    stderr = jnp.where(jnp.isinf(value), 0.0, jnp.sqrt(0.25 * spread / count))
    both = jnp.concatenate(weights)
    ess = jnp.square(both.sum(0)) / jnp.maximum(jnp.square(both).sum(0), float(jnp.finfo(both.dtype).tiny))
    return Estimate(value, stderr, ess)


def _terms(generator: Generator, log_p: jax.Array, log_q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(q f(p/q)/m, p/m) at the draws, m held fixed."""
    log_p, log_q = jnp.broadcast_arrays(log_p, log_q)
    log_m = lax.stop_gradient(jnp.logaddexp(log_p, log_q)) - math.log(2.0)
    return generator.perspective(log_p - log_m, log_q - log_m), lax.stop_gradient(jnp.exp(log_p - log_m))
