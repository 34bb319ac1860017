"""Numbers of any precision, from gmpy2 where installed (three times as fast), else from mpmath.

Arrays are numpy object arrays, so formulas read as they do in the textbook. Everything is to be evaluated inside
``with mp.digits(count):``; outside, arithmetic rounds to whatever precision the surrounding code has.
"""

from __future__ import annotations

import contextlib
from typing import Any

import mpmath
import numpy as np

try:
    import gmpy2
except ImportError:
    gmpy2 = None

Array = Any  # object array of multiprecision numbers


class Mpmath:
    """Multiprecision numbers from mpmath alone."""

    exp, log, sqrt = (np.frompyfunc(f, 1, 1) for f in (mpmath.exp, mpmath.log, mpmath.sqrt))

    @staticmethod
    def digits(count: int):
        return mpmath.workdps(count)

    @staticmethod
    def number(x: Any):
        return x if isinstance(x, mpmath.mpf) else mpmath.mpf(float(x))

    to_mpmath = from_mpmath = staticmethod(lambda x: x)


class Gmpy(Mpmath):
    """The same from MPFR through gmpy2."""

    if gmpy2 is not None:
        exp, log, sqrt = (np.frompyfunc(f, 1, 1) for f in (gmpy2.exp, gmpy2.log, gmpy2.sqrt))

    @staticmethod
    @contextlib.contextmanager
    def digits(count: int):
        # MPFR leaves floating-point flags behind, which numpy would report as its own.
        with mpmath.workdps(count), gmpy2.context(precision=int(count * 3.33) + 8), np.errstate(all="ignore"):
            yield

    @staticmethod
    def number(x: Any):
        return x if isinstance(x, gmpy2.mpfr) else gmpy2.mpfr(float(x))

    @staticmethod
    def to_mpmath(x: Any) -> mpmath.mpf:
        if not gmpy2.is_finite(x):
            return mpmath.mpf(float(x))
        mantissa, exponent = x.as_mantissa_exp()
        return mpmath.make_mpf(mpmath.libmp.from_man_exp(int(mantissa), int(exponent)))

    @staticmethod
    def from_mpmath(x: mpmath.mpf):
        if not mpmath.isfinite(x):
            return gmpy2.mpfr(float(x))
        sign, mantissa, exponent, _ = x._mpf_
        whole = gmpy2.mpfr(-int(mantissa) if sign else int(mantissa))
        return gmpy2.mul_2exp(whole, exponent) if exponent >= 0 else gmpy2.div_2exp(whole, -exponent)


mp: type[Mpmath] = Mpmath if gmpy2 is None else Gmpy


def numbers(x: Any) -> Array:
    return np.frompyfunc(mp.number, 1, 1)(x)


def long_double(x: Array) -> np.ndarray:
    """Rounded to the long double: through the nearest double and the remainder."""
    high = x.astype(np.float64)
    finite = np.isfinite(high)
    rest = np.zeros_like(high)
    rest[finite] = (x[finite] - numbers(high[finite])).astype(np.float64)
    return high.astype(np.longdouble) + rest.astype(np.longdouble)
