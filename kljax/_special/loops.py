"""What XLA's CPU backend makes one loop of.

Of a quotient, root, exponential or logarithm with several uses it makes a loop of its own, which writes an array that
the others read: joined to each of them it would be computed again. A maximum it joins, whatever that is of, and LLVM
then finds the copies equal. So KL's summand of probabilities, in which two quotients have three uses each, takes two
thirds of the time.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


@jax.custom_jvp
def in_one_loop(x: jax.Array) -> jax.Array:
    """x > -∞, the result of such an operation."""
    return jnp.maximum(x, -float(jnp.finfo(x.dtype).max))


@in_one_loop.defjvp
def _in_one_loop_jvp(primals, tangents):
    return in_one_loop(*primals), tangents[0]
