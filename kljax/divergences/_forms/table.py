"""The table of our forms, {(verb, type of p, type of q): form}, from the rows that stand at the end of each file here.

A row of a line gives three forms, those of the α-divergence, Rényi's and Chernoff's information; the verbs that are
cases of these ask for them. Every family that knows its entropy has a row of one distribution.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from kljax import families
from kljax.divergences._forms import (
    count_vectors,
    cross_half_line,
    cross_interval,
    cross_line,
    directions,
    half_line,
    integers,
    interval,
    outcomes,
    power_spherical_fisher,
    simplex,
    trials,
    vectors_and_matrices,
    whole_line,
)
from kljax.divergences._forms.exponential_families import LINES, SHARED
from kljax.divergences._forms.inner_products import FEATURES
from kljax.divergences._forms.integers import equal_counts
from kljax.divergences._forms.renyi_and_chernoff import alpha_of, chernoff_of, renyi_of
from kljax.divergences._forms.total_variation import TOTAL_VARIATION as VARIATIONS
from kljax.divergences._verbs import (
    ALPHA,
    CHERNOFF_INFORMATION,
    ENTROPY,
    KL,
    PAIRWISE,
    RENYI,
    TOTAL_VARIATION,
    Verb,
)
from kljax.families import Binomial, DirichletMultinomial, Multinomial, MultivariateLogitNormal
from kljax.families._internal import is_family

Kinds = tuple[type, type]
Condition = Callable[[Any, Any], bool | jax.Array]


class Closed(NamedTuple):
    """A form of ours, of two records whose parameters are of one batch and dtype, and of the options of the verb.

    Attributes:
        function: (p, q, options) ↦ the divergence; it is compiled.
        holds: Where it does, if not everywhere: a Python bool unless what it looks at is traced.
    """

    function: Callable[..., Any]
    holds: Condition | None = None


_FILES: tuple[Any, ...] = (
    *(count_vectors, cross_half_line, cross_interval, cross_line, directions, half_line, integers, interval),
    *(outcomes, power_spherical_fisher, simplex, trials, vectors_and_matrices, whole_line),
)
DIVERGENCES: dict[Kinds, Callable[[Any, Any], jax.Array]] = {
    kinds: form for file in _FILES for kinds, form in file.KL.items()
}
# Forms of KL that hold under a condition; elsewhere the pair is summed or integrated. Those of lines are SHARED.
_CONDITIONS: dict[type, Condition] = dict.fromkeys((Binomial, DirichletMultinomial, Multinomial), equal_counts)
_OF_LINES = {ALPHA: alpha_of, RENYI: renyi_of, CHERNOFF_INFORMATION: chernoff_of}
_FAMILIES: list[Any] = [kind for _, kind in inspect.getmembers(families, inspect.isclass) if is_family(kind)]

FORMS: dict[tuple[Verb, type, type | None], Any] = {
    **{(KL, *kinds): Closed(form, _CONDITIONS.get(kinds[0])) for kinds, form in DIVERGENCES.items()},
    **{
        (verb, *kinds): Closed(of(through), SHARED.get(kinds[0]))
        for kinds, through in LINES.items()
        for verb, of in _OF_LINES.items()
    },
    **{(TOTAL_VARIATION, *kinds): Closed(form) for kinds, form in VARIATIONS.items()},
    **{(PAIRWISE, kind, kind): features for kind, features in FEATURES.items()},
    # That of a MultivariateLogitNormal has no closed form.
    **{(ENTROPY, kind, None): kind.entropy for kind in _FAMILIES if kind is not MultivariateLogitNormal},
}
