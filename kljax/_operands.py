"""What people hold, as arrays: JAX and NumPy arrays as they are, lists, tensors, columns of frames; or what to do.

Everything here happens before ``jit``, so that its own errors never reach a user who passed the wrong thing. What is
known by name only, torch, pandas, polars, is never imported.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from kljax import _values

COUNTS = (
    "If they are counts of outcomes, kljax.counts estimates from them, with an error bar: kljax.counts.kl(x, y); else "
    "convert them, for instance {name}.astype(float)."
)


def array(name: str, value: Any) -> Any:
    """``value`` as something that ``jax.numpy`` reads: a JAX or NumPy array, or a number."""
    if isinstance(value, (jax.Array, float)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return _numpy(name, value)
    if isinstance(value, (bool, str, bytes)) or value is None:
        raise TypeError(f"{name} must be a floating-point array; got {value!r}.")
    if isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a floating-point array; got the integer {value!r}. {COUNTS.format(name=name)}")
    if isinstance(value, Mapping):
        raise TypeError(
            f"{name} must be a floating-point array; got a {type(value).__name__}. Of counts by label kljax.counts "
            "takes mappings as they are and aligns their labels; of probabilities pass an array of the values, both in "
            "the same order of the keys."
        )
    package = type(value).__module__.partition(".")[0]
    if package == "torch":
        return _tensor(name, value)
    if package in ("pandas", "polars", "pyarrow"):
        return _column(name, value, package)
    if isinstance(value, Sequence):
        return _listed(name, value)
    if hasattr(value, "__array__") or hasattr(value, "__jax_array__"):
        return value
    raise TypeError(
        f"{name} must be a floating-point array; got {type(value).__name__}. For two distributions call the same "
        "function of kljax itself, as kljax.kl(p, q)."
        if hasattr(value, "log_prob")
        else f"{name} must be a floating-point array; got {type(value).__name__}."
    )


def _numpy(name: str, value: Any) -> Any:
    if value.dtype.kind in "OSU":
        raise TypeError(
            f"{name} must be a floating-point array; got one of {value.dtype} with shape {value.shape}, which holds "
            "Python objects or text. Convert it first, for instance "
            f"{name}.astype(float)."
        )
    if value.dtype.kind in "iub":
        raise TypeError(
            f"{name} must have a floating-point dtype; got {value.dtype} with shape {value.shape}. "
            f"{COUNTS.format(name=name)}"
        )
    if value.dtype == np.float64 and jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
        _values.told_once_of_double()
    return value


def _tensor(name: str, value: Any) -> Any:
    if value.requires_grad:
        raise TypeError(
            f"{name} is a torch tensor that records gradients, and gradients do not flow from kljax to torch. Pass "
            f"{name}.detach() for the value; to train, write the model in JAX."
        )
    if value.device.type != "cpu":
        raise TypeError(
            f"{name} is a torch tensor on {value.device}. Move it with {name}.cpu(), or pass "
            f"jax.dlpack.from_dlpack({name}) to stay on the device."
        )
    if str(value.dtype) == "torch.bfloat16":
        return jax.dlpack.from_dlpack(value.contiguous())
    return _numpy(name, value.numpy())


def _column(name: str, value: Any, package: str) -> Any:
    kind = type(value).__name__
    columns = getattr(value, "columns", None)
    if columns is not None:
        if len(columns) != 1:
            listed = ", ".join(map(str, list(columns)[:4])) + (", …" if len(columns) > 4 else "")
            raise TypeError(
                f"{name} is a {package} {kind} of {len(columns)} columns ({listed}). Pass one of them, or an array, "
                f"{name}.to_numpy(); to tell how two tables differ call kljax.tables.compare."
            )
        value = value.iloc[:, 0] if hasattr(value, "iloc") else value[columns[0]] if package == "polars" else value
    if not hasattr(value, "to_numpy"):
        raise TypeError(f"{name} must be a floating-point array; got a {package} {kind}. Pass {name}.to_numpy().")
    found = np.asarray(value.to_numpy())
    if np.issubdtype(found.dtype, np.integer):
        raise TypeError(f"{name} holds integers ({package} {kind}). {COUNTS.format(name=name)}")
    return _numpy(name, found)


def _listed(name: str, value: Sequence[Any]) -> Any:
    if any(isinstance(one, jax.Array) for one in value):
        return jax.numpy.stack([jax.numpy.asarray(one) for one in value])
    try:
        found = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array; its rows have different lengths ({error}).") from None
    if found.dtype.kind in "OSU":
        raise TypeError(
            f"{name} must be a floating-point array; got a {type(value).__name__} of {type(value[0]).__name__}."
        )
    if found.dtype.kind in "iu":
        raise TypeError(f"{name} must hold floating-point numbers; got integers. {COUNTS.format(name=name)}")
    # As jax.numpy reads a list of Python numbers: in the default precision.
    return found.astype(jax.dtypes.canonicalize_dtype(np.float64)) if found.dtype.kind == "f" else found


def axis(value: Any) -> Any:
    """``axis`` in a form that ``jit`` can hold; whether it is one is looked at later."""
    return tuple(value) if isinstance(value, (list, np.ndarray)) else value
