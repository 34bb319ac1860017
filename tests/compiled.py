"""Run by ``test_prompt.py`` in a process of its own, under XLA's own options: what users run keeps the digits.

The other tests run in programs that XLA was asked not to optimise (``conftest.py``).
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import oracles

import kljax
from kljax import families, logits

VERBS = {
    "kl": (logits.kl, {}),
    "jensen_shannon": (logits.jensen_shannon, {}),
    "total_variation": (logits.total_variation, {}),
    "renyi": (logits.renyi, {"order": 2.0}),
}


def rows() -> None:
    """Values and gradients of rows 1e-3 and 1 apart, against 100 digits."""
    generator = np.random.default_rng(0)
    for dtype, gap in itertools.product((np.float32, np.float64), (1e-3, 1.0)):
        with jax.enable_x64(dtype == np.float64):
            a = generator.normal(scale=2.0, size=50).astype(dtype)
            b = (a + gap * generator.normal(size=50)).astype(dtype)
            pair = oracles.from_logits(a, b)
            for name, (verb, options) in VERBS.items():
                found, slopes = jax.value_and_grad(lambda a, b: verb(a, b, **options), argnums=(0, 1))(a, b)  # noqa: B023
                assert oracles.value_error(found, oracles.value(pair, name, **options)) <= 32, (name, dtype, gap)
                for one, exact in zip(slopes, oracles.gradient(pair, name, **options), strict=True):
                    assert oracles.norm_error(one, exact) <= 64, (name, dtype, gap)


def families_by_quadrature() -> None:
    """The program that is compiled promptly and the one that is optimised give the same to some ulps."""
    pairs = [
        (families.StudentT(3.0, 0.0, 1.0), families.Normal(0.3, 1.2)),
        (families.Poisson(3.0), families.NegativeBinomial(4.0, 0.5)),
        (families.Gamma(2.0, 1.0), families.LogNormal(0.0, 1.0)),
    ]
    for p, q in pairs:
        promptly = kljax.kl(p, q)
        well = jax.jit(kljax.kl)(p, q)
        assert abs(promptly - well) <= 8.0 * jnp.finfo(well.dtype).eps * max(1.0, float(well)), (p, q)
    p, q = pairs[0]
    slopes = jax.grad(kljax.kl, (0, 1))
    for one, other in zip(jax.tree.leaves(slopes(p, q)), jax.tree.leaves(jax.jit(slopes)(p, q)), strict=True):
        assert abs(one - other) <= 32.0 * jnp.finfo(other.dtype).eps * max(1.0, float(abs(other)))


rows()
families_by_quadrature()
print("done")  # noqa: T201
