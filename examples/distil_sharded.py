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
from _script import script  # noqa: E402
from jax.sharding import NamedSharding  # noqa: E402
from jax.sharding import PartitionSpec as P  # noqa: E402

from kljax import hidden, logits  # noqa: E402

EPILOG = """\
It prints the loss of the first and last step, the loss of the same step on one device, and how much of the projection
each device holds. Written to the output folder:
  distil_sharded.png  the divergence at every step, and what a device holds beside what one alone would
  distil_sharded.csv  the divergence at every step, in nats a token"""
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
    _common.write_csv(options.out / "distil_sharded.csv", ["step", "kl"], table)
    memory = {
        "a projection": 4e-6 * options.outcomes * options.width,
        "all logits of a model": 4e-6 * options.outcomes * options.tokens,
    }
    drawn = draw(np.asarray(losses), float(there), float(alone), count, memory)
    _common.save(drawn, options.out / "distil_sharded.png")


def draw(losses: np.ndarray, there: float, alone: float, count: int, memory: dict[str, float]) -> _common.Figure:
    drawn = _common.figure(10.0, 3.8)
    learning, holding = drawn.subplots(1, 2, width_ratios=(3, 2))
    learning.plot(np.arange(1, len(losses) + 1), losses, color=_common.BLUE, lw=2.0)
    said = f"after it {there:.4f} nats over {count} devices,\nand {alone:.4f} on one from full logits"
    learning.text(0.97, 0.93, said, transform=learning.transAxes, ha="right", va="top")
    learning.set(xlabel="step", ylabel="nats a token", title="KL(teacher‖student), vocabulary split over devices")
    learning.set(ylim=(0.0, None), xlim=(1, max(2, len(losses))))
    places = np.arange(len(memory))
    whole, split = np.array(list(memory.values())), np.array(list(memory.values())) / count
    for at, (size, colour, who) in enumerate(
        ((whole, _common.ORANGE, "one device alone"), (split, _common.BLUE, f"each of {count} devices, at most"))
    ):
        bars = holding.barh(places + 0.36 * (at - 0.5), size, 0.32, color=colour, label=who)
        holding.bar_label(bars, [f"{one:.3g} MB" for one in size], padding=3)
    holding.set_yticks(places, list(memory))
    holding.set(title="What must be held at a time", xlabel="MB", xlim=(0.0, 1.3 * whole.max()))
    holding.set_ylim(len(memory) - 0.4, -1.0)
    holding.legend(loc="upper right", fontsize=8)
    return drawn


if __name__ == "__main__":
    script(main)
