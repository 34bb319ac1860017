"""Distil one language-model head into another with the vocabulary split over all devices there are.

The teacher's and the student's projections are split by rows over a mesh of devices, the hidden states are on all of
them, and ``hidden.kl(…, axis_name=…)`` inside ``jax.shard_map`` gives the loss without any device ever holding a full
row of logits. On a machine with one CPU the script asks JAX for eight devices, so that it runs everywhere.

  python examples/distil_sharded.py                     # eight CPU devices, or all accelerators
  python examples/distil_sharded.py --outcomes 4096 --steps 20
"""

from __future__ import annotations

import jax

jax.config.update("jax_num_cpu_devices", 8)  # of the CPU alone, and only before the first use of JAX

import _common  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
from jax.sharding import NamedSharding  # noqa: E402
from jax.sharding import PartitionSpec as P  # noqa: E402

from kljax import hidden, logits  # noqa: E402

EPILOG = """\
It prints the loss of the first and last step, the loss of the same step on one device, and how much of the projection
each device holds; it writes losses.csv."""
AXIS = "vocabulary"


def main(arguments: list[str] | None = None) -> None:
    made = _common.parser(__doc__, epilog=EPILOG, steps=60, learning_rate=0.02)
    for name, default in (("outcomes", 2048), ("tokens", 256), ("width", 64)):
        made.add_argument(f"--{name}", type=_common.positive_int, default=default, help=f"default {default}")
    options = made.parse_args(arguments)
    count = jax.device_count()
    if options.outcomes % count:
        made.error(f"argument --outcomes: must be a multiple of the {count} devices; got {options.outcomes}")
    _common.make_folder(made, options.out)
    mesh = jax.make_mesh((count,), (AXIS,), axis_types=(jax.sharding.AxisType.Auto,))
    everywhere, rows = NamedSharding(mesh, P()), NamedSharding(mesh, P(AXIS))
    keys = jax.random.split(jax.random.key(options.seed), 3)
    shape = options.outcomes, options.width
    teacher = jax.device_put(2.0 * jax.random.normal(keys[0], shape) / options.width**0.5, rows)
    start = jax.device_put(jax.random.normal(keys[1], shape) / options.width**0.5, rows)
    states = jax.device_put(jax.random.normal(keys[2], (options.tokens, options.width)), everywhere)

    def local_loss(student: jax.Array, teacher: jax.Array, states: jax.Array) -> jax.Array:
        return hidden.kl((states, teacher), (states, student), reduction="mean", axis_name=AXIS)

    loss = jax.shard_map(local_loss, mesh=mesh, in_specs=(P(AXIS), P(AXIS), P()), out_specs=P())
    adam = optax.adam(optax.cosine_decay_schedule(options.learning_rate, options.steps))

    def step(state, _):
        student, moments = state
        value, gradient = jax.value_and_grad(loss)(student, teacher, states)
        updates, moments = adam.update(gradient, moments)
        return (optax.apply_updates(student, updates), moments), value

    inputs = jnp.arange(options.steps)
    (student, _), losses, seconds = _common.scan(
        step, (start, adam.init(start)), inputs, label="distilling", progress=not options.no_progress
    )
    h, w, v = (np.asarray(x) for x in (states, teacher, student))
    alone = logits.kl(h @ w.T, h @ v.T).mean()
    there = jax.jit(loss)(student, teacher, states)
    held = student.addressable_shards[0].data.shape
    print(f"{count} devices: {_common.device()}")
    print(f"each holds {held[0]} of {options.outcomes} rows of the projection; {seconds}")
    print(f"KL(teacher‖student): first step {losses[0]:.4f}, last step {losses[-1]:.4f}")
    print(f"after it: {there:.6f} over all devices, {alone:.6f} on one from full logits")
    table = [[index + 1, float(value)] for index, value in enumerate(losses)]
    _common.write_csv(options.out / "losses.csv", ["step", "kl"], table)


if __name__ == "__main__":
    main()
