"""A cross-fitted classifier of x against y whose logit begins at the model's log-ratio T.

logit = T + net(features); features are the mapped columns and their squares, the net has two hidden layers of 64 and a
last one that begins at zero, so that the first logit is T itself. Of the epochs the one with the least loss on rows
held out of the training is kept, the first included. Rows of the fold that is tested were never seen: the mean of the
logit over x there, less log mean exp over y, is a lower bound of KL up to its own error (Donsker and Varadhan).
"""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax.samples._assisted import heavy_variance, log_mean
from kljax.samples._columns import Columns, fit_columns
from kljax.samples._surrogates import fit_pair, log_ratio, subset

HIDDEN = 64
EPOCHS = 12
BATCH = 128
MOST_ROWS = 5000
HELD_OUT = 0.15
RATE = 3e-3


@dataclasses.dataclass(frozen=True)
class Classified:
    """Log-ratios at rows that were held out, and the numbers they give."""

    at_x: np.ndarray
    at_y: np.ndarray
    value: float
    stderr: float
    bound: float
    bound_stderr: float


def classify(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, folds: int = 2) -> Classified:
    """Cross-fitted log-ratios at up to ``MOST_ROWS`` rows of each sample."""
    x, y = (one[subset(rng, len(one), MOST_ROWS)] for one in (x, y))
    parts = [np.array_split(rng.permutation(len(one)), folds) for one in (x, y)]
    at_x, at_y = np.empty(len(x)), np.empty(len(y))
    for fold in range(folds):
        test_x, test_y = parts[0][fold], parts[1][fold]
        train_x, train_y = np.delete(x, test_x, 0), np.delete(y, test_y, 0)
        p, q = fit_pair(train_x, train_y)
        critic = train(train_x, train_y, log_ratio(p, q, train_x), log_ratio(p, q, train_y), rng)
        at_x[test_x] = critic(x[test_x], log_ratio(p, q, x[test_x]))
        at_y[test_y] = critic(y[test_y], log_ratio(p, q, y[test_y]))
    weights = np.exp(np.minimum(at_y - log_mean(at_y), 0.5 * math.log(len(y))))
    variance_x = heavy_variance(at_x) / len(x)
    error = math.sqrt(variance_x + weights.var() / len(y))
    return Classified(at_x, at_y, float(at_x.mean()), error, float(at_x.mean()) - log_mean(at_y), error)


@dataclasses.dataclass(frozen=True)
class Critic:
    """Offset plus net, on rows."""

    columns: Columns
    weights: jax.Array

    def __call__(self, rows: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Log-ratios of rows [n, d]."""
        features, count = _padded(_features(self.columns, rows))
        return offset + np.asarray(_forward(self.weights, jnp.asarray(features)), np.float64)[:count]


def train(x: np.ndarray, y: np.ndarray, offset_x: np.ndarray, offset_y: np.ndarray, rng: np.random.Generator) -> Critic:
    """The critic of least held-out loss along the way."""
    columns = fit_columns(x, y)
    features = np.concatenate([_features(columns, x), _features(columns, y)])
    offset = np.clip(np.concatenate([offset_x, offset_y]), -30.0, 30.0)
    label = np.concatenate([np.ones(len(x)), np.zeros(len(y))])
    # Each sample weighs a half, so that the logit estimates log p/q whatever their sizes.
    weight = np.where(label > 0, 0.5 / len(x), 0.5 / len(y)) * len(label)
    held = rng.random(len(label)) < HELD_OUT
    order = np.concatenate([rng.permutation(np.flatnonzero(~held)), np.flatnonzero(held)])
    features, count = _padded(features[order].astype(np.float32))
    held_, offset, label, weight = (
        _padded(one[order].astype(np.float32))[0] for one in (held.astype(float), offset, label, weight)
    )
    weight[count:] = 0.0
    training, judging = (jnp.asarray(np.stack([offset, label, weight * one], 1)) for one in (1.0 - held_, held_))
    features_ = jnp.asarray(features)
    batches = len(features) // BATCH
    weights = jnp.asarray(_begin(features.shape[1], rng))
    state = jnp.stack([weights, jnp.zeros_like(weights), jnp.zeros_like(weights)])
    best, least = weights, float(_held_loss(weights, features_, judging))
    done = np.arange(EPOCHS * batches).reshape(EPOCHS, batches)
    # The correction of both moments for their zero start, and a cosine.
    rates = 0.5 * RATE * (1.0 + np.cos(np.pi * done / done.size))
    rates *= np.sqrt(1.0 - 0.99 ** (done + 1.0)) / (1.0 - 0.9 ** (done + 1.0))
    for one in rates.astype(np.float32):
        shuffled = rng.permutation(len(features))[: batches * BATCH].reshape(batches, BATCH).astype(np.int32)
        state = _epoch(state, features_, training, jnp.asarray(shuffled), jnp.asarray(one))
        held_loss = float(_held_loss(state[0], features_, judging))
        if held_loss < least:
            best, least = state[0], held_loss
    return Critic(columns, best)


def _features(columns: Columns, rows: np.ndarray) -> np.ndarray:
    mapped = np.clip(columns(rows), -6.0, 6.0)
    return np.concatenate([mapped, np.square(mapped) - 1.0], 1).astype(np.float32)


def _padded(rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Rows up to a multiple of some hundred, so that few programs are compiled."""
    count = len(rows)
    step = max(2 ** (max(count - 1, 1).bit_length() - 3), BATCH)
    more = -(-count // step) * step - count
    return np.concatenate([rows, np.zeros((more, *rows.shape[1:]), rows.dtype)]), count


def _sizes(width: int) -> list[tuple[int, int]]:
    return [(width, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1)]


def _begin(width: int, rng: np.random.Generator) -> np.ndarray:
    """All weights and biases in one vector; the last layer is zero."""
    layers = []
    for a, b in _sizes(width):
        layers += [math.sqrt(2.0 / a) * rng.standard_normal((a, b)) * (b > 1), np.zeros(b)]
    return np.concatenate([one.ravel() for one in layers]).astype(np.float32)


def _net(weights: jax.Array, features: jax.Array) -> jax.Array:
    hidden, first = features, 0
    for a, b in _sizes(features.shape[1]):
        matrix = weights[first : first + a * b].reshape(a, b)
        bias = weights[first + a * b : first + a * b + b]
        hidden = hidden @ matrix + bias[None]
        hidden = jax.nn.silu(hidden) if b > 1 else hidden
        first += a * b + b
    return hidden[:, 0]


_forward = jax.jit(_net)


def _loss(weights: jax.Array, features: jax.Array, rows: jax.Array) -> jax.Array:
    """Weighted log-loss; ``rows`` are offset, label and weight, [n, 3]."""
    offset, label, weight = rows.T
    logit = offset + _net(weights, features)
    return (weight * (jnp.logaddexp(logit, 0.0) - label * logit)).sum() / jnp.maximum(weight.sum(), 1e-6)


_held_loss = jax.jit(_loss)


@jax.jit
def _epoch(state: jax.Array, features: jax.Array, rows: jax.Array, batches: jax.Array, rates: jax.Array) -> jax.Array:
    """Adam over batches of indices; ``state`` is the weights and the two moments, [3, w]."""

    def step(state: jax.Array, operands: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        at, rate = operands
        weights, first, second = state
        slope = jax.grad(_loss)(weights, features[at], rows[at])
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope * slope
        weights = weights * (1.0 - 0.01 * rate) - rate * first / (jnp.sqrt(second) + 1e-8)
        return jnp.stack([weights, first, second]), None

    return lax.scan(step, state, (batches, rates))[0]
