"""Every verb that compares two rows, as data for the tests: its parameters, and what its boundary costs.

``at_zero`` = f(0) and ``at_infinity`` = lim f(u)/u are written down from the textbook definitions and not read from
the library: they are what an outcome that p or q lacks must cost.
"""

from __future__ import annotations

import dataclasses
import math
from types import ModuleType
from typing import Any

import jax
import numpy as np

from kljax import generators, logits, probs

MODULES = {"logits": logits, "probs": probs}
INF = math.inf


@dataclasses.dataclass(frozen=True)
class Verb:
    """A function of ``probs`` and ``logits`` with its parameters; for the power family the cost is of the sum."""

    function: str
    options: tuple[tuple[str, Any], ...]
    at_zero: float
    at_infinity: float
    additive: bool = True  # D = Σ q f(p/q), rather than a function of such a sum
    smooth: bool = True  # has a second derivative at p = q

    @property
    def label(self) -> str:
        listed = (getattr(value, "name", value) for _, value in self.options)
        return "-".join(map(str, (self.function, *listed)))

    def __call__(self, module: ModuleType, p: jax.Array, q: jax.Array, **keywords: Any) -> jax.Array:
        return getattr(module, self.function)(p, q, **dict(self.options), **keywords)


def _verb(function: str, at_zero: float, at_infinity: float, **options: Any) -> Verb:
    return Verb(function, tuple(options.items()), at_zero, at_infinity)


def _generator(generator: generators.Generator, at_zero: float, at_infinity: float) -> Verb:
    return _verb("f_divergence", at_zero, at_infinity, generator=generator)


def _skew_end(weight: float) -> float:
    return -math.log(weight) - 1.0 + weight


cubic = generators.from_function(lambda u: u**3, "cubic")
"""u³ - 1 - 3(u - 1), a user's own f."""


F_DIVERGENCES = (
    _verb("kl", 1.0, INF),
    _verb("jeffreys", INF, INF),
    _verb("jensen_shannon", 0.5 * math.log(2.0), 0.5 * math.log(2.0)),
    _verb("jensen_shannon", -0.75 * math.log(0.75), -0.25 * math.log(0.25), weight=0.25),
    _verb("jensen_shannon", 1.0, INF, weight=0.0, scaled=True),
    _verb("jensen_shannon", -math.log(0.75) / 0.25, -math.log(0.25) / 0.75, weight=0.25, scaled=True),
    _verb("jensen_shannon", INF, 1.0, weight=1.0, scaled=True),
    _verb("skew_kl", 1.0, INF, weight=0.0),
    _verb("skew_kl", 0.9, _skew_end(0.1), weight=0.1),
    _verb("squared_hellinger", 0.5, 0.5),
    dataclasses.replace(_verb("total_variation", 0.5, 0.5), smooth=False),
    _verb("chi_squared", 1.0, INF),
    _verb("le_cam", 0.5, 0.5),
    _verb("alpha", INF, 0.5, order=-1.0),
    _verb("alpha", INF, 1.0, order=0.0),
    _verb("alpha", 1.0 / 0.3, 1.0 / 0.7, order=0.3),
    _verb("alpha", 2.0, 2.0, order=0.5),
    _verb("alpha", 1.0, INF, order=1.0),
    _verb("alpha", 1.0 / 1.5, INF, order=1.5),
    _verb("alpha", 1.0 / 3.0, INF, order=3.0),
    _verb("tsallis", 1.0, 1.0, order=0.5),
    _verb("tsallis", 1.0, INF, order=2.0),
    _generator(generators.reverse_kl, INF, 1.0),
    _generator(generators.neyman, INF, 1.0),
    _generator(generators.squared_log, INF, 0.0),
    dataclasses.replace(_generator(generators.log1p_abs, INF, 1.0), smooth=False),
    _generator(generators.modified_gan, INF, 0.5),
    _generator(generators.arithmetic_geometric, INF, INF),
    _generator(generators.skew_reverse_kl(0.1), _skew_end(0.1), 0.9),
    _generator(generators.t_power(0.5), 0.5, 0.5),
    _generator(generators.skew(generators.pearson, 0.25), 0.75, 0.25 * 3.0**2),
    _generator(generators.symmetrise(generators.kl), INF, INF),
    _generator(generators.combine((0.5, generators.le_cam), (2.0, generators.kl)), 2.25, INF),
    _generator(cubic, 2.0, INF),
)

POWER_SUMS = tuple(
    dataclasses.replace(verb, additive=False)
    for verb in (
        _verb("renyi", 1.0, INF, order=0.3),
        _verb("renyi", 1.0, INF, order=0.5),
        _verb("renyi", 1.0, INF, order=1.5),
        _verb("renyi", 1.0, INF, order=2.0),
        _verb("bhattacharyya", 1.0, INF),
        _verb("chernoff_information", 1.0, INF),
    )
)
ENDS = tuple(
    dataclasses.replace(verb, additive=False, smooth=False)
    for verb in (_verb("renyi", 1.0, INF, order=0.0), _verb("renyi", 1.0, INF, order=INF))
)
"""Rényi's divergence at its ends depends on the support or on one outcome, and is not differentiable everywhere."""

DIVERGENCES = F_DIVERGENCES + POWER_SUMS
CROSS_ENTROPY = dataclasses.replace(_verb("cross_entropy", 0.0, INF), additive=False)
VERBS = {verb.label: verb for verb in (*DIVERGENCES, CROSS_ENTROPY)}
CHOSEN = ("kl", "jensen_shannon", "squared_hellinger", "total_variation", "chi_squared", "alpha--1.0", "renyi-0.5")
CHOSEN += ("chernoff_information", "cross_entropy")
"""A verb for each kind of formula."""
PLAIN = ("kl", "renyi-0.5", "cross_entropy")
"""A verb for each path through the kernels."""


def is_divergence(verb: Verb) -> bool:
    return verb is not CROSS_ENTROPY


# Rows of four outcomes, normalised exactly in binary. The outcome in question is the first.
_E = 0.125
ROWS: dict[str, tuple[list[float], list[float]]] = {
    "equal": ([_E, 2 * _E, 4 * _E, _E], [_E, 2 * _E, 4 * _E, _E]),
    "equal with zeros": ([0.0, 0.5, 0.5, 0.0], [0.0, 0.5, 0.5, 0.0]),
    "equal, one-hot": ([0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0]),
    "inside": ([_E, 2 * _E, 4 * _E, _E], [2 * _E, _E, _E, 4 * _E]),
    "both lack it": ([0.0, 0.25, 0.5, 0.25], [0.0, 0.5, 0.25, 0.25]),
    "p lacks it": ([0.0, 0.25, 0.5, 0.25], [0.25, 0.25, 0.25, 0.25]),
    "q lacks it": ([0.25, 0.25, 0.25, 0.25], [0.0, 0.25, 0.5, 0.25]),
    "disjoint": ([0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.25, 0.75]),
    "p one-hot": ([0.0, 1.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]),
    "q one-hot": ([0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0]),
    "both one-hot, apart": ([1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]),
}
AT = {name: index for index, name in enumerate(ROWS)}


def boundary_rows(module: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """p and q of ``ROWS``, or their logarithms."""
    p, q = (np.array([pair[side] for pair in ROWS.values()], dtype) for side in (0, 1))
    if module == "probs":
        return p, q
    with np.errstate(divide="ignore"):
        return np.log(p), np.log(q)
