"""Whether what stands for p are class labels, one a row."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def labels_of(logits_p: Any, logits_q: Any, axis: Any) -> Any:
    """``logits_p`` as an array of integers, if it holds them; None if it holds logits.

    Whole numbers of a floating dtype, one a row, would broadcast against the rows as if they were logits: they raise.
    """
    found = logits_p
    listed = isinstance(found, (list, tuple)) and all(isinstance(one, (int, np.integer)) for one in found)
    if listed or type(found).__module__.partition(".")[0] in ("torch", "pandas", "polars"):
        found = np.asarray(found)
    if not hasattr(found, "dtype") or not hasattr(found, "shape"):
        return None
    if np.issubdtype(found.dtype, np.integer):
        return found
    shape = tuple(np.shape(logits_q))
    if isinstance(found, jax.core.Tracer) or not isinstance(axis, int) or not 0 < np.ndim(found) == len(shape) - 1:
        return None
    at = axis % len(shape)
    values = np.asarray(found)
    if values.shape == shape[:at] + shape[at + 1 :] and (values == np.floor(values)).all():
        raise TypeError(
            f"logits_p must have the shape of logits_q, {shape}; got whole numbers of shape {values.shape}, one a row. "
            "If they are class labels pass them as integers, logits_p.astype(int)."
        )
    return None
