"""What was meant: the right name for a wrong one, by the words that other libraries use, else by spelling."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

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

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "alpha": ("order",),
    "lam": ("order", "weight"),
    "lambda_": ("order", "weight"),
    "dim": ("axis",),
    "axes": ("axis",),
    "dims": ("axis",),
    "mask": ("tokens", "where"),
    "attention_mask": ("tokens", "where"),
    "loss_mask": ("tokens", "where"),
    "padding_mask": ("tokens", "where"),
    "sample_weight": ("weights",),
    "weight": ("weights",),
    "w": ("weight", "weights"),
    "t": ("temperature",),
    "tau": ("temperature",),
    "temp": ("temperature",),
    "reduce": ("reduction",),
    "size_average": ("reduction",),
    "f": ("generator",),
    "divergence": ("generator",),
    "rng": ("key",),
    "seed": ("key",),
    "rng_key": ("key",),
    "prng_key": ("key",),
    "n": ("num_samples", "num_draws"),
    "n_samples": ("num_samples", "num_draws"),
    "domain": ("support",),
    "bounds": ("support",),
}
# What an argument that is missing looks like.
SHOWN = {
    "key": "jax.random.key(0)",
    "order": "0.5",
    "support": "(-jnp.inf, jnp.inf)",
    "weight": "0.5",
    "generator": "kljax.generators.kl",
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


def advised(verb: Callable[P, R]) -> Callable[P, R]:
    """The function; a call that does not fit its signature is answered by what does."""

    @functools.wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(*args, **kwargs)
        except TypeError as error:
            at = error.__traceback__
            if at is None or at.tb_next is not None:
                raise  # from within
            raise _misfit(verb, args, kwargs, error) from None

    return call


def _misfit(verb: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any], error: TypeError) -> TypeError:
    name = verb.__name__
    parameters = inspect.signature(verb).parameters.values()
    options = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]
    operands = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    listed = " and ".join(operands)
    for wrong in given:
        if wrong not in (*options, *operands):
            found = meant(wrong, [one for one in (*options, *operands) if one not in given], ARGUMENTS)
            advice = "" if found is None else f" Did you mean {found}?"
            if wrong == "base":
                advice = " Results are in nats; kljax.bits(…) converts them."
            takes = f"{listed}; {', '.join(options)}" if options else listed
            return TypeError(f"{name} has no argument {wrong!r}; it takes {takes}.{advice}")
    if len(args) > len(operands):
        every = ", ".join(f"{one}=" for one in options)
        return TypeError(
            f"{name} got {len(args)} arguments by position: after {listed} every argument has a name, {every}"
        )
    twice = [one for one in operands[: len(args)] if one in given]
    if twice:
        return TypeError(f"{name} got {' and '.join(twice)} twice, by position and by name.")
    needed = [one.name for one in parameters if one.default is one.empty and one.name not in given]
    missing = [one for one in needed if one not in operands[: len(args)]]
    if not missing:
        return error
    call = ", ".join([*operands, *(f"{one}={SHOWN.get(one, '…')}" for one in missing if one in options)])
    return TypeError(f"{name} needs {' and '.join(missing)}: {name}({call}).")
