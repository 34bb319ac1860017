"""Counts: what you hold is how often each outcome was drawn, and the probabilities are unknown.

counts ─align by label─▶ arrays of one length ─estimator─▶ ``CountEstimate``: value, standard error, what was never seen

The decision that isn't obvious: probabilities are not estimated first and then put into a formula, which is off by
tenths of a nat where counts are small; each quantity has the estimator that was made for it, and each comes with an
error bar. Arrays may be traced; mappings and pandas Series are aligned by their labels.
"""

import importlib
from typing import TYPE_CHECKING, Any

from kljax._names import unknown as _unknown

if TYPE_CHECKING:
    from kljax.counts._divergences import cross_entropy, jeffreys, jensen_shannon, kl, psi
    from kljax.counts._entropy import entropy
    from kljax.counts._estimate import CountEstimate
    from kljax.counts._joint import conditional_entropy, mutual_information

__all__ = [
    "CountEstimate",
    "conditional_entropy",
    "cross_entropy",
    "entropy",
    "jeffreys",
    "jensen_shannon",
    "kl",
    "mutual_information",
    "psi",
]

_HOMES = {
    **dict.fromkeys(("cross_entropy", "jeffreys", "jensen_shannon", "kl", "psi"), "_divergences"),
    **dict.fromkeys(("conditional_entropy", "mutual_information"), "_joint"),
    "entropy": "_entropy",
    "CountEstimate": "_estimate",
}

if not TYPE_CHECKING:  # a type checker is to refuse what is not there

    def __getattr__(name: str) -> Any:
        """Loads a name when it is first asked for: the cells of ``kljax.tables`` need NumPy alone."""
        if name not in _HOMES:
            _unknown(__name__, __all__)(name)
        globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
