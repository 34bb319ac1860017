"""What a parameter of a distribution may be: the kinds of field that a family's annotations take."""

from __future__ import annotations

import dataclasses
import math
from typing import Any


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What a parameter may be: the dimensions of one of its values, and the interval where its entries lie."""

    ndim: int = 0
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = True
    open_high: bool = True
    alternative: bool = False
    optional: bool = False
    count: bool = False
    complex: bool = False
    nested: bool = False
    whole: bool = False
    tree: bool = False
    static: bool = False
    boolean: bool = False
    free: bool = False
    matrix: str = ""  # "definite" or "lower"
    advice: str = ""


def _parameter(default: Any, **limits: Any) -> Any:
    metadata = {"parameter": Parameter(**limits)}
    if default is None:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def real(default: float | None = None, *, ndim: int = 0) -> Any:
    """A parameter without limits."""
    return _parameter(default, ndim=ndim)


def positive(default: float | None = None, *, ndim: int = 0) -> Any:
    """A parameter above zero."""
    return _parameter(default, ndim=ndim, low=0.0)


def non_negative(default: float | None = None, *, ndim: int = 0) -> Any:
    """A parameter of at least zero."""
    return _parameter(default, ndim=ndim, low=0.0, open_low=False)


def probability(default: float | None = None, *, ndim: int = 0, open_low: bool = False, open_high: bool = False) -> Any:
    """A parameter in [0, 1], or without one of the ends."""
    return _parameter(default, ndim=ndim, low=0.0, high=1.0, open_low=open_low, open_high=open_high)


def one_of(kind: Any, **limits: Any) -> Any:
    """A parameter of the given kind that stands for the same as the others under ``one_of``: one of them is given."""
    parameter = dataclasses.replace(kind(**limits).metadata["parameter"], alternative=True)
    return dataclasses.field(default=None, metadata={"parameter": parameter})


def optional(kind: Any, **limits: Any) -> Any:
    """A parameter of the given kind that may be None."""
    parameter = dataclasses.replace(kind(**limits).metadata["parameter"], optional=True)
    return dataclasses.field(default=None, metadata={"parameter": parameter})


def count(*, whole: bool) -> Any:
    """A number of trials, ``whole`` or any above zero; as a Python number it is no leaf of the pytree."""
    return _parameter(None, low=0.0, open_low=not whole, count=True, whole=whole)


def complex_valued(*, ndim: int = 0) -> Any:
    """A complex parameter; real numbers are taken as such."""
    return _parameter(None, ndim=ndim, complex=True)


def definite(*, complex: bool = False) -> Any:  # noqa: A002
    """Symmetric or Hermitian matrices that are positive definite."""
    return _parameter(None, ndim=2, complex=complex, matrix="definite")


def lower_triangular() -> Any:
    """Lower-triangular matrices with a positive diagonal, Cholesky factors."""
    return _parameter(None, ndim=2, matrix="lower")


def number_or_array() -> Any:
    """A parameter without limits that is no leaf of the pytree if it is given as a Python number."""
    return _parameter(None, count=True)


def nested(*, advice: str = "") -> Any:
    """A parameter that is a record itself, made by ``parameters`` or ``family``; ``advice`` ends its error."""
    return _parameter(None, nested=True, advice=advice)


def tree() -> Any:
    """A pytree of distributions."""
    return _parameter(None, nested=True, tree=True)


def static(default: Any) -> Any:
    """A hashable value that belongs to the structure of the pytree."""
    return dataclasses.field(default=default, metadata={"parameter": Parameter(static=True)})


def boolean() -> Any:
    """A boolean array."""
    return _parameter(None, boolean=True)


def free() -> Any:
    """Any object: a record or another pytree is a child of the pytree, all else belongs to its structure."""
    return _parameter(None, free=True)
