"""Writes ``objects.inv``, the few names outside kljax that its signatures use, as Sphinx keeps such lists.

    python docs/_tools/inventory.py

The inventories of JAX and NumPy are not to be had without a network, and hold some thousands of names; these are the
ones that are used. A name joins by a line below.
"""

from __future__ import annotations

import zlib
from pathlib import Path

JAX = "https://docs.jax.dev/en/latest/_autosummary/{}.html#{}"
NUMPY = "https://numpy.org/doc/stable/reference/generated/{}.html#{}"
PYTHON = "https://docs.python.org/3/library/{}.html#{}"
NAMES = {
    "jax.Array": JAX,
    "jax.typing.ArrayLike": JAX,
    "jax.typing.DTypeLike": JAX,
    "numpy.ndarray": NUMPY,
    **{
        f"collections.abc.{name}": PYTHON.replace("{}", "collections.abc", 1)
        for name in ("Callable", "Hashable", "Iterable", "Mapping", "Sequence")
    },
    **{f"typing.{name}": PYTHON.replace("{}", "typing", 1) for name in ("Any", "Literal", "NamedTuple")},
    **{name: PYTHON.replace("{}", "functions", 1) for name in ("bool", "float", "int")},
    **{name: PYTHON.replace("{}", "stdtypes", 1) for name in ("dict", "list", "str", "tuple")},
    "ValueError": PYTHON.replace("{}", "exceptions", 1),
    "TypeError": PYTHON.replace("{}", "exceptions", 1),
}


def main() -> None:
    """Writes the inventory beside this file."""
    head = "# Sphinx inventory version 2\n# Project: what kljax refers to\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    lines = "".join(
        f"{name} py:class 1 {page.format(name, name) if page.count('{}') == 2 else page.format(name)} -\n"
        for name, page in sorted(NAMES.items())
    )
    Path(__file__).with_name("objects.inv").write_bytes(head.encode() + zlib.compress(lines.encode(), 9))


if __name__ == "__main__":
    main()
