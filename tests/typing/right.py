"""A user's script that both type checkers accept. It also runs: tests/test_typing.py."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import kljax
from kljax import families, generators, hidden, logits, montecarlo, probs, samples


def rows() -> jax.Array:
    p, q = jnp.array([0.5, 0.5]), np.array([0.25, 0.75], np.float32)
    found: jax.Array = probs.kl(p, q)
    found = probs.kl([0.5, 0.5], [0.25, 0.75])
    found = probs.kl([[0.5, 0.5], [1.0, 0.0]], q, where=[True, True], weights=[1.0, 2.0], reduction="mean")
    found = probs.renyi((0.5, 0.5), q, order=2.0)
    found = logits.cross_entropy([1, 0], jnp.zeros((2, 2)), axis=-1, reduction="sum")
    found = logits.jensen_shannon(jnp.log(p), np.log(q), weight=0.3, temperature=2.0)
    return found + probs.f_divergence(p, q, generators.alpha(0.5))


def distributions() -> jax.Array:
    p = families.Normal(0.0, [1.0, 2.0])
    q = families.Normal(loc=jnp.zeros(2), scale=1)
    scale: jax.Array = p.scale
    draws = q.sample(jax.random.key(0), (3,))
    both = families.MultivariateNormal.from_covariance([0.0, 0.0], [[1.0, 0.5], [0.5, 1.0]])
    close: jax.Array = kljax.kl(p, q) + kljax.renyi(p, q, order=0.5) + scale.sum() + draws.sum()
    return close + kljax.kl(both, both)


def estimates() -> jax.Array:
    x = np.linspace(-1.0, 1.0, 50)
    found = montecarlo.kl([-1.0, -2.0], [-1.5, -1.0], estimator="k3")
    states, weights = jnp.ones((2, 3)), jnp.ones((4, 3))
    kept = hidden.kl((states, weights), (states, weights), where=[True, False], reduction="mean", strategy="tokens")
    distance: jax.Array = samples.energy_distance(x, x + 0.1, key=jax.random.key(0)).value
    return found.value + jnp.asarray(kept) + distance


if __name__ == "__main__":
    assert all(jnp.isfinite(one()).all() for one in (rows, distributions, estimates))
