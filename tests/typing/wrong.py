"""Mistakes that both type checkers find: on each line marked ``# wrong`` there is an error, and on no other."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

import kljax
from kljax import families, hidden, logits, montecarlo, probs, samples, variational

p, q = jnp.array([0.5, 0.5]), np.array([0.25, 0.75], np.float32)
normal = families.Normal(0.0, 1.0)

kljax.kl(p, q)  # wrong
kljax.renyi(p, q, order=0.5)  # wrong
kljax.kl([0.5, 0.5], [0.25, 0.75])  # wrong
kljax.estimate(p, normal)  # wrong
probs.kl(p, q, -1)  # wrong
probs.kl(p, q, dim=-1)  # wrong
probs.kl("half", q)  # wrong
probs.kl(["a", "b"], q)  # wrong
probs.kl({"a": 0.5}, q)  # wrong
probs.kl(normal, normal)  # wrong
probs.kl(p)  # wrong
probs.kl(p, q, reduction="batchmean")  # wrong
probs.renyi(p, q)  # wrong
probs.renyi(p, q, alpha=2.0)  # wrong
probs.f_divergence(p, q, "kl")  # wrong
probs.kl_divergence(p, q)  # wrong
kljax.kl_divergence(normal, normal)  # wrong
logits.kl(p, q, temperature="hot")  # wrong
logits.kl(p, q, axis="rows")  # wrong
hidden.kl((p, q), (p, q), strategy="rows")  # wrong
hidden.kl((p, q), (p, q), reduction="batchmean")  # wrong
montecarlo.kl(p, q, estimator="k4")  # wrong
samples.kl(p, q, method="knn")  # wrong
samples.kl(p, q, nan="ignore")  # wrong
variational.fit(lambda x: -x, variational.full_rank(1))  # wrong
families.Normal(mu=0.0, sigma=1.0)  # wrong
families.Normal("zero", 1.0)  # wrong
families.Normal(0.0, 1.0, 2.0)  # wrong
normal.loc.append(1.0)  # wrong
normal.loc = 1.0  # wrong
