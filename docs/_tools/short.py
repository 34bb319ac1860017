"""A griffe extension: signatures as a reader needs them.

- A default that is a private name or takes more than a few words is shown as ``…``; what it means stands in the Args.
- A constant whose value is a record over several lines, or names something private, is shown without it.
- A section "Example:" is read as "Examples:", which is one of code; the singular would be prose, and ">>>" a quotation.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

LONGEST = 24
PRIVATE = re.compile(r"(?<![\w.])_[A-Za-z]\w*|\._[a-z]\w*")


def is_short(value: str) -> bool:
    """Whether a default or a value tells a reader something in a few characters."""
    return len(value) <= LONGEST and "\n" not in value and not PRIVATE.search(value)


class Short(griffe.Extension):
    """Shortens what signatures and constants show."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Makes sections of examples sections of code."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Shortens defaults; names of private sentinels become an ellipsis."""
        for parameter in func.parameters:
            if parameter.default is not None and not is_short(str(parameter.default)):
                parameter.default = "..."

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Drops values that run over lines or name something private."""
        if attr.value is not None and not is_short(str(attr.value)):
            attr.value = None
