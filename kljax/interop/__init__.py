"""Distributions of distrax, numpyro, TFP on JAX, scipy.stats and torch as records of ``kljax.families``.

    an object ─its package and class─▶ a row of that package's table ─▶ a record of the same distribution

The front door converts whatever it meets, so nothing here needs to be called. None of the packages is imported: a
table knows their classes by name, and reads the parameters that an object holds.
"""

from __future__ import annotations

import importlib
from typing import Any

PACKAGES = {
    "distrax": "kljax.interop._distrax",
    "numpyro": "kljax.interop._numpyro",
    "tensorflow_probability": "kljax.interop._tfp",
    "scipy": "kljax.interop._scipy",
    "torch": "kljax.interop._torch",
}
__all__ = ["convert"]


def convert(value: Any) -> Any:
    """The record of ``kljax.families`` that is the same distribution.

    Args:
        value: A distribution of distrax, numpyro, ``tensorflow_probability.substrates.jax``, ``torch.distributions``
            or ``scipy.stats``: a frozen one, a ``gaussian_kde``, an ``rv_histogram``, or one of its new classes
            (``stats.Normal``, what ``stats.make_distribution`` makes). Where there is no family with the location of
            scipy's, the record is a ``Transformed`` one.

    Returns:
        The record; ``None`` if the object comes from another package.

    Raises:
        NotImplementedError: If the package is known and the distribution is not.

    Example:
        >>> from scipy import stats
        >>> from kljax.interop import convert
        >>> print(type(convert(stats.norm(0.0, 2.0))).__name__)
        Normal
    """
    for cls in type(value).__mro__:
        package = cls.__module__.partition(".")[0]
        if package in PACKAGES:
            return importlib.import_module(PACKAGES[package]).convert(value)
    return None
