"""Summands that owe nothing to what the draws cannot see: "k1", log(p/q) in the case of KL.

Draws from p never show where p = 0 < q, which costs f(0) Q(p = 0). As f(0) (1 - q/p) has the mean f(0) Q(p = 0) under
p, adding it to the non-negative summand f(u)/u gives one whose mean is D_f whatever the supports. Draws from q likewise
with f'(∞) (1 - u). Each form below is that sum in closed form, so that nothing cancels in the tails, over p's weight
or q's: a function of r alone, which stays in range where the other weight overflows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from kljax._special.elementwise import expm1, expm1_ratio, log1p
from kljax._special.log1p_quotients import log1p_ratio
from kljax.generators._internal import Scalar, is_static, log_p_over_mixture, tanh

Form = Callable[..., jax.Array]


@dataclasses.dataclass(frozen=True)
class K1:
    """The summand over p's weight and over q's, functions of (r = log p/q, parameters); ``None`` where f(0), f'(∞) is
    infinite and there is none.
    """

    from_p: Form | None = None
    from_q: Form | None = None

    def choose(self, came_from: str) -> tuple[Form, bool] | None:
        """(the form, whether it is that by q's weight) for draws from p, q or a proposal."""
        if came_from == "q" and self.from_q is not None:
            return self.from_q, True
        return None if self.from_p is None else (self.from_p, False)


kl = K1(lambda r: r)
total_variation = K1(
    lambda r: jnp.maximum(-expm1(-jnp.maximum(r, 0.0)), 0.0), lambda r: jnp.maximum(-expm1(jnp.minimum(r, 0.0)), 0.0)
)
le_cam = K1(lambda r: tanh(0.5 * r), lambda r: -tanh(0.5 * r))


def _power_p(r: jax.Array, order: Scalar, factor: Scalar) -> jax.Array:
    # (p^α q^(1-α) - p)/(α(α - 1)), over p
    return factor / order * (r * expm1_ratio((order - 1.0) * r))


def _power_q(r: jax.Array, order: Scalar, factor: Scalar) -> jax.Array:
    # The same with p and q, α and 1 - α exchanged.
    return _power_p(-r, 1.0 - order, factor)


def power(order: Scalar) -> K1:
    """Amari's α-divergence times a factor; of a traced order it is not known which prices are finite."""
    if is_static(order):
        return K1(_power_p if order > 0 else None, _power_q if order < 1 else None)
    return K1(_power_p)


def _skew_p(r: jax.Array, weight: Scalar) -> jax.Array:
    return log_p_over_mixture(r, weight, 1.0 - weight)


def _skew_q(r: jax.Array, weight: Scalar) -> jax.Array:
    # p log(p/m) + (q - p) lim = -p log(1 + x) - q log w, x = (1 - w) q/(w p)
    odds = (1.0 - weight) / weight
    return -(odds * log1p_ratio(odds * jnp.exp(_within(-r))) + jnp.log(jnp.asarray(weight, r.dtype)))


def _within(r: jax.Array) -> jax.Array:
    """r, so that its exponential is finite."""
    limit = 60.0 if r.dtype == jnp.float32 else 600.0
    return jnp.minimum(r, limit)


def skew(weight: Scalar) -> K1:
    """KL(p‖w p + (1 - w) q)."""
    return K1(_skew_p, _skew_q if is_static(weight) and weight > 0 else None)


def _js_p(r: jax.Array, weight: Scalar, factor: Scalar) -> jax.Array:
    rest = 1.0 - weight
    x = weight / rest * jnp.exp(_within(r))
    entropy = -rest * log1p(jnp.asarray(-weight, r.dtype))
    to_mixture = weight * log_p_over_mixture(r, weight, rest)
    # w log(p/m) + (1 - w) (q/p) log(q/m) + f(0) (1 - q/p), of which the last two cancel where q/p is large.
    near = r > -1.0
    s = jnp.where(near, r, 0.0)
    close = rest * jnp.exp(-s) * log_p_over_mixture(-s, rest, weight) - entropy * expm1(-s)
    return factor * (to_mixture + jnp.where(near, close, entropy - weight * log1p_ratio(x)))


def _js_q(r: jax.Array, weight: Scalar, factor: Scalar) -> jax.Array:
    return _js_p(-r, 1.0 - weight, factor)


def jensen_shannon(weight: Scalar) -> K1:
    """Jensen–Shannon; at the ends of the weights there is no mixture."""
    inside = not is_static(weight) or 0 < weight < 1
    return K1(_js_p, _js_q) if inside else K1()
