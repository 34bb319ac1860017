"""From what the caller passed to hints of one batch and dtype, or to an error that names the argument."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _records
from kljax._names import advised
from kljax.quadrature._domain import Hints

LogDensity = Callable[[jax.Array], ArrayLike]
Places = ArrayLike | Sequence[ArrayLike]


class Integral(NamedTuple):
    """An integral and a bound of its error.

    Attributes:
        value: The integral, [batch...].
        error: |value - exact| is at most this, as estimated; zero where the value is infinite. [batch...]
    """

    value: jax.Array
    error: jax.Array


_records.exported(Integral)


@_records.comparable
@dataclasses.dataclass(frozen=True, eq=False)
class Support:
    """Where a variable lives: the bounds, and whether it runs round a circle or over the integers.

    Made by ``integers`` and as ``circle``; an interval is a plain pair (low, high).

    Attributes:
        low: The least value, a number or an array of the batch's shape.
        high: The largest.
        kind: "interval", "circle" or "integers"; or the name of a space that is not integrated over, such as "sphere"
            or "simplex", of which the bounds are those of each entry.
    """

    low: ArrayLike
    high: ArrayLike
    kind: str = "interval"


jax.tree_util.register_dataclass(Support, data_fields=["low", "high"], meta_fields=["kind"])
_records.exported(Support)

circle = Support(-math.pi, math.pi, "circle")
"""Angles, from -π to π; the log-densities must have period 2π, and a full period is integrated."""


@advised
def integers(low: ArrayLike = 0, high: ArrayLike = math.inf) -> Support:
    """{low, low + 1, …, high}, the support of a variable whose log-densities are log-probabilities of integers.

    Up to some thousand terms are summed; of longer stretches 64 terms in each block, with weights that are exact for
    polynomials of degree 20, and the blocks that need it are halved. The log-probabilities are asked for integers only.

    Args:
        low: The least integer, or -inf; a number, or an array of the batch's shape.
        high: The largest, or inf.

    Returns:
        The support.

    Example:
        >>> from jax.scipy.stats import geom, poisson
        >>> from kljax import quadrature
        >>> p, q = lambda k: poisson.logpmf(k, 3.0), lambda k: geom.logpmf(k + 1.0, 0.25)
        >>> found = quadrature.kl(p, q, support=quadrature.integers())
        >>> print(f"{found.value:.4f}")
        0.3179
    """
    return Support(low, high, "integers")


Domain = tuple[ArrayLike, ArrayLike] | Support


def domain(support: Domain) -> Support:
    """The support as a record."""
    if not isinstance(support, Support):
        if not isinstance(support, (tuple, list)) or len(support) != 2:
            raise TypeError(
                "support must be a pair (low, high), quadrature.circle or quadrature.integers(low, high); "
                f"got {support!r}."
            )
        support = Support(*support)
    for name, bound in (("low", support.low), ("high", support.high)):
        _number(f"the {name} end of support", bound)
    low, high = support.low, support.high
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and not low < high + _is_single(support):
        raise ValueError(f"support must have low < high; got ({low!r}, {high!r}).")
    return support


def _is_single(support: Support) -> int:
    return 1 if support.kind == "integers" else 0


def _number(name: str, value: Any) -> None:
    if isinstance(value, (bool, str)) or value is None:
        raise TypeError(f"{name} must be a real number or an array; got {value!r}.")
    if isinstance(value, (int, float)):
        if math.isnan(value):
            raise ValueError(f"{name} must not be NaN.")
        return
    _checks.floating(name, value)


def hints(support: Support, center: Places | None, scale: Places | None, points: ArrayLike | None) -> Hints:
    """The hints in one dtype and batch."""
    given = {
        "support[0]": [support.low],
        "support[1]": [support.high],
        "center": _listed("center", center),
        "scale": _listed("scale", scale),
    }
    counts = len(given["center"]), len(given["scale"])
    if counts[0] != counts[1] and not {0, 1} & set(counts):
        raise ValueError(f"center and scale must have as many entries; got {counts[0]} and {counts[1]}.")
    cuts = None if points is None else _checks.floating("points", points)
    if cuts is not None and (cuts.ndim == 0 or cuts.shape[-1] == 0):
        raise ValueError(f"points must have shape [..., k] with k > 0 breakpoints; got shape {cuts.shape}.")
    arrays = [one for its in given.values() for one in its if not isinstance(one, (int, float))]
    arrays = [_checks.floating("support, center and scale", one) for one in arrays] + ([] if cuts is None else [cuts])
    dtype = (
        jnp.result_type(float)
        if not arrays
        else jnp.dtype(jnp.float64 if any(one.dtype == jnp.float64 for one in arrays) else jnp.float32)
    )
    as_arrays = {
        name: [jnp.asarray(float(one) if isinstance(one, (int, float)) else one).astype(dtype) for one in its]
        for name, its in given.items()
    }
    shapes = {f"{name}": one.shape for name, its in as_arrays.items() for one in its}
    if cuts is not None:
        shapes["points"] = cuts.shape[:-1]
    try:
        batch = jnp.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"The batch shapes of the hints must broadcast together; got {listed}.") from None

    def stacked(its: list[jax.Array]) -> jax.Array | None:
        return jnp.stack([jnp.broadcast_to(one, batch) for one in its], -1) if its else None

    low, high = stacked(as_arrays["support[0]"]), stacked(as_arrays["support[1]"])
    if cuts is not None:
        cuts = jnp.broadcast_to(cuts.astype(dtype), (*batch, cuts.shape[-1]))
    assert low is not None
    assert high is not None
    return Hints(low, high, stacked(as_arrays["center"]), stacked(as_arrays["scale"]), cuts)


def _listed(name: str, value: Places | None) -> list[Any]:
    if value is None:
        return []
    its = list(value) if isinstance(value, (tuple, list)) else [value]
    if not its:
        raise ValueError(f"{name} must have at least one entry; got {value!r}.")
    for one in its:
        _number(name, one)
        if name == "scale" and isinstance(one, (int, float)) and not one > 0:
            raise ValueError(f"scale must be positive; got {one!r}.")
    return its


def widened(hints: Hints, batch: tuple[int, ...]) -> Hints:
    """The hints broadcast to a batch shape."""
    wide: Hints = jax.tree.map(lambda x: jnp.broadcast_to(x, (*batch, x.shape[-1])), hints)
    return wide


def further(functions: dict[str, LogDensity], args: Any) -> tuple[Any, ...]:
    """The arguments that the functions take after the points, as arrays."""
    for name, function in functions.items():
        if not callable(function):
            raise TypeError(
                f"{name} must be a function of an array of points; got {type(function).__name__}. "
                "For numbers, the log-densities at draws, call kljax.montecarlo."
            )
    if not isinstance(args, tuple):
        raise TypeError(f"args must be a tuple of what the functions take after the points; got {type(args).__name__}.")
    arrays: tuple[Any, ...] = jax.tree.map(jnp.asarray, args)
    return arrays


def batch(functions: dict[str, LogDensity], hints: Hints, args: tuple[Any, ...]) -> tuple[int, ...]:
    """The batch of the hints and of the functions' results; raises where a function is not of the right kind."""
    count = 3
    lead = hints.low.shape[:-1]
    x = jax.ShapeDtypeStruct((*lead, count), hints.low.dtype)
    batches = {}
    for name, function in functions.items():
        out = jax.eval_shape(function, x, *args)
        if not hasattr(out, "dtype") or not hasattr(out, "shape"):
            raise TypeError(f"{name} must return one array; got {type(out).__name__}.")
        if not jnp.issubdtype(out.dtype, jnp.floating):
            raise TypeError(f"{name} must return a real floating-point array; got {out.dtype} of shape {out.shape}.")
        if out.ndim == 0 or out.shape[-1] != count:
            raise ValueError(
                f"{name} must be elementwise, [..., nodes] -> [..., nodes]; for points of shape {x.shape} it "
                f"returned shape {out.shape}."
            )
        batches[name] = out.shape[:-1]
    try:
        shape = jnp.broadcast_shapes(lead, *batches.values())
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in batches.items())
        raise ValueError(f"The batch shapes must broadcast together; the hints have {lead}, {listed}.") from None
    wide = jax.ShapeDtypeStruct((*shape, count), hints.low.dtype)
    for name, function in functions.items():
        out = jax.eval_shape(function, wide, *args)
        if jnp.broadcast_shapes(out.shape, wide.shape) != wide.shape:
            raise ValueError(f"{name} must map points of shape {wide.shape} to the same shape; got {out.shape}.")
    return shape
