"""Types of arguments: a type checker accepts what is accepted at run time, and knows the words of every option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import jax
from jax.typing import ArrayLike


class HasArray(Protocol):
    """A torch tensor on the CPU, a column of pandas or polars, whatever else NumPy reads."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        """The entries."""
        ...


Entry = ArrayLike | HasArray
Rows = Entry | Sequence[Entry] | Sequence[Sequence[Entry]] | Sequence[Sequence[Sequence[Entry]]]


class HasLogProb(Protocol):
    """A distribution of kljax.families, distrax, numpyro, TFP or torch, or an object of one's own."""

    def log_prob(self, *args: Any, **kwargs: Any) -> Any:
        """The log-density."""
        ...


class HasLogPdf(Protocol):
    """A frozen distribution of scipy.stats, with a density."""

    def logpdf(self, *args: Any, **kwargs: Any) -> Any:
        """The log-density."""
        ...


class HasLogPmf(Protocol):
    """A frozen distribution of scipy.stats, of integers."""

    def logpmf(self, *args: Any, **kwargs: Any) -> Any:
        """The log-chance."""
        ...


# What has no density is no distribution to a type checker, which so finds arrays given to ``kljax.kl``.
Law = HasLogProb | HasLogPdf | HasLogPmf


class Entries:
    """The type of a parameter of a distribution: numbers or arrays are given, an array is read. Never made."""

    def __get__(self, instance: object, owner: type | None = None) -> jax.Array:
        """An array."""
        raise NotImplementedError

    def __set__(self, instance: object, value: Rows) -> None:
        """Numbers or an array."""
        raise NotImplementedError


Reduction = Literal["sum", "mean"] | None
Strategy = Literal["tokens", "vocabulary"]
Estimator = Literal["k1", "k3", "fitted"]
KLEstimator = Literal["k1", "k2", "k3", "fitted"]
TokenEstimator = Literal["k1", "k2", "k3"]
TokenGradient = Literal["reverse_kl", "forward_kl", "none"]
SampleMethod = Literal["auto", "neighbors", "model", "classifier", "bound", "uncorrected"]
GradientEstimator = Literal[
    "pathwise",
    "sticking_the_landing",
    "doubly_reparametrised",
    "score",
    "vimco",
    "log_variance",
    "tail_adaptive",
]
Nan = Literal["raise", "drop"]
Norm = Literal["euclidean", "max"]
Kernel = Literal["energy", "gaussian", "imq"]
Correction = Literal["bh", "bonferroni", "none"]
JointTest = Literal["auto", "off"] | None
Every = Literal["day", "week", "month", "quarter", "year"]
