"""Divergences from a teacher of which only the k largest log-probabilities were kept.

(teacher's top k, student's logits) ─▶ two short rows, the tail in one outcome ─kernel of logits─▶ divergence. What is
assumed of the teacher's tail is chosen by name, and how much mass it has is said.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from kljax import _checks, _records, generators
from kljax._kernels.f_divergence import f_divergence
from kljax._names import advised
from kljax._special.elementwise import expm1
from kljax._special.safe import nan_where
from kljax._types import Rows
from kljax.generators import Generator
from kljax.generators._internal import check as check_generator
from kljax.montecarlo._core import option

TAILS = ("bucket", "uniform", "renormalized", "conditional")


class TopK(NamedTuple):
    """A divergence from a teacher's top k, and how much of both lies there.

    Attributes:
        value: The divergence in nats, [...].
        mass_p: The teacher's probability of its top k as given, [...]; above 1 only by the rounding of what was stored.
        mass_q: The student's probability of the same k outcomes, [...].
    """

    value: jax.Array
    mass_p: jax.Array
    mass_q: jax.Array


_records.exported(TopK)


@advised
def topk(
    log_p: Rows,
    indices: Rows,
    logits_q: Rows,
    *,
    tail: str = "bucket",
    generator: Generator = generators.kl,
    where: Rows | None = None,
) -> TopK:
    """D_f(p‖q) of a teacher p known at k outcomes only, and a student q known by all its logits.

    What stands in for the rest of the teacher, of mass 1 - Σ p_top:

    - ``"bucket"``: one outcome that stands for all the others, in teacher and student. A true divergence, zero where
      the two agree on the k and on the rest together; by data processing at most D_f of the whole rows.
    - ``"uniform"``: the mass spread evenly over the V - k others: D_f of the completed teacher.
    - ``"renormalized"``: nothing; the k are divided by their sum: D_f of the truncated teacher. A student is drawn to
      leave the tail, and generators with f(0) = ∞, such as the reverse KL, are infinite.
    - ``"conditional"``: both are divided by their sums over the k: D_f given that the outcome is one of them. The
      student's mass in the tail costs nothing.

    Which way round: with p the teacher the forward KL is the default generator, and the reverse KL(q‖p) is
    ``generator=generators.reverse_kl``. So for all others, ``generators.jensen_shannon(w)`` for instance.

    Args:
        log_p: The teacher's log-probabilities of its top k, [..., k] of any floating dtype, normalised over the whole
            vocabulary; -inf is probability zero.
        indices: Which outcomes these are, integers [..., k], without repetition.
        logits_q: The student's logits or log-probabilities, [..., V]; the leading axes broadcast.
        tail: "bucket", "uniform", "renormalized" or "conditional", as above.
        generator: A record of ``kljax.generators``.
        where: Boolean mask that broadcasts to the result; positions where it is false give 0.

    Returns:
        The divergence and the masses, each of the broadcast leading shape. Where the stored log-probabilities add up to
        one or more, or to one but for rounding and the student has no other outcome either, the tail is empty. With an
        empty tail the reverse KL is inf for a student that has one. An index outside [0, V), or a row that is no
        distribution, gives NaN.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from kljax import logits, montecarlo
        >>> teacher, student = jnp.array([3.0, 1.0, 0.0, -1.0]), jnp.array([2.0, 1.5, 0.0, 0.0])
        >>> log_p, indices = jax.lax.top_k(jax.nn.log_softmax(teacher), 2)
        >>> found = montecarlo.topk(log_p, indices, student)
        >>> print(f"{found.value:.4f} {found.mass_p:.4f} {logits.kl(teacher, student):.4f}")
        0.1978 0.9434 0.2041

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions and indirect
        observations" (data processing).
    """
    option("tail", tail, TAILS)
    check_generator("generator", generator)
    return _topk(log_p, indices, logits_q, generator, where, tail=tail)


def _arguments(log_p: Rows, indices: Rows, logits_q: Rows) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """(the teacher's row, the outcomes, the student's row, whether any outcome is outside it)"""
    a, b = _checks.floating("log_p", log_p), _checks.floating("logits_q", logits_q)
    at = jnp.asarray(indices)
    if not jnp.issubdtype(at.dtype, jnp.integer):
        raise TypeError(f"indices must be integers; got {at.dtype} with shape {at.shape}.")
    at = at.astype(jnp.int32) if at.dtype.itemsize < 4 else at  # a narrow dtype need not hold V
    if a.ndim == 0 or b.ndim == 0 or a.shape[-1] == 0:
        raise ValueError(f"log_p must be [..., k] with k ≥ 1, and logits_q [..., V]; got {a.shape} and {b.shape}.")
    if at.ndim == 0 or at.shape[-1] != a.shape[-1]:
        raise ValueError(f"indices must name the k outcomes of log_p; got shapes {at.shape} and {a.shape}.")
    if a.shape[-1] > b.shape[-1]:
        raise ValueError(f"k must not exceed the vocabulary; got k = {a.shape[-1]} and V = {b.shape[-1]}.")
    try:
        lead = jnp.broadcast_shapes(a.shape[:-1], at.shape[:-1], b.shape[:-1])
    except ValueError:
        raise ValueError(
            "The leading shapes of log_p, indices and logits_q must broadcast together; got "
            f"{a.shape}, {at.shape} and {b.shape}."
        ) from None
    dtype = jnp.dtype(jnp.float64) if jnp.dtype(jnp.float64) in (a.dtype, b.dtype) else jnp.dtype(jnp.float32)
    a, b = (jnp.broadcast_to(one.astype(dtype), (*lead, one.shape[-1])) for one in (a, b))
    outside = ((at < 0) | (at >= b.shape[-1])).any(-1)
    at = jnp.broadcast_to(jnp.clip(at, 0, b.shape[-1] - 1), (*lead, at.shape[-1]))
    return a, at, b, jnp.broadcast_to(outside, lead)


@functools.partial(jax.jit, static_argnames=("tail",))
def _topk(log_p, indices, logits_q, generator, where, *, tail):
    a, at, b, outside = _arguments(log_p, indices, logits_q)
    present = _checks.mask(where, a.shape[:-1])
    if present is not None:  # what is masked may be no distribution at all
        a = jnp.where(present[..., None], a, -math.log(b.shape[-1]))
        b = jnp.where(present[..., None], b, 0.0)
    kept, vocabulary = a.shape[-1], b.shape[-1]
    inside = jnp.zeros(b.shape, bool)
    inside = jnp.put_along_axis(inside, at, True, axis=-1, inplace=False)
    top_q = jnp.take_along_axis(b, at, axis=-1)
    # The student's tail is summed over its outcomes: 1 - Σ top would have no digits of a small one.
    rest_q = _log_sum(jnp.where(inside, -jnp.inf, b))
    log_mass_p = _log_sum(a)
    rest_p = _log_rest(log_mass_p) if kept < vocabulary else jnp.full_like(log_mass_p, -jnp.inf)
    # Where the student has nothing else, what the rounding of the teacher's numbers leaves is nothing too.
    rounding = 4.0 * float(jnp.finfo(jnp.asarray(log_p).dtype).eps)
    rest_p = jnp.where((rest_q == -jnp.inf) & (rest_p < math.log(rounding)), -jnp.inf, rest_p)
    if tail == "uniform" and kept < vocabulary:
        each = jnp.broadcast_to((rest_p - math.log(vocabulary - kept))[..., None], b.shape)
        rows = jnp.put_along_axis(each, at, a, axis=-1, inplace=False), b
    elif tail == "conditional" or kept == vocabulary:
        rows = a, top_q
    else:
        rest_p = rest_p if tail == "bucket" else jnp.full_like(rest_p, -jnp.inf)
        rows = _with_rest(a, rest_p), _with_rest(top_q, rest_q)
    value = nan_where(outside, f_divergence(generator, *rows, None))
    log_mass_q = _log_sum(top_q) - jnp.logaddexp(_log_sum(top_q), rest_q)
    found = TopK(value, jnp.exp(log_mass_p), nan_where(outside, jnp.exp(log_mass_q)))
    return found if present is None else TopK(*(jnp.where(present, one, 0.0) for one in found))


def _with_rest(top: jax.Array, rest: jax.Array) -> jax.Array:
    return jnp.concatenate([top, rest[..., None]], axis=-1)


def _log_sum(row: jax.Array) -> jax.Array:
    """log Σ eˣ over the last axis; -∞ of nothing, without a gradient."""
    none = (row == -jnp.inf).all(-1)
    return jnp.where(none, -jnp.inf, logsumexp(jnp.where(none[..., None], 0.0, row), axis=-1))


def _log_rest(log_mass: jax.Array) -> jax.Array:
    """log(1 - e^x) for x < 0 with relative accuracy of 1 - e^x; -∞, without a gradient, from 0 on."""
    empty = log_mass >= 0.0
    x = jnp.where(empty, -1.0, log_mass)
    return jnp.where(empty, -jnp.inf, jnp.log(-expm1(x)))
