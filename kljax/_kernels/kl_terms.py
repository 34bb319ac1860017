"""What each outcome adds to KL(p‖q).

    t = p log(p/q) − p + q ≥ 0,    Σ t = KL(p‖q),    dt = p r d log p + (q − p) d log q

With r = log(p/q); of dt the terms that a normalisation takes out are gone.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._kernels.passes import statistics
from kljax._kernels.rows import Temperature, centre, logit_tangent, masses, normalise
from kljax.generators import kl
from kljax.generators._internal import mass_gap, summand


@jax.custom_jvp
def kl_terms(a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """The terms of two rows of logits, along the last axis."""
    p, q, r = masses(a, b, temperature, statistics(a, b, temperature))
    return summand(kl, p, q, r)


@kl_terms.defjvp
def _kl_terms_jvp(primals, tangents):
    a, b, temperature = primals
    da, db, d_temperature = tangents
    rows = statistics(a, b, temperature)
    p, q, r = normalise(a, b, temperature, rows)
    d_log_p = centre(p, logit_tangent(a, rows.top_p, temperature, da.astype(p.dtype), d_temperature))
    d_log_q = centre(q, logit_tangent(b, rows.top_q, temperature, db.astype(q.dtype), d_temperature))
    inside = ~jnp.isinf(r)
    safe = jnp.where(inside, r, 0.0)
    # Where q misses p the cost is infinite, and its gradient zero; where p misses q it is q.
    in_q = jnp.where(inside, mass_gap(p, q, safe), jnp.where(r < 0.0, q, 0.0))
    return kl_terms(a, b, temperature), p * safe * d_log_p + in_q * d_log_q
