"""Divergences of one row from their textbook definitions, with so many digits that cancellation cannot matter.

You hold a row of float16 … float64 numbers. It is read exactly and evaluated with 100 digits, or 400 where the result
is so small that too few are left. Nothing here is arranged to be accurate in floating point: that is what makes it an
oracle. It imports nothing of kljax.

    pair = from_logits(a, b)                          # or from_probs(p, q)
    value(pair, "jensen_shannon", weight=0.25)        # an mpmath number
    gradient(pair, "renyi", order=2.0)                # two long-double arrays, from hand-derived partial derivatives
    hessian(pair, "kl")                               # differences of that gradient at 200 digits, short rows only
    value(pair, from_function(f, at_zero=1, at_infinity=0))

`value_error` and `norm_error` compare a result with them in units of eps. Parameters are read exactly too: pass
``np.float32(0.3)`` where the code under test rounds 0.3 to float32.
"""

from .precision import mp
from .rows import (
    Pair,
    chernoff_gradient,
    chernoff_information,
    from_logits,
    from_probs,
    generalized_jensen_shannon,
    gradient,
    hessian,
    norm_error,
    value,
    value_error,
)
from .terms import TERMS, from_function

__all__ = [
    "TERMS",
    "Pair",
    "chernoff_gradient",
    "chernoff_information",
    "from_function",
    "from_logits",
    "from_probs",
    "generalized_jensen_shannon",
    "gradient",
    "hessian",
    "mp",
    "norm_error",
    "value",
    "value_error",
]
