"""What lies beyond the outermost node towards an end: extrapolated from how the integrand decays there.

With g(y) the integrand times dx/dy, λ = -d log g/dy and λ' its slope, ∫ g beyond Y is g(Y) λ/(λ² + λ') towards a finite
end, and g(Y) (λ + 1)/(λ(λ + 1) + λ') towards infinity, where y is the logarithm of a distance: exact for a power of the
distance, and to infinity for an exponential, up to λ'/λ² relatively for others. If g would lose less than a factor √e
over the whole reach, the integral diverges.

The outermost node need not lie at the reach: where a log-density overflows, as that of a Gumbel variable does e^{89}
down, it is the last one that still has a number. A density that ends there is told from one that overflows by its size.
Where g has not begun to fall at such a place, as that of KL(Laplace‖Gumbel) of one scale, the integral diverges too.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from kljax.quadrature._domain import pick
from kljax.quadrature._mesh import Nodes
from kljax.quadrature._select import where


class Tails(NamedTuple):
    """Of each integral at each end, [ends, mains, batch...].

    Attributes:
        node: The number of the outermost node.
        share: What lies beyond it, relative to its own term.
        rest: What lies beyond, in units of e^shift; ±∞ where the integral diverges.
        error: The bound of its error.
    """

    node: jax.Array
    share: jax.Array
    rest: jax.Array
    error: jax.Array


def tails(
    code: jax.Array, nodes: Nodes, log_terms: jax.Array, sums: jax.Array, shift: jax.Array, extents: jax.Array
) -> Tails:
    """From the nodes of all panels in a row, [batch..., nodes], and the terms there; the densities' come first."""
    height = log_terms[log_terms.shape[0] - sums.shape[0] :]
    numbers = jnp.arange(1, extents.shape[0] + 1).reshape(-1, *[1] * log_terms.ndim).astype(code.dtype)
    alive = where((jnp.abs(code) == numbers) & (height > -jnp.inf), nodes.y, -jnp.inf)
    log_g = jnp.broadcast_to(height - nodes.log_weight + nodes.log_slope, alive.shape)
    extent = extents[:, None, ..., 0]

    def outermost(bound: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        kept = where(alive <= bound[..., None], alive, -jnp.inf)
        node = kept.argmax(-1, keepdims=True)
        return node, pick(kept, node)[..., 0], pick(log_g, node)[..., 0]

    def there(x: jax.Array) -> jax.Array:
        return pick(jnp.broadcast_to(x, alive.shape), node)[..., 0]

    node, last, log_last = outermost(jnp.full(alive.shape[:-1], jnp.inf, alive.dtype))
    reached = last > 0.99 * extent
    step = where(reached, 0.125 * extent, last / 32.0)
    _, before, log_before = outermost(last - step)
    _, early, log_early = outermost(before - step)
    # Towards a finite end of the integers there is no reach, and nothing beyond.
    found = (last > 0.0) & (early > -jnp.inf) & (extent > 0.0)
    last, before, early = (where(found, one, at) for one, at in ((last, 2.0), (before, 1.0), (early, 0.0)))
    average = where(found, (log_before - log_last) / (last - before), 1.0)
    bend = 2.0 * (average - where(found, (log_early - log_before) / (before - early), 1.0)) / (last - early)
    endless = found & reached & ~(average * extent > 0.5)
    rate = average + 0.5 * bend * (last - before)
    limits = jnp.finfo(alive.dtype)
    densities = log_terms[: log_terms.shape[0] - sums.shape[0]] - nodes.log_weight
    # One that is zero there has not overflowed.
    overflows = there(where(densities > -jnp.inf, densities, 0.0).min(0)) < -(float(limits.max) ** 0.5)
    # Before a density that overflows there is no reach either; y is the logarithm of a distance, with dx/dy = e^y.
    cut = found & ~reached & overflows
    endless |= cut & ~(average > -0.5)
    fading = found & ~endless & (reached | overflows) & (rate > 0.0) & jnp.isfinite(rate)
    rate = where(fading, rate, 1.0)
    lifted = where(there(code) > 0.0, rate + 1.0, rate)
    curved = where(fading, bend, 0.0) / (rate * lifted)
    onward = rate * where(reached, extent - last, 0.0) + jnp.log(rate) + jnp.log1p(jnp.maximum(curved, -0.5))
    log_rest = where(fading, log_last - onward, -jnp.inf)
    rest = jnp.exp(log_rest - shift)
    panel = node // (alive.shape[-1] // sums.shape[-1])
    sign = jnp.sign(pick(jnp.broadcast_to(sums, (*alive.shape[:-1], sums.shape[-1])), panel)[..., 0])
    share = where(fading, jnp.exp(log_rest - there(height)), 0.0)
    error = where(cut & ~endless & ~fading, jnp.inf, rest * jnp.minimum(0.02 + 0.5 * jnp.abs(curved), 1.0))
    return Tails(node[..., 0], share, where(endless, sign * jnp.inf, sign * rest), error)
