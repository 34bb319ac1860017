"""What was meant: the right name for a wrong one, by the words that other libraries use, else by spelling."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import NoReturn

# What others call a divergence or a family, and a family's parameter; ours are the values, the first that there is.
VERBS: dict[str, tuple[str, ...]] = {
    "kl_div": ("kl",),
    "kl_divergence": ("kl",),
    "kld": ("kl",),
    "kullback_leibler": ("kl",),
    "relative_entropy": ("kl",),
    "rel_entr": ("kl",),
    "js": ("jensen_shannon",),
    "jsd": ("jensen_shannon",),
    "js_divergence": ("jensen_shannon",),
    "jensenshannon": ("jensen_shannon_distance", "jensen_shannon"),
    "js_distance": ("jensen_shannon_distance", "jensen_shannon"),
    "hellinger": ("hellinger_distance", "squared_hellinger"),
    "tv": ("total_variation",),
    "tvd": ("total_variation",),
    "chi2": ("chi_squared",),
    "chisq": ("chi_squared",),
    "chi_square": ("chi_squared",),
    "pearson_chi_squared": ("chi_squared", "pearson"),
    "renyi_divergence": ("renyi",),
    "alpha_divergence": ("alpha",),
    "symmetric_kl": ("jeffreys",),
    "j_divergence": ("jeffreys",),
    "reverse_kl": ("kl",),
    "forward_kl": ("kl",),
    "shannon_entropy": ("entropy",),
    "xent": ("cross_entropy",),
    "softmax_cross_entropy": ("cross_entropy",),
    "chernoff": ("chernoff_information",),
    "bhattacharyya_distance": ("bhattacharyya",),
    "triangular_discrimination": ("le_cam",),
    "mi": ("mutual_information",),
    "monte_carlo": ("montecarlo", "estimate"),
    "distributions": ("families",),
    "psi": ("counts",),
    "gaussian": ("Normal", "gaussian_mixture"),
    "student": ("StudentT",),
    "t": ("StudentT",),
    "chisquared": ("Chi2",),
    "chisquare": ("Chi2",),
    "mvn": ("MultivariateNormal",),
    "multivariate_normal": ("MultivariateNormal",),
    "gmm": ("Mixture", "gaussian_mixture"),
    "mixturesamefamily": ("Mixture",),
    "invgamma": ("InverseGamma",),
    "transformeddistribution": ("Transformed",),
}
PARAMETERS: dict[str, tuple[str, ...]] = {
    "mu": ("loc", "mean_direction"),
    "mean": ("loc",),
    "m": ("loc",),
    "location": ("loc",),
    "sigma": ("scale",),
    "std": ("scale",),
    "sd": ("scale",),
    "stddev": ("scale",),
    "s": ("scale", "concentration"),
    "b": ("scale", "rate", "concentration0", "high"),
    "a": ("concentration", "concentration1", "low"),
    "alpha": ("concentration", "concentration1"),
    "beta": ("rate", "concentration0", "scale"),
    "shape": ("concentration",),
    "k": ("concentration", "df"),
    "kappa": ("concentration",),
    "lam": ("rate",),
    "lambda_": ("rate",),
    "lmbda": ("rate",),
    "theta": ("scale",),
    "nu": ("df",),
    "n": ("total_count",),
    "trials": ("total_count",),
    "r": ("total_count",),
    "p": ("probs",),
    "prob": ("probs",),
    "weights": ("probs",),
    "cov": ("scale",),
    "covariance": ("scale",),
    "covariance_matrix": ("scale",),
    "scale_tril": ("scale",),
    "precision_matrix": ("scale",),
    "minval": ("low",),
    "maxval": ("high",),
    "lower": ("low",),
    "upper": ("high",),
}


def meant(wrong: str, known: Iterable[str], synonyms: dict[str, tuple[str, ...]]) -> str | None:
    """The name among ``known`` that ``wrong`` most likely stands for."""
    names = list(known)
    for one in synonyms.get(wrong.lower(), ()):
        if one in names:
            return one
    by_case = {name.lower(): name for name in names}
    if wrong.lower() in by_case:
        return by_case[wrong.lower()]
    close = difflib.get_close_matches(wrong.lower(), by_case, n=1, cutoff=0.6)
    return by_case[close[0]] if close else None


def unknown(module: str, known: Iterable[str]) -> Callable[[str], NoReturn]:
    """A module's ``__getattr__``: an AttributeError that says what was meant."""
    names = tuple(known)

    def missing(name: str) -> NoReturn:
        found = None if name.startswith("_") else meant(name, names, VERBS)
        advice = "" if found is None else f". Did you mean {module}.{found}?"
        if found is not None and name in _TURNED:
            advice += _TURNED[name].format(module=module)
        raise AttributeError(f"module {module!r} has no attribute {name!r}{advice}", name=name)

    return missing


_TURNED = {
    "forward_kl": " Forward KL is kl(target, model).",
    "reverse_kl": " Reverse KL is kl(model, target).",
}


def keyword(owner: str, wrong: str, known: Iterable[str]) -> TypeError:
    """The error for a parameter that a family does not have."""
    names = list(known)
    found = meant(wrong, names, PARAMETERS)
    advice = "" if found is None else f" Did you mean {found}?"
    return TypeError(f"{owner} has no parameter {wrong!r}; it takes {', '.join(names) or 'none'}.{advice}")
