"""What each library offers for the divergences that `accuracy.py` compares, called on [N, V] numpy arrays.

A function that a library does not have is left out: nothing is composed for it beyond a softmax before and a sum after.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

VERBS: dict[str, tuple[str, dict[str, float]]] = {
    "KL": ("kl", {}),
    "Jensen–Shannon": ("jensen_shannon", {}),
    "squared Hellinger": ("squared_hellinger", {}),
    "χ²": ("chi_squared", {}),
    "Jeffreys": ("jeffreys", {}),
    "Rényi ½": ("renyi", {"order": 0.5}),
    "Rényi 2": ("renyi", {"order": 2.0}),
}


@dataclasses.dataclass
class Call:
    """One library's function of two [N, V] arrays, and the definition it follows: measure, plain or normalised."""

    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    gradient: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]] | None
    convention: str = "measure"


Table = dict[tuple[str, str], Call]  # (coordinates, verb)


def of_jax(function: Callable, convention: str = "measure") -> Call:
    gradient = jax.jit(jax.grad(lambda a, b: jnp.sum(function(a, b)), argnums=(0, 1)))
    value = jax.jit(function)
    return Call(
        lambda a, b: np.asarray(value(a, b)), lambda a, b: tuple(np.asarray(g) for g in gradient(a, b)), convention
    )


def kljax_table() -> Table:
    from kljax import logits, probs

    table: Table = {}
    for coordinates, module in (("logits", logits), ("probs", probs)):
        for verb, (name, params) in VERBS.items():
            function = getattr(module, name)
            table[coordinates, verb] = of_jax(lambda a, b, f=function, kw=params: f(a, b, **kw))
    return table


def torch_table() -> Table:
    import torch
    from torch.nn.functional import kl_div, log_softmax

    def call(function: Callable, convention: str) -> Call:
        def value(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return function(torch.from_numpy(a), torch.from_numpy(b)).numpy()

        def gradient(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            leaves = [torch.from_numpy(x.copy()).requires_grad_() for x in (a, b)]
            function(*leaves).sum().backward()
            return tuple(x.grad.numpy() for x in leaves)

        return Call(value, gradient, convention)

    def from_logits(a: Any, b: Any) -> Any:
        return kl_div(log_softmax(b, -1), log_softmax(a, -1), reduction="none", log_target=True).sum(-1)

    return {
        ("logits", "KL"): call(from_logits, "measure"),
        ("probs", "KL"): call(lambda p, q: kl_div(q.log(), p, reduction="none").sum(-1), "plain"),
    }


def tfp_table() -> Table:
    """`Categorical`'s KL, and the sums Σ q f(log p/q) of its Csiszár functions f in our normalisation."""
    import tensorflow_probability.substrates.jax as tfp

    def summed(f: Callable) -> dict[str, Callable]:
        def from_logits(a: Any, b: Any) -> Any:
            log_p, log_q = jax.nn.log_softmax(a), jax.nn.log_softmax(b)
            return jnp.sum(jnp.exp(log_q) * f(log_p - log_q), -1)

        return {"logits": from_logits, "probs": lambda p, q: jnp.sum(q * f(jnp.log(p) - jnp.log(q)), -1)}

    vi = tfp.vi
    functions = {
        "Jensen–Shannon": summed(lambda r: 0.5 * vi.jensen_shannon(r, self_normalized=True)),
        "squared Hellinger": summed(lambda r: 0.5 * vi.squared_hellinger(r)),
        "χ²": summed(vi.pearson),
        "Jeffreys": summed(lambda r: 2.0 * vi.jeffreys(r)),
    }
    for verb, order in (("Rényi ½", 0.5), ("Rényi 2", 2.0)):
        alpha = summed(lambda r, a=order: vi.amari_alpha(r, alpha=a, self_normalized=True))
        functions[verb] = {
            key: lambda a, b, f=f, o=order: jnp.log1p(o * (o - 1) * f(a, b)) / (o - 1) for key, f in alpha.items()
        }
    table = {(key, verb): of_jax(f) for verb, pair in functions.items() for key, f in pair.items()}
    return table | _categorical(tfp.distributions.Categorical, tfp.distributions.kl_divergence)


def _categorical(categorical: Callable, kl: Callable) -> Table:
    return {
        ("logits", "KL"): of_jax(lambda a, b: kl(categorical(logits=a), categorical(logits=b))),
        ("probs", "KL"): of_jax(lambda p, q: kl(categorical(probs=p), categorical(probs=q)), "normalised"),
    }


def distrax_table() -> Table:
    import distrax

    return _categorical(distrax.Categorical, lambda p, q: p.kl_divergence(q))


def optax_table() -> Table:
    from optax.losses import kl_divergence, kl_divergence_with_log_targets

    def from_logits(a: Any, b: Any) -> Any:
        return kl_divergence_with_log_targets(jax.nn.log_softmax(b), jax.nn.log_softmax(a))

    return {
        ("logits", "KL"): of_jax(from_logits),
        ("probs", "KL"): of_jax(lambda p, q: kl_divergence(jnp.log(q), p), "plain"),
    }


def scipy_table() -> Table:
    from scipy.spatial.distance import jensenshannon
    from scipy.special import kl_div, softmax

    def through_softmax(f: Callable) -> Callable:
        return lambda a, b: f(softmax(a, axis=-1), softmax(b, axis=-1))

    def js(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return jensenshannon(p, q, axis=-1) ** 2

    def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return kl_div(p, q).sum(-1)

    return {
        ("logits", "KL"): Call(through_softmax(kl), None),
        ("probs", "KL"): Call(kl, None),
        ("logits", "Jensen–Shannon"): Call(through_softmax(js), None),
        ("probs", "Jensen–Shannon"): Call(js, None, "normalised"),
    }


LIBRARIES = {
    "kljax": kljax_table,
    "torch": torch_table,
    "TFP": tfp_table,
    "distrax": distrax_table,
    "optax": optax_table,
    "scipy": scipy_table,
}
MODULES = {"TFP": "tensorflow_probability"}


def installed(wanted: Sequence[str]) -> dict[str, Table]:
    """The tables of the wanted libraries that import; the others are shown as dashes."""
    found: dict[str, Table] = {}
    for name in wanted:
        try:
            importlib.import_module(MODULES.get(name, name))
        except ImportError:
            print(f"{name} is not installed", file=sys.stderr)
            continue
        found[name] = LIBRARIES[name]()
    return found
