"""Q(x) of a batch of densities on a line at sorted points, by quadrature between the points.

Between neighbouring points Gauss and Legendre's rule; beyond the last ones the double exponential rule, out to the ends
of the support. The whole is divided by its own total. Records that have ``cdf`` are asked instead.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax.samples import _models
from kljax.samples._models import Fits

GAPS = 512  # more points than that are thinned out, and interpolated between
ENDS = 100
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)
_T = np.linspace(-3.2, 3.2, 49)
_AWAY = np.exp(np.pi / 2 * np.sinh(_T))
_SLOPE = np.pi / 2 * np.cosh(_T) * _AWAY * (_T[1] - _T[0])
_INNER = 0.5 * (1.0 + np.tanh(np.pi / 2 * np.sinh(_T)))
_INNER_SLOPE = np.pi / 4 * np.cosh(_T) / np.cosh(np.pi / 2 * np.sinh(_T)) ** 2 * (_T[1] - _T[0])


def levels(fits: Fits, ordered: np.ndarray) -> np.ndarray | None:
    """Q_r(x_r(i)) [R, n] of every fit at its own sample in order; None where it has no density to integrate."""
    if not fits.batched:
        if not all(hasattr(one, "cdf") for one in fits.held):
            return None
        with np.errstate(all="ignore"):
            return np.stack([np.asarray(one.cdf(x), np.float64) for one, x in zip(fits.held, ordered, strict=True)])
    support: Any = getattr(fits.held, "support", None)
    if getattr(support, "kind", None) != "interval" or fits.held.event_shape != ():
        return None
    rows = len(ordered)
    low, high = (np.broadcast_to(np.asarray(end, float), (rows,)) for end in (support.low, support.high))
    count = ordered.shape[-1]
    ends = np.arange(min(ENDS, count))  # in the tails no point is left out
    kept = np.unique(np.concatenate([ends, np.linspace(0, count - 1, min(GAPS, count)).astype(int), count - 1 - ends]))
    knots = ordered[:, kept]
    nodes, weights = _rule(knots, low, high)
    values = np.asarray(_densities(fits.held, _models.floats(nodes.reshape(rows, -1))), np.float64).reshape(nodes.shape)
    masses = (values * weights).sum(-1)  # [R, knots + 1]
    at_knots = np.cumsum(masses, -1)[:, :-1] / masses.sum(-1, keepdims=True)
    if knots.shape[-1] == ordered.shape[-1]:
        return at_knots
    return np.stack([np.interp(x, knot, level) for x, knot, level in zip(ordered, knots, at_knots, strict=True)])


def _rule(knots: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights [R, knots + 1, nodes] of the cells below, between and above the knots."""
    width = np.diff(knots)[..., None]
    inner = knots[:, :-1, None] + width * (0.5 + 0.5 * _NODES)
    rest = len(_T) - len(_NODES)
    inner = np.concatenate([inner, np.repeat(inner[..., -1:], rest, -1)], -1)
    inner_weights = np.concatenate([0.5 * width * _WEIGHTS, np.zeros((*width.shape[:2], rest))], -1)
    unit = np.maximum(knots[:, -1] - knots[:, 0], np.finfo(float).tiny)
    outer = []
    for end, edge, way in ((low, knots[:, 0], -1.0), (high, knots[:, -1], 1.0)):
        reach = np.abs(end - edge)
        finite = np.isfinite(reach)[:, None]
        length = np.where(finite[:, 0], np.where(np.isfinite(reach), reach, 1.0), unit)[:, None]
        nodes = edge[:, None] + way * length * np.where(finite, _INNER, _AWAY)
        outer.append((nodes, length * np.where(finite, _INNER_SLOPE, _SLOPE)))
    (below, below_weights), (above, above_weights) = outer
    return (
        np.concatenate([below[:, None], inner, above[:, None]], 1),
        np.concatenate([below_weights[:, None], inner_weights, above_weights[:, None]], 1),
    )


@jax.jit
def _densities(records: Any, x: jax.Array) -> jax.Array:
    found = jax.vmap(lambda record, at: jnp.exp(record.log_prob(at)))(records, x)
    return jnp.where(jnp.isfinite(found), found, 0.0)
