"""From log-densities and an integrand to the integrals, their error bounds and their derivatives.

    hints ─▶ panels ─refine─▶ sums, which are the answer ─▶ tails
                          └─▶ nodes and weights, held constant ─▶ derivatives

The densities are evaluated in one place of the refinement, and in one more where a derivative is asked for.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax.quadrature import _domain, _fixed_nodes, _integers, _measures, _mesh, _tails
from kljax.quadrature._densities import Densities
from kljax.quadrature._domain import Hints, Space
from kljax.quadrature._measures import Totals


def integrate(
    densities: Densities, integrand: Any, hints: Hints, space: Space, jumps: jax.Array | None = None
) -> Totals:
    """The integrals, differentiable in the constants of the densities, the integrand, the ends and the ``jumps``.

    The last are places, [batch..., k], where a density ends.
    """
    # Batches of hints and of densities broadcast, as in NumPy.
    with jax.numpy_rank_promotion("allow"):
        jumps = hints.low[..., :0] if jumps is None else jumps
        moving = _fixed_nodes.Moving(densities.constants, integrand, hints.low, hints.high, jumps)
        held, error, ratio = _held(*lax.stop_gradient((densities.constants, integrand, hints)), densities, space)
        summed = _fixed_nodes.Summed(densities.evaluate, densities.functions, densities.logs, space.kind == "integers")
        return Totals(_fixed_nodes.integrals(summed, held, moving), held.shift, error, ratio)


def _held(
    constants: list[jax.Array], integrand: Any, hints: Hints, densities: Densities, space: Space
) -> tuple[_fixed_nodes.Held, jax.Array, jax.Array]:
    """What is held still, the error bound and the largest ratio."""
    count, whole = densities.logs, space.kind == "integers"
    panels, extents = _integers.start(hints) if whole else _domain.start(hints, space)
    scheme = _integers.scheme(hints) if whole else _domain.scheme(hints)
    still = densities._replace(constants=constants)

    def measure(nodes: _mesh.Nodes) -> _mesh.Measures:
        return _measures.measure(still, integrand, nodes)

    double = hints.low.dtype == jnp.float64
    mains = jax.eval_shape(lambda one: measure(scheme.place(one)).sums, panels[..., :1]).shape[1]
    tolerances = [1e-6 if double else 1e-4] * count + [2e-12 if double else 2e-7] * mains
    panels, found = _mesh.refine(scheme, measure, panels, tolerances)
    total = _measures.totals(found, count)
    nodes = scheme.place(panels)
    shape = nodes.x.shape[1:]

    def in_a_row(x: jax.Array) -> jax.Array:
        return jnp.broadcast_to(x, (1, *shape)).reshape(*shape[:-2], -1)

    code = in_a_row(panels[:1, ..., None])
    nodes = _mesh.Nodes(*map(in_a_row, nodes))
    log_terms = jnp.moveaxis(found.log_terms, 1, -1)
    log_terms = log_terms.reshape(*log_terms.shape[:-2], -1)
    factor = jnp.ones((mains, *nodes.x.shape), nodes.x.dtype)
    value, error = total.sum, total.error
    if extents.shape[0]:
        beyond = _tails.tails(code, nodes, log_terms, found.sums[0], total.shift, extents)
        value, error = value + beyond.rest.sum(0), error + beyond.error.sum(0)
        numbers = jnp.arange(nodes.x.shape[-1])
        factor += jnp.where(numbers == beyond.node[..., None], beyond.share[..., None], 0.0).sum(0)
    error = jnp.where(jnp.isinf(value), 0.0, error)
    return _fixed_nodes.Held(value, total.shift, nodes.x, nodes.log_weight, log_terms, factor), error, total.ratio
