"""Bounds on divergences of mixtures from those of their components: you hold mixtures in many dimensions.

    components of p and q ─▶ matrix of their divergences ─▶ bounds on KL(p‖q), or on the entropy of p

Mixtures of numbers need no bound: ``kljax.kl`` integrates them. In several dimensions there is no closed form. These
say for certain how large the divergence may be; ``kljax.estimate`` says how large it is, with an error bar.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import logsumexp

from kljax import _checks, divergences
from kljax._names import advised
from kljax._types import Law
from kljax.divergences._internal import distribution
from kljax.families import Mixture, MultivariateNormal, Normal
from kljax.families._internal import aligned, batch_shape, filled, outcome_log_chances

__all__ = ["Bounds", "durrieu", "hershey_olsen", "kl", "kolchinsky_tracey"]

_STEPS = 100  # of the alternation


class Bounds(NamedTuple):
    """What a number lies between, in nats.

    Attributes:
        lower: It is at least this, [batch...].
        upper: It is at most this, [batch...].
    """

    lower: jax.Array
    upper: jax.Array


@advised
def kl(p: Law, q: Law) -> Bounds:
    """KL(p‖q) of two mixtures lies between these: the best of the bounds of this module that the components allow.

    Above it is the smaller of ``hershey_olsen`` and ``durrieu``, below the larger of ``durrieu`` and 0; where the
    components have no overlap in closed form, those of ``durrieu`` are left out.

    Args:
        p: A Mixture Σ w_a p_a, or a distribution of the kind of its components.
        q: A Mixture Σ v_b q_b, or such a distribution.

    Returns:
        The bounds in nats, [batch...].

    Raises:
        NotImplementedError: If the components have no KL.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bounds
        >>> from kljax.families import Mixture, MultivariateNormal
        >>> means = jnp.array([[0.0, 0.0], [5.0, 0.0]])
        >>> p = Mixture(MultivariateNormal.from_diagonal(means, jnp.ones(2)), jnp.array([0.5, 0.5]))
        >>> q = MultivariateNormal.from_diagonal(jnp.array([2.0, 0.0]), jnp.array([3.0, 1.0]))
        >>> lower, upper = bounds.kl(p, q)
        >>> print(f"{lower:.3f} {upper:.3f}")
        0.130 0.631

    References:
        Hershey & Olsen (2007); Durrieu, Thiran & Kelly (2012).
    """
    above = hershey_olsen(p, q)
    if not _has_overlap(_components("p", p), _components("q", q)):
        return Bounds(jnp.zeros_like(above), above)
    lower, upper = durrieu(p, q)
    return Bounds(jnp.maximum(lower, 0.0), jnp.minimum(upper, above))


@advised
def hershey_olsen(p: Law, q: Law) -> jax.Array:
    """KL(p‖q) ≤ min Σ φ_ab [log(φ_ab/ψ_ab) + KL(p_a‖q_b)] over couplings Σ_b φ_ab = w_a, Σ_a ψ_ab = v_b.

    It is exact for equal mixtures whose components don't overlap, and never above the bound by convexity,
    KL(w‖v) + Σ w_a KL(p_a‖q_a). The gradient is that of the bound with the shares of ψ held fixed, where it is least.

    Args:
        p: A Mixture Σ w_a p_a, or a distribution of the kind of its components.
        q: A Mixture Σ v_b q_b, or such a distribution.

    Returns:
        The upper bound in nats, [batch...].

    Raises:
        NotImplementedError: If the components have no KL.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bounds
        >>> from kljax.families import Mixture, Normal
        >>> p = Mixture(Normal(jnp.array([0.0, 9.0]), 1.0), jnp.array([0.5, 0.5]))
        >>> print(f"{bounds.hershey_olsen(p, p):.4f}")
        0.0000

    References:
        Hershey & Olsen (2007), "Approximating the Kullback Leibler divergence between Gaussian mixture models",
        section 8.
    """
    return _of_pair(_hershey_olsen, p, q)


@advised
def durrieu(p: Law, q: Law) -> Bounds:
    """Bounds on KL(p‖q) from the components' divergences, entropies and overlaps ∫ p_a q_b.

    The lower one is Σ w_a log[Σ w_a' exp(-KL(p_a‖p_a'))/Σ v_b ∫ p_a q_b] - Σ w_a H(p_a), the upper one
    Σ w_a log[Σ w_a' ∫ p_a p_a'/Σ v_b exp(-KL(p_a‖q_b))] + Σ w_a H(p_a). The lower one may be negative.

    Args:
        p: A Mixture Σ w_a p_a, or a distribution of the kind of its components: Normal or MultivariateNormal.
        q: A Mixture Σ v_b q_b, or such a distribution.

    Returns:
        The bounds in nats, [batch...].

    Raises:
        NotImplementedError: If the components have no overlap in closed form.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bounds
        >>> from kljax.families import Mixture, Normal
        >>> p = Mixture(Normal(jnp.array([0.0, 9.0]), 1.0), jnp.array([0.5, 0.5]))
        >>> lower, upper = bounds.durrieu(p, Normal(4.0, 5.0))
        >>> print(f"{lower:.3f} {upper:.3f}")
        0.830 1.000

    References:
        Durrieu, Thiran & Kelly (2012), "Lower and upper bounds for approximation of the Kullback-Leibler divergence
        between Gaussian mixture models".
    """
    parts = _components("p", p), _components("q", q)
    if not _has_overlap(*parts):
        names = " and ".join(type(one.components).__name__ for one in parts)
        raise NotImplementedError(
            f"durrieu needs the overlaps ∫ p q of the components in closed form, which Normal and MultivariateNormal "
            f"have; got {names}. Call kljax.bounds.hershey_olsen, or kljax.estimate(p, q, key=…)."
        )
    return _of_pair(_durrieu, p, q)


@advised
def kolchinsky_tracey(p: Any, *, order: float = 0.5) -> Bounds:
    """The entropy of a mixture lies between Σ w_a H(p_a) - Σ w_a log Σ w_b exp(-D(p_a‖p_b)) for two distances D.

    D is the Chernoff distance -log ∫ p_aᵅ p_b¹⁻ᵅ below (that of Bhattacharyya at the default order), and KL above. For
    components that are either equal or far apart the two agree.

    Args:
        p: A Mixture.
        order: α in (0, 1), a Python number.

    Returns:
        The bounds in nats, [batch...].

    Raises:
        NotImplementedError: If the components have no KL or no Rényi divergence.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bounds
        >>> from kljax.families import Mixture, Normal
        >>> p = Mixture(Normal(jnp.array([0.0, 20.0]), 1.0), jnp.array([0.5, 0.5]))
        >>> lower, upper = bounds.kolchinsky_tracey(p)
        >>> print(f"{lower:.4f} {upper:.4f}")
        2.1121 2.1121

    References:
        Kolchinsky & Tracey (2017), "Estimating mixture entropy with pairwise distances".
    """
    if not isinstance(p, Mixture):
        raise TypeError(f"p must be a Mixture; got {type(p).__name__}, whose entropy is kljax.entropy(p).")
    _checks.number("order", order, low=0.0, high=1.0, open_low=True, open_high=True)
    return _over_batch(functools.partial(_kolchinsky_tracey, order), filled(p))


def _components(name: str, value: Any) -> Mixture:
    """A mixture, or a distribution as one of a single component."""
    record = distribution(name, value)
    if isinstance(record, Mixture):
        return record
    at = filled(record)
    axis = len(batch_shape(at))
    one = jax.tree.map(lambda leaf: jnp.expand_dims(leaf, axis), at)
    return Mixture(one, logits=jnp.zeros((*batch_shape(at), 1), jax.tree.leaves(at)[0].dtype))


def _of_pair(bound: Callable[[Mixture, Mixture], Any], p: Any, q: Any) -> Any:
    return _over_batch(bound, *aligned(_components("p", p), _components("q", q)))


@functools.partial(jax.jit, static_argnums=0)
def _over_batch(bound: Callable[..., Any], *mixtures: Mixture) -> Any:
    for _ in batch_shape(mixtures[0]):
        bound = jax.vmap(bound)
    return bound(*mixtures)


def _log_weights(one: Mixture) -> jax.Array:
    """log wₖ of weights with sum one."""
    logs = outcome_log_chances(one)
    return logs - logsumexp(logs, -1, keepdims=True)


def _all_pairs(verb: Callable[[Any, Any], jax.Array], p: Mixture, q: Mixture) -> jax.Array:
    rows = jax.tree.map(lambda leaf: leaf[:, None], p.components)
    columns = jax.tree.map(lambda leaf: leaf[None, :], q.components)
    return verb(rows, columns)


def _average(w: jax.Array, terms: jax.Array) -> jax.Array:
    """Σ wₖ tₖ, without those of weight zero."""
    return jnp.where(w > 0.0, w * jnp.where(w > 0.0, terms, 0.0), 0.0).sum()


def _hershey_olsen(p: Mixture, q: Mixture) -> jax.Array:
    log_w, log_v = _log_weights(p), _log_weights(q)
    distance = _all_pairs(divergences.kl, p, q)
    fixed_w, fixed_v, fixed = lax.stop_gradient((log_w, log_v, distance))

    def shares(log_phi: jax.Array) -> jax.Array:
        """log ψ_ab/v_b for the best ψ, the shares of each column of φ."""
        total = logsumexp(log_phi, 0, keepdims=True)
        return log_phi - jnp.where(jnp.isfinite(total), total, 0.0)

    def step(_: Any, log_phi: jax.Array) -> jax.Array:
        logits = fixed_v[None, :] + shares(log_phi) - fixed
        total = logsumexp(logits, 1, keepdims=True)
        return fixed_w[:, None] + logits - jnp.where(jnp.isfinite(total), total, 0.0)

    start = fixed_w[:, None] + fixed_v[None, :] - jnp.minimum(fixed, 1e4)
    best = shares(lax.fori_loop(0, _STEPS, step, start))
    # With ψ = v_b times the shares, the best φ gives Σ w_a log[w_a/Σ_b ψ_ab exp(-KL_ab)], a bound for any shares.
    inside = logsumexp(log_v[None, :] + best - distance, 1)
    w = jnp.exp(log_w)
    return jnp.maximum(_average(w, log_w - inside), 0.0)


def _durrieu(p: Mixture, q: Mixture) -> Bounds:
    log_w, log_v = _log_weights(p), _log_weights(q)
    w, entropy = jnp.exp(log_w), p.components.entropy()

    def log_mean(log_weights: jax.Array, logs: jax.Array) -> jax.Array:
        return logsumexp(log_weights[None, :] + logs, 1)

    own, other = (log_mean(u, -_all_pairs(divergences.kl, p, one)) for u, one in ((log_w, p), (log_v, q)))
    own_overlap, overlap = (log_mean(u, _all_pairs(_log_overlap, p, one)) for u, one in ((log_w, p), (log_v, q)))
    return Bounds(_average(w, own - overlap - entropy), _average(w, own_overlap - other + entropy))


def _kolchinsky_tracey(order: float, p: Mixture) -> Bounds:
    log_w = _log_weights(p)
    w, entropy = jnp.exp(log_w), p.components.entropy()

    def chernoff(a: Any, b: Any) -> jax.Array:
        return (1.0 - order) * divergences.renyi(a, b, order=order)

    below, above = (
        _average(w, entropy - logsumexp(log_w[None, :] - _all_pairs(distance, p, p), 1))
        for distance in (chernoff, divergences.kl)
    )
    return Bounds(below, above)


def _has_overlap(*mixtures: Mixture) -> bool:
    kinds = {type(one.components) for one in mixtures}
    return len(kinds) == 1 and kinds <= {Normal, MultivariateNormal}


def _log_overlap(p: Any, q: Any) -> jax.Array:
    """log ∫ p q, the density of N(μ_p - μ_q, Σ_p + Σ_q) at 0."""
    if isinstance(p, Normal):
        width = jnp.hypot(p.scale, q.scale)
        return Normal(p.loc - q.loc, width).log_prob(jnp.zeros_like(width))
    shift = p.loc - q.loc
    total = MultivariateNormal.from_covariance(shift, p.covariance + q.covariance)
    return total.log_prob(jnp.zeros_like(shift))
