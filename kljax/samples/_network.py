"""Critics that are networks of flax's nnx, trained on the log-loss with optax; loaded when one is asked for."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax.samples._critics import OfModels, evaluate, standardise

STEPS, BATCH, RATE = 1500, 256, 2e-3
CHECKS = 15
HELD_OUT = 0.15


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Network:
    """offset(x) + net((x - centre)/scale)."""

    centre: jax.Array
    scale: jax.Array
    state: Any
    offset: OfModels | None
    graph: Any = dataclasses.field(metadata={"static": True})

    def __call__(self, rows: jax.Array) -> jax.Array:
        """log p/q of rows [n, d]."""
        from flax import nnx

        logits = nnx.merge(self.graph, self.state)((rows - self.centre[None]) / self.scale[None])
        value = logits.reshape(len(rows))
        return value if self.offset is None else value + self.offset(rows)


def perceptron(width: int, seed: int) -> Any:
    """Two hidden layers of 64 on z and z², and a last layer that begins at zero."""
    from flax import nnx

    class Perceptron(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.first = nnx.Linear(2 * width, 64, rngs=rngs)
            self.second = nnx.Linear(64, 64, rngs=rngs)
            self.last = nnx.Linear(64, 1, kernel_init=nnx.initializers.zeros, rngs=rngs)

        def __call__(self, z: jax.Array) -> jax.Array:
            z = jnp.clip(z, -8.0, 8.0)
            hidden = jax.nn.silu(self.first(jnp.concatenate([z, jnp.square(z) - 1.0], 1)))
            return self.last(jax.nn.silu(self.second(hidden)))

    return Perceptron(nnx.Rngs(seed))


def fit_network(
    x: np.ndarray,
    y: np.ndarray,
    module: Any,
    offset: OfModels | None,
    rng: np.random.Generator,
    init: Network | None = None,
) -> Network:
    """Adam with a cosine; the state of least held-out loss along the way is kept, the first included."""
    import optax
    from flax import nnx

    centre, scale = standardise(x, y)
    graph, state = nnx.split(module)
    if init is not None:
        graph, state, centre, scale = init.graph, init.state, np.asarray(init.centre), np.asarray(init.scale)
    begun = Network(jnp.asarray(centre, float), jnp.asarray(scale, float), state, None, graph)
    held_x, held_y = (rng.random(len(one)) < HELD_OUT for one in (x, y))
    parts = [jnp.asarray(one, float) for one in (x[~held_x], y[~held_y], x[held_x], y[held_y])]
    shifts = [jnp.zeros(len(one)) if offset is None else evaluate(offset, one) for one in parts]

    def loss(state: Any, a: jax.Array, b: jax.Array, shift_a: jax.Array, shift_b: jax.Array) -> jax.Array:
        critic = Network(begun.centre, begun.scale, state, None, graph)
        at_a, at_b = critic(a) + shift_a, critic(b) + shift_b
        return jax.nn.softplus(-at_a).mean() + jax.nn.softplus(at_b).mean()

    steps = STEPS // CHECKS
    optimiser = optax.adam(optax.cosine_decay_schedule(RATE, STEPS))

    @jax.jit
    def run(carry: Any, batches: tuple[jax.Array, jax.Array]) -> Any:
        def step(carry: Any, at: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            state, memory = carry
            i, j = at
            slope = jax.grad(loss)(state, parts[0][i], parts[1][j], shifts[0][i], shifts[1][j])
            with jax.numpy_dtype_promotion("standard"):
                update, memory = optimiser.update(slope, memory, state)
                return (optax.apply_updates(state, update), memory), None

        return lax.scan(step, carry, batches)[0]

    judge = jax.jit(lambda state: loss(state, parts[2], parts[3], shifts[2], shifts[3]))
    best, least = state, float(judge(state)) if held_x.any() and held_y.any() else math.inf
    carry = state, optimiser.init(state)
    for _ in range(CHECKS):
        batches = tuple(
            jnp.asarray(rng.integers(0, len(one), (steps, min(BATCH, len(one)))), jnp.int32) for one in parts[:2]
        )
        carry = run(carry, batches)
        held = float(judge(carry[0])) if math.isfinite(least) else math.inf
        if held < least or not math.isfinite(least):
            best, least = carry[0], held
    return Network(begun.centre, begun.scale, best, offset, graph)
