"""What the tables of the packages share: how a row makes a record of an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

Row = Callable[[Any], Any]


def number(value: Any) -> jax.Array:
    """A parameter as a floating-point array; the packages take integers as well."""
    array = jnp.asarray(value)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(jnp.result_type(float))


def row(family: type, *attributes: str) -> Row:
    """Makes a record of the attributes of the object, in the order of the fields."""

    def make(value: Any) -> Any:
        return family(*(number(getattr(value, name)) for name in attributes))

    return make


def one_of(family: type, *attributes: str) -> Row:
    """The same, for a family that is given by ``probs`` or by ``logits``, whichever the object holds."""

    def make(value: Any) -> Any:
        first = [number(getattr(value, name)) for name in attributes]
        # Both names may be there, one of them computed: what was given is kept under a name of its own.
        held = {name: getattr(value, f"_{name}", None) for name in ("logits", "probs")}
        if all(one is None for one in held.values()):
            held = {name: vars(value).get(name) for name in ("logits", "probs")}
        name = next(name for name, one in held.items() if one is not None)
        return family(*first, **{name: number(held[name])})

    return make


def look_up(package: str, table: Mapping[str, Row], value: Any) -> Any:
    """The record that the table's row makes, or an error that lists what there is."""
    for cls in type(value).__mro__:
        if cls.__name__ in table:
            return table[cls.__name__](value)
    raise NotImplementedError(
        f"{package}'s {type(value).__name__} has no counterpart in kljax.families. There are rows for "
        f"{', '.join(sorted(table))}. For anything that can be sampled call kljax.estimate(p, q, key=…)."
    )
