"""f-divergences of any two distributions that can be sampled, with an error bar."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._names import advised
from kljax._prompt import prompt
from kljax._types import Law
from kljax.divergences._dispatch import converted
from kljax.families import Distribution
from kljax.families._internal import aligned, is_family
from kljax.families._internal import logs as _logs
from kljax.generators import Generator
from kljax.generators._internal import check as check_generator
from kljax.montecarlo import Estimate
from kljax.montecarlo._internal import effective_sample_size, standard_error, terms_of


@advised
def estimate(
    p: Law,
    q: Law,
    *,
    key: jax.Array | None = None,
    draws: tuple[ArrayLike, ArrayLike] | None = None,
    num_samples: int = 4096,
    generator: Generator = generators.kl,
) -> Estimate:
    """D_f(p‖q) ≈ mean of q f(p/q)/m, half of the draws from p and half from q, m = (p + q)/2.

    Every term is non-negative, the mean is unbiased, and both the mass that q misses and that p misses are seen: where
    that costs infinitely much, as in KL, one draw of p outside q makes the estimate infinite. For bounded divergences
    the terms are bounded. At p = q the estimate is exactly 0.

    The draws are held fixed in derivatives, whose mean is then the derivative of D_f, for discrete variables as well,
    as long as no support moves. Where you hold log-densities rather than distributions, or draws of p alone, see
    ``kljax.montecarlo``.

    Args:
        p: The first distribution, a record of ``kljax.families`` or any object with ``log_prob(x)`` and
            ``sample(key, shape)``; with ``draws``, ``log_prob(x)`` is enough.
        q: The second; batches of parameters broadcast, and both are on the same space.
        key: A key of ``jax.random``; either this or ``draws``.
        draws: A pair of draws made outside, (of p, of q), each [n, batch..., event...] as ``sample(key, (n,))`` gives
            them; the two n may differ, and p and q still count half each.
        num_samples: How many draws, from both together; at least 4, an odd one is not used. Without meaning for
            ``draws``.
        generator: A record of ``kljax.generators``.

    Returns:
        The estimate, its standard error and the effective sample size, each [batch...].

    Raises:
        TypeError: If p or q cannot be sampled, or not exactly one of ``key`` and ``draws`` is given.
        ValueError: If there are fewer than 4 draws, or 2 of either.

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
    check_generator("generator", generator)
    if (key is None) == (draws is None):
        raise TypeError(f"Exactly one of key and draws must be given; got {'neither' if key is None else 'both'}.")
    if key is not None:
        _checks.key("key", key)
    p, q = converted(p), converted(q)
    for name, one in (("p", p), ("q", q)):
        # With draws made outside nothing needs to be sampled.
        if not (isinstance(one, Distribution) or (draws is not None and hasattr(one, "log_prob"))):
            needed = "log_prob(x) and sample(key, shape)" if draws is None else "log_prob(x)"
            raise TypeError(f"{name} must have {needed}; got {type(one).__name__}.")
    if isinstance(num_samples, bool) or not isinstance(num_samples, int):
        raise TypeError(f"num_samples must be an int; got {type(num_samples).__name__}.")
    if num_samples < 4:
        raise ValueError(f"num_samples must be at least 4; got {num_samples}.")
    shapes = [getattr(one, "event_shape", None) for one in (p, q)]
    if None not in shapes and shapes[0] != shapes[1]:
        raise ValueError(f"One draw of p and of q must have the same shape; got {shapes[0]} and {shapes[1]}.")
    if is_family(p) and is_family(q):
        p, q = aligned(p, q)
        if draws is None:
            return _from_families(num_samples // 2, p, q, generator, key)
    return _from_draws(p, q, generator, _drawn(p, q, key, num_samples // 2) if draws is None else _made_outside(draws))


@functools.partial(prompt, static_argnums=(0,))
def _from_families(each: int, p: Any, q: Any, generator: Generator, key: Any) -> Estimate:
    return _from_draws(p, q, generator, _drawn(p, q, key, each))


def _drawn(p: Any, q: Any, key: Any, each: int) -> list[Any]:
    return [_logs.draw(one, its, (each,)) for one, its in zip((p, q), jax.random.split(key), strict=True)]


def _from_draws(p: Any, q: Any, generator: Generator, draws: list[Any]) -> Estimate:
    fixed = [lax.stop_gradient(x) for x in draws]
    return _summarise(generator, *((_logs.log_prob(p, x), _logs.log_prob(q, x)) for x in fixed))


def _made_outside(draws: Any) -> list[Any]:
    if not isinstance(draws, (tuple, list)) or len(draws) != 2:
        raise TypeError(f"draws must be a pair (draws of p, draws of q); got {type(draws).__name__}.")
    given = [jax.tree.map(jnp.asarray, one) for one in draws]
    for name, one in zip("pq", given, strict=True):
        counts = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(one)}
        if len(counts) != 1 or counts.pop() < 2:
            found = [leaf.shape for leaf in jax.tree.leaves(one)]
            raise ValueError(f"draws must have at least 2 draws of {name}, along the first axis; got shapes {found}.")
    return given


@prompt
def _summarise(generator: Generator, at_p: tuple[jax.Array, jax.Array], at_q: tuple[jax.Array, jax.Array]) -> Estimate:
    terms, weights_p, weights_q = zip(*(_terms(generator, *logs) for logs in (at_p, at_q)), strict=True)
    value = 0.5 * (terms[0].mean(-1) + terms[1].mean(-1))
    # Half the weight on each: the variance between p and q does not count.
    errors = [
        standard_error(one - one.mean(-1, keepdims=True), value, jnp.full_like(value, one.shape[-1])) for one in terms
    ]
    both = (jnp.concatenate(one, axis=-1) for one in (weights_p, weights_q))
    return Estimate(value, 0.5 * jnp.hypot(*errors), effective_sample_size(*both))


def _terms(generator: Generator, log_p: jax.Array, log_q: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(q f(p/q)/m, log p/m, log q/m) at the draws, [batch..., n], m held fixed."""
    log_p, log_q = (jnp.moveaxis(one, 0, -1) for one in jnp.broadcast_arrays(log_p, log_q))
    log_m = lax.stop_gradient(jnp.logaddexp(log_p, log_q)) - math.log(2.0)
    weights = log_p - log_m, log_q - log_m
    return terms_of(generator, *weights), *lax.stop_gradient(weights)
