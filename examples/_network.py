"""The classifiers of ``soft_labels.py``, in flax."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx


class Network(nnx.Module):
    """A multilayer perceptron: weights in float32, computation in ``dtype``."""

    def __init__(self, widths: Sequence[int], dtype: jnp.dtype, rngs: nnx.Rngs):
        pairs = itertools.pairwise(widths)
        self.layers = nnx.List([nnx.Linear(into, out, dtype=dtype, rngs=rngs) for into, out in pairs])

    def __call__(self, images: jax.Array) -> jax.Array:
        """The logits of the digits."""
        for layer in self.layers[:-1]:
            images = nnx.relu(layer(images))
        return self.layers[-1](images)


def initial_weights(widths: Sequence[int], networks: int, seed: int) -> nnx.State:
    """The weights of some networks, stacked: a leaf is [networks, ...]."""
    keys = jax.random.split(jax.random.key(seed), networks)
    return jax.jit(jax.vmap(lambda key: nnx.state(Network(widths, jnp.float32, nnx.Rngs(key)), nnx.Param)))(keys)
