"""Generators: what you hold is a convex function f with f(1) = 0, and D_f(p‖q) = Σ q f(p/q).

log-ratio ─▶ balanced f ─▶ summand q f(p/q). Every record is normalised so that f(1) = f'(1) = 0; adding
c(u - 1) to f changes no divergence between distributions, and with this choice every summand is ≥ 0, so that
nothing cancels in the sum.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.generators._build import combine, reverse, scale, skew, symmetrise
from kljax.generators._catalogue import (
    arithmetic_geometric,
    jeffreys,
    kl,
    le_cam,
    reverse_kl,
    squared_hellinger,
    total_variation,
)
from kljax.generators._from_function import from_function
from kljax.generators._power_divergences import (
    alpha,
    cressie_read,
    log1p_abs,
    modified_gan,
    neyman,
    pearson,
    squared_log,
    t_power,
    tsallis,
)
from kljax.generators._record import Generator
from kljax.generators._shannon import jensen_shannon, skew_kl, skew_reverse_kl

__all__ = [
    "Generator",
    "alpha",
    "arithmetic_geometric",
    "combine",
    "cressie_read",
    "from_function",
    "jeffreys",
    "jensen_shannon",
    "kl",
    "le_cam",
    "log1p_abs",
    "modified_gan",
    "neyman",
    "pearson",
    "reverse",
    "reverse_kl",
    "scale",
    "skew",
    "skew_kl",
    "skew_reverse_kl",
    "squared_hellinger",
    "squared_log",
    "symmetrise",
    "t_power",
    "total_variation",
    "tsallis",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
