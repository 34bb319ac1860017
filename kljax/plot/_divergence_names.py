"""How divergences are called in figures."""

from __future__ import annotations

import numpy as np

from kljax.generators import Generator

_NAMED = {
    "kl": "KL({p}‖{q})",
    "reverse_kl": "KL({q}‖{p})",
    "jeffreys": "Jeffreys divergence",
    "jensen_shannon": "Jensen–Shannon divergence",
    "skew_kl": "skew KL of {p} and {q}",
    "skew_reverse_kl": "skew KL of {q} and {p}",
    "squared_hellinger": "squared Hellinger distance",
    "total_variation": "total variation",
    "le_cam": "Le Cam's divergence",
    "pearson": "χ²({p}‖{q})",
    "neyman": "χ²({q}‖{p})",
    "alpha": "α-divergence of {p} and {q}",
    "tsallis": "Tsallis's divergence of {p} and {q}",
}
# A χ², a distance or a share of probability has no unit.
_IN_NATS = ("kl", "reverse_kl", "jeffreys", "jensen_shannon", "skew_kl", "skew_reverse_kl")


def spoken(generator: Generator, names: tuple[str, str] = ("p", "q")) -> str:
    """The divergence's name as people write it, with its order or weight."""
    known = _NAMED.get(generator.name, generator.name.replace("_", " ")).format(p=names[0], q=names[1])
    plain = [one for one in generator.parameters if np.ndim(one) == 0]
    usual = generator.name == "jensen_shannon" and [float(one) for one in plain] == [0.5]
    return known if not plain or usual else f"{known}, {', '.join(f'{float(one):g}' for one in plain)}"


def amount(generator: Generator, value: float) -> str:
    """``0.51 nats``, or a number alone where it has no unit."""
    if value == np.inf:
        return "∞"
    return f"{value:.3g} nats" if generator.name in _IN_NATS else f"{value:.3g}"


def names_of(names: tuple[str, str]) -> tuple[str, str]:
    """``names`` checked: what p and q are called."""
    if isinstance(names, str) or len(names) != 2 or not all(isinstance(one, str) for one in names):
        raise TypeError(f"names must be two strings, for p and for q; got {names!r}.")
    return names[0], names[1]
