"""The verbs as the table of forms knows them, and the verbs under which a divergence may be found there.

A divergence has a name of its own and is one of a generator; several are another in other units:

    D_f of "pearson"    = chi_squared            = 2 A_2
    D_f of "alpha" α    = alpha, order α         = tsallis/α        = KL(p‖q) at α = 1, KL(q‖p) at α = 0
    bhattacharyya       = ½ renyi, order ½

so that a form under any of these verbs answers all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from jax.typing import ArrayLike

from kljax import generators
from kljax.generators import Generator


@dataclasses.dataclass(frozen=True, eq=False)
class Verb:
    """A verb on distributions.

    Attributes:
        name: Its name.
        case_of: The verb that it follows from: where we have a form of that, there is one of this verb.
        operands: How many distributions it takes.
        defaults: What its options are where the caller gives none.
    """

    name: str
    case_of: Verb | None = None
    operands: int = 2
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)


KL = Verb("kl")
JEFFREYS = Verb("jeffreys", KL)
CROSS_ENTROPY = Verb("cross_entropy", KL)
ENTROPY = Verb("entropy", operands=1)
F_DIVERGENCE = Verb("f_divergence")
ALPHA = Verb("alpha")
TSALLIS = Verb("tsallis", ALPHA)
CHI_SQUARED = Verb("chi_squared", ALPHA)
SQUARED_HELLINGER = Verb("squared_hellinger", ALPHA)
TOTAL_VARIATION = Verb("total_variation")
LE_CAM = Verb("le_cam")
JENSEN_SHANNON = Verb("jensen_shannon", defaults={"weight": 0.5, "scaled": False})
SKEW_KL = Verb("skew_kl")
RENYI = Verb("renyi")
BHATTACHARYYA = Verb("bhattacharyya", RENYI)
CHERNOFF_INFORMATION = Verb("chernoff_information")
PAIRWISE = Verb("pairwise")


class Name(NamedTuple):
    """What a divergence is in terms of a verb: ``factor`` times that of p and q, or of q and p, with these options."""

    verb: Verb
    options: Mapping[str, Any] = MappingProxyType({})
    factor: ArrayLike | None = None
    turned: bool = False


# The verb of a generator, what its parameter is there, and whether p and q change places.
_BY_NAME: dict[str, tuple[Verb, str, bool]] = {
    "jeffreys": (JEFFREYS, "", False),
    "total_variation": (TOTAL_VARIATION, "", False),
    "squared_hellinger": (SQUARED_HELLINGER, "", False),
    "pearson": (CHI_SQUARED, "", False),
    "neyman": (CHI_SQUARED, "", True),
    "le_cam": (LE_CAM, "", False),
    "jensen_shannon": (JENSEN_SHANNON, "weight", False),
    "scaled_jensen_shannon": (JENSEN_SHANNON, "weight", False),
    "skew_kl": (SKEW_KL, "weight", False),
    "tsallis": (TSALLIS, "order", False),
}
# Generators of a power of their own: (f, α, c) where f is c times that of the α-divergence.
_POWERS = (
    (generators.kl, 1.0, 1.0),
    (generators.reverse_kl, 0.0, 1.0),
    (generators.squared_hellinger, 0.5, 0.25),
    (generators.pearson, 2.0, 2.0),
    (generators.neyman, -1.0, 2.0),
)
_ALPHA = generators.alpha(0.5).balanced


def names_of(generator: Generator) -> Iterator[Name]:
    """The names of the f-divergence of a generator, in the order in which they are asked for."""
    if generator.name in _BY_NAME:
        verb, option, turned = _BY_NAME[generator.name]
        options: dict[str, Any] = {option: generator.parameters[0]} if option else {}
        if generator.name == "scaled_jensen_shannon":
            options["scaled"] = True
        yield Name(verb, options, turned=turned)
    yield Name(F_DIVERGENCE, {"generator": generator})
    power = _power_of(generator)
    if power is None:
        return
    order, factor = power
    at_end = isinstance(order, (int, float)) and order in (0, 1)
    if at_end:
        yield Name(KL, factor=_unless_one(factor), turned=order == 0)
    if not at_end or generator.name == "alpha":
        yield Name(ALPHA, {"order": order}, _unless_one(factor))
    if not at_end:
        yield Name(TSALLIS, {"order": order}, factor / order)


def _power_of(generator: Generator) -> tuple[Any, Any] | None:
    """(α, c) where f is c times that of the α-divergence."""
    if generator.name == "tsallis":
        return generator.parameters[0], generator.parameters[0]
    for known, order, factor in _POWERS:
        if generator.balanced == known.balanced:
            return order, factor
    if generator.balanced == _ALPHA and len(generator.parameters) == 1:
        return generator.parameters[0], 1.0
    return None


def _unless_one(factor: Any) -> Any:
    return None if isinstance(factor, float) and factor == 1.0 else factor
