"""What all records share: a copy is equal to the original and hashes alike, and programs of them can be exported.

Equality is that of structure: the same type, the same static parts, arrays of the same dtype, shape and numbers.
Traced values are equal only to themselves. The auxiliary data of an exported record are pickled, so load exported
programs only from where you would load a pickle.
"""

from __future__ import annotations

import pickle
from typing import Any, TypeVar

import jax
import numpy as np
from jax import export

T = TypeVar("T", bound=type)


def _same(x: Any, y: Any) -> bool:
    if x is y:
        return True
    if isinstance(x, jax.core.Tracer) or isinstance(y, jax.core.Tracer):
        return False
    if not (hasattr(x, "dtype") and hasattr(y, "dtype")):
        return type(x) is type(y) and bool(x == y)
    if x.dtype != y.dtype or np.shape(x) != np.shape(y):
        return False
    one, other = np.asarray(x), np.asarray(y)
    return bool(((one == other) | ((one != one) & (other != other))).all())


def equal(one: Any, other: Any) -> Any:
    """Whether two records are the same in type, structure and numbers."""
    if one is other:
        return True
    if type(one) is not type(other):
        return NotImplemented
    structure: Any
    (leaves, structure), (others, other_structure) = jax.tree.flatten(one), jax.tree.flatten(other)
    return bool(structure.__eq__(other_structure)) and all(map(_same, leaves, others))


def fingerprint(record: Any) -> int:
    """A hash that equal records share."""
    leaves, structure = jax.tree.flatten(record)
    return hash((type(record), structure, tuple(np.shape(leaf) for leaf in leaves)))


class Structure:
    """The static part of a record: hashed once and compared by identity first, since ``jit`` asks at every call."""

    __slots__ = ("_hash", "parts")

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Structure) and hash(self) == hash(other) and self.parts == other.parts

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self.parts)
        return self._hash

    def __reduce__(self) -> Any:
        return Structure, (self.parts,)  # a hash holds in its own process only


def comparable(kind: T) -> T:
    """The class with equality and hash by structure."""
    kind.__eq__, kind.__hash__ = equal, fingerprint  # type: ignore[assignment, method-assign]
    return kind


def exported(kind: T) -> T:
    """The class, a registered pytree, known to ``jax.export``, so that ``Exported.serialize`` works with it."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if hasattr(kind, "_fields"):
        export.register_namedtuple_serialization(kind, serialized_name=name)
    else:
        export.register_pytree_node_serialization(
            kind, serialized_name=name, serialize_auxdata=pickle.dumps, deserialize_auxdata=pickle.loads
        )
    return kind
