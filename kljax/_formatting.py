"""How numbers that carry an error are written for people."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

SHOWN = 6


def plus_minus(value: float, stderr: float) -> str:
    """``2.60 ± 0.06``: as many decimals as make one or two digits of the error, so that none is noise."""
    if not math.isfinite(value):
        return f"{value:.4g}"
    if not (math.isfinite(stderr) and stderr > 0.0):
        return f"{value:.4g} ± {stderr:.4g}"
    # Errors of 0.95 to 2 of their leading digit keep two digits, as particle physicists do.
    power = math.floor(math.log10(stderr))
    lead = stderr / 10.0**power
    decimals = (1 if lead < 1.95 else 0) - power
    if decimals > 12 or power > 5:
        return f"{value:.3g} ± {stderr:.2g}"
    decimals = max(decimals, 0)
    return f"{value:.{decimals}f} ± {stderr:.{decimals}f}"


def estimate(value: Any, stderr: Any, ess: Any) -> str | None:
    """``2.60 ± 0.06 nats (ess 812)``, some of many; None where the numbers are not there to be read."""
    if any(isinstance(one, jax.core.Tracer) or not hasattr(one, "__array__") for one in (value, stderr, ess)):
        return None
    value, stderr, ess = (np.asarray(one, np.float64) for one in (value, stderr, ess))
    try:
        value, stderr, ess = np.broadcast_arrays(value, stderr, ess)
    except ValueError:
        return None
    texts = [plus_minus(*pair) for pair in zip(value.ravel()[:SHOWN], stderr.ravel()[:SHOWN], strict=True)]
    if value.ndim == 0:
        return f"{texts[0]} nats (ess {ess:.0f})"
    more = f", … {value.size} in all" if value.size > SHOWN else ""
    least = f"; ess at least {ess.min():.0f}" if value.size else ""
    return f"[{', '.join(texts)}{more}] nats, shape {value.shape}{least}"
