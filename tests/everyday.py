"""What newcomers do: 56 plausible mistakes, each with the words that name the fix, or with the right answer.

A case is (call, what happens, words or value): a number is what must come out, an exception or warning what is said.
"""

from __future__ import annotations

import collections
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import kljax
from kljax import (
    counts,
    families,
    generators,
    hidden,
    logits,
    montecarlo,
    probs,
    quadrature,
    samples,
    tables,
    variational,
)

P, Q = np.array([0.5, 0.25, 0.25], np.float32), np.array([0.25, 0.25, 0.5], np.float32)
KL = 0.5 * math.log(2.0) - 0.25 * math.log(2.0)  # of P and Q
A, B = np.array([[2.0, 0.0, -1.0]], np.float32), np.array([[0.0, 0.5, 0.0]], np.float32)
KEY = jax.random.key(0)
N = families.Normal
TRANSPOSED = np.array([[1.0, 2.0], [2.0, 1.0]], np.float32)  # a "covariance" with correlation 2
DRAWS = np.linspace(-1.0, 1.0, 12, dtype=np.float32)
Warned, Type, Value, Attribute = kljax.ValueWarning, TypeError, ValueError, AttributeError


def normal(x: Any) -> Any:
    return -0.5 * jnp.sum(jnp.square(x), -1)


def one_number(x: Any) -> Any:
    return -0.5 * x**2


MISTAKES: dict[str, tuple[Any, Any, Any]] = {
    # values that can't be meant
    "counts as floats": (
        lambda: probs.kl(np.float32([30, 70]), np.float32([50, 50])),
        Warned,
        "Of counts call kljax.counts",
    ),
    "percentages": (lambda: probs.entropy(np.float32([30.2, 69.8])), Warned, "divide percentages by 100"),
    "columns of raw data": (
        lambda: probs.kl(np.float32([12.5, 44.1]), np.float32([11.9, 47.0])),
        Warned,
        "of data kljax.samples",
    ),
    "logits given to probs": (lambda: probs.kl(A, B), Warned, r"Of logits or log-probabilities call kljax\.logits\.kl"),
    "logits above zero given to probs": (
        lambda: probs.kl(A + 1.5, B + 0.5),
        Warned,
        r"of logits call kljax\.logits\.kl",
    ),
    "log-probabilities given to probs": (
        lambda: probs.kl(np.log(P), np.log(Q)),
        Warned,
        r"holds log-probabilities.*call kljax\.logits\.kl",
    ),
    "probabilities given to logits": (lambda: logits.kl(P, Q), Warned, r"Of probabilities call kljax\.probs\.kl"),
    "a row with NaN": (lambda: probs.kl(np.float32([np.nan, 0.5]), P[:2]), Warned, "p has NaN entries"),
    "a covariance that is none": (
        lambda: families.MultivariateNormal.from_covariance(jnp.zeros(2), TRANSPOSED),
        Warned,
        r"not positive definite.*add a little to its diagonal",
    ),
    "a scale matrix that is none": (
        lambda: families.Wishart(3.0, TRANSPOSED),
        Warned,
        "Wishart: scale is not positive definite",
    ),
    "a covariance called its Cholesky factor": (
        lambda: families.MultivariateNormal.from_cholesky(jnp.zeros(2), np.float32([[2.0, 0.5], [0.5, 1.0]])),
        Warned,
        "from_covariance",
    ),
    "log-variance where the scale goes": (
        lambda: N(jnp.zeros(3), jnp.array([-1.0, 0.2, -0.5])),
        Warned,
        r"Normal: scale has entries that are not above 0.*jnp\.exp",
    ),
    "percent where a probability goes": (
        lambda: families.Bernoulli(60.0),
        Value,
        r"Bernoulli: probs must lie in \[0, 1\]; got 60",
    ),
    "a mixture whose weights do not sum to 1": (
        lambda: families.Mixture(N(jnp.array([0.0, 3.0]), 1.0), jnp.array([2.0, 1.0])),
        Warned,
        "Mixture: probs do not sum to 1",
    ),
    "a class of -100 for padding": (
        lambda: logits.cross_entropy(jnp.array([1, -100]), jnp.zeros((2, 3))),
        Warned,
        r"labels outside \[0, 3\).*tokens=labels >= 0",
    ),
    # what people hold
    "integer counts": (lambda: probs.kl(np.array([3, 5]), np.array([4, 4])), Type, r"kljax\.counts\.kl"),
    "a Counter": (
        lambda: probs.kl(collections.Counter("aab"), collections.Counter("abb")),
        Type,
        "got a Counter. Of counts by label kljax.counts",
    ),
    "probabilities given to counts": (lambda: counts.kl(P, Q), Value, r"whole.*kljax\.probs"),
    "labels as floats": (
        lambda: logits.cross_entropy(jnp.array([1.0, 0.0]), jnp.zeros((2, 2))),
        Type,
        r"logits_p\.astype\(int\)",
    ),
    "text": (lambda: probs.kl(["a", "b"], Q), Type, "got a list of str"),
    "one number": (lambda: probs.kl(0.5, 0.25), Value, "Bernoulli"),
    "arrays given to kljax.kl": (lambda: kljax.kl(P, Q), Type, r"for probability vectors kljax\.probs"),
    "a class instead of a distribution": (
        lambda: kljax.kl(N, N),
        Type,
        r"got the class Normal\. Give it parameters: Normal\(loc, scale\)",
    ),
    "a distribution given to probs": (lambda: probs.kl(N(0.0, 1.0), N(1.0, 1.0)), Type, r"kljax\.kl\(p, q\)"),
    "hidden states without weights": (lambda: hidden.kl(A, B), Type, r"pair \(states, weights\)"),
    "arrays given to quadrature": (
        lambda: quadrature.kl(A, B, support=(-1.0, 1.0)),
        Type,
        r"log_p must be a function.*kljax\.montecarlo",
    ),
    "columns that differ in number": (
        lambda: samples.kl(np.ones((20, 3), np.float32), np.ones((20, 2), np.float32)),
        Value,
        "3.*2",
    ),
    "tables as arrays without names": (
        lambda: tables.compare({"a": [1.0, 2.0]}, {"b": [1.0, 2.0]}),
        Value,
        "no column in common",
    ),
    # axes, masks, weights
    "dim for axis": (lambda: probs.kl(P, Q, dim=-1), Type, "Did you mean axis"),
    "an axis by position": (lambda: probs.kl(P, Q, -1), Type, "after p and q every argument has a name.*axis="),
    "a list of axes": (lambda: probs.kl(P[:, None], Q[:, None], axis=[0, 1]), float, KL),
    "axis=None": (lambda: probs.kl(P, Q, axis=None), Type, "axis must be an integer or a tuple of integers; got None"),
    "an axis too many": (lambda: probs.kl(P, Q, axis=1), Value, r"axis must lie in \[-1, 0\]"),
    "shapes that do not fit": (lambda: probs.kl(P, Q[:2]), Value, r"p has shape \(3,\), q has shape \(2,\)"),
    "a mask of tokens as where": (
        lambda: logits.kl(
            np.zeros((2, 4, 3), np.float32), np.zeros((2, 4, 3), np.float32), where=np.ones((2, 4), bool)
        ),
        Value,
        "tokens=",
    ),
    "an attention mask of integers": (
        lambda: logits.kl(A, B, tokens=np.array([1])),
        Type,
        r"tokens must be boolean.*astype\(bool\)",
    ),
    "batchmean": (
        lambda: logits.kl(A, B, reduction="batchmean"),
        Value,
        r"reduction must be one of .*'mean'.*got 'batchmean'",
    ),
    "a temperature of zero": (lambda: logits.kl(A, B, temperature=0.0), Value, r"temperature must lie in \(0, inf\)"),
    # orders, weights, generators
    "alpha for order": (lambda: probs.renyi(P, Q, alpha=2.0), Type, "renyi.*Did you mean order"),
    "alpha for order, of distributions": (
        lambda: kljax.renyi(N(0.0, 1.0), N(1.0, 1.0), alpha=2.0),
        Type,
        "renyi.*Did you mean order",
    ),
    "no order": (lambda: logits.renyi(A, B), Type, "order"),
    "a negative order": (lambda: probs.renyi(P, Q, order=-1.0), Value, r"order must lie in \[0, inf"),
    "a weight in percent": (
        lambda: probs.jensen_shannon(P, Q, weight=50),
        Value,
        r"weight must lie in \[0, 1\]; got 50",
    ),
    "a generator by name": (lambda: probs.f_divergence(P, Q, "kl"), Type, r"kljax\.generators\.kl"),
    "a generator without its order": (
        lambda: probs.f_divergence(P, Q, generators.alpha),
        Type,
        r"Call it first: generators\.alpha\(order\)",
    ),
    "an f that is not convex": (
        lambda: generators.from_function(lambda u: -((u - 1.0) ** 2), name="own"),
        Value,
        "convex",
    ),
    "a verb by name": (
        lambda: kljax.pairwise("kl", N(jnp.zeros(2), 1.0), N(jnp.ones(2), 1.0)),
        Type,
        r"Pass the function itself, kljax\.kl",
    ),
    "an estimator that there is not": (lambda: montecarlo.kl(DRAWS, DRAWS, estimator="k4"), Value, "k1.*k2.*k3"),
    # distributions
    "mu for loc": (lambda: N(mu=0.0, sigma=1.0), Type, "Did you mean loc"),
    "a name of another library": (lambda: kljax.kl_divergence, Attribute, "Did you mean kljax.kl"),
    "covariance by position": (lambda: families.MultivariateNormal(jnp.zeros(2), jnp.eye(2)), Type, "from_covariance"),
    "an int as shape": (lambda: N(0.0, 1.0).sample(KEY, 3), Type, r"shape must be a tuple of integers, \(3,\)"),
    "no key": (lambda: N(0.0, 1.0).sample(3), Type, r"key must be a key, as jax\.random\.key\(0\); got 3"),
    "a seed as key": (
        lambda: kljax.estimate(N(0.0, 1.0), N(1.0, 1.0), key=0),
        Type,
        r"key must be a key, as jax\.random\.key\(0\); got 0",
    ),
    "a forgotten support": (lambda: quadrature.kl(one_number, one_number), Type, r"support=\(-jnp\.inf, jnp\.inf\)"),
    "a density of a batch": (
        lambda: variational.fit(lambda x: -0.5 * x**2, variational.full_rank(2), key=KEY),
        Value,
        r"one real number.*shape \(2,\).*jnp\.sum",
    ),
}
