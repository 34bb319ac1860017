"""Writes the pages of the reference: one for each group of functions, in the order of importance, and their navigation.

    python docs/_tools/reference.py          # writes docs/api and the part of mkdocs.yml below "Reference"
    python docs/_tools/reference.py --check  # says what is stale, and exits with 1

The groups stand below; a public name that is in none joins the last page of its module, "Further". A page of the site
never has a name twice.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
API = ROOT / "docs" / "api"
CONFIG = ROOT / "mkdocs.yml"
BEGIN, END = "  # The reference, written by docs/_tools/reference.py.\n", "\n# With --strict"


class Group(NamedTuple):
    """A page: its title, the name of its file, and the public names on it, the most important first."""

    title: str
    file: str
    names: tuple[str, ...]


def group(title: str, file: str, names: str) -> Group:
    """A group from names in one string."""
    return Group(title, file, tuple(names.split()))


# Divergences have the same names in each module that has them.
VERBS = (
    group("kl: Kullback–Leibler", "kl", "kl kl_terms jeffreys skew_kl cross_entropy entropy perplexity"),
    group("Jensen–Shannon", "jensen_shannon", "jensen_shannon jensen_shannon_distance generalized_jensen_shannon"),
    group("Distances and χ²", "distances", "total_variation squared_hellinger hellinger_distance chi_squared le_cam"),
    group("Rényi, α, Tsallis, Chernoff", "powers", "renyi alpha tsallis bhattacharyya chernoff_information"),
    group("Any f", "f_divergence", "f_divergence"),
    group("Information", "information", "mutual_information conditional_entropy"),
)
EVERYDAY = group("Everyday", "everyday", "estimate Estimate pairwise bits checked register ValueWarning")

MODULES: dict[str, tuple[str, tuple[Group, ...]]] = {
    "kljax": ("two distributions", (*VERBS, EVERYDAY)),
    "kljax.probs": ("probability vectors, or measures", VERBS),
    "kljax.logits": ("logits or log-probabilities", VERBS),
    "kljax.hidden": (
        "hidden states and an output projection",
        (*(one._replace(names=(*one.names, "Head", "log_partition")) if one.file == "kl" else one for one in VERBS),),
    ),
    "kljax.families": (
        "distributions",
        (
            group(
                "On the real line",
                "real",
                "Normal StudentT Laplace Cauchy Logistic Gumbel Moyal SkewNormal "
                "GeneralizedExtremeValue GeneralizedPareto",
            ),
            group(
                "Positive",
                "positive",
                "Gamma LogNormal Exponential Weibull InverseGamma InverseGaussian Chi Chi2 "
                "HalfNormal HalfCauchy Rayleigh Pareto FisherSnedecor Lindley",
            ),
            group(
                "On an interval",
                "interval",
                "Beta Uniform TruncatedNormal Kumaraswamy LogitNormal LogUniform "
                "Triangular ContinuousBernoulli VonMises",
            ),
            group(
                "Outcomes and counts",
                "counts",
                "Categorical Bernoulli Poisson Binomial NegativeBinomial Geometric "
                "OneHotCategorical Multinomial BetaBinomial DirichletMultinomial DiscreteUniform Skellam "
                "Logarithmic Zipf",
            ),
            group(
                "Vectors, matrices, directions",
                "vectors",
                "MultivariateNormal Dirichlet Wishart InverseWishart "
                "MatrixNormal LKJ NormalGamma NormalInverseWishart GeneralizedDirichlet MultivariateLogitNormal "
                "ComplexNormal VonMisesFisher PowerSpherical SphericalUniform",
            ),
            group(
                "Made of others",
                "made",
                "Mixture Transformed Independent Product Masked Empirical Delta Fitted Distribution",
            ),
            group("Bijectors", "bijectors", "Bijector Affine Exp Log Sigmoid Softplus Tanh Chain"),
        ),
    ),
    "kljax.montecarlo": (
        "log-densities at draws",
        (
            group(
                "Tokens and sequences",
                "tokens",
                "token_kl token_kl_of_logits sequence_sum importance_weights "
                "ImportanceWeights topk TopK AdaptiveKL adaptive_kl_step DualKL dual_kl_step",
            ),
            group("kl: Kullback–Leibler", "kl", "kl Estimate jeffreys skew_kl cross_entropy entropy log_normalizer"),
            *VERBS[1:],
        ),
    ),
    "kljax.samples": (
        "samples only",
        (
            group("kl: Kullback–Leibler", "kl", "kl SampleEstimate jeffreys cross_entropy entropy nearest"),
            group(
                "Other divergences",
                "divergences",
                "jensen_shannon total_variation squared_hellinger renyi alpha f_divergence",
            ),
            group("Information", "information", "mutual_information"),
            group("Which model, and how far", "models", "rank_models Ranking Row Calibration model_kl ModelFit"),
            group(
                "Ratios, energy distance, MMD", "ratios", "density_ratio Ratio Discrepancy energy_distance mmd Seconds"
            ),
        ),
    ),
    "kljax.counts": (
        "counts of outcomes",
        (
            group("Divergences", "divergences", "kl CountEstimate jensen_shannon jeffreys psi cross_entropy"),
            group("Entropy and information", "information", "entropy mutual_information conditional_entropy"),
        ),
    ),
    "kljax.tables": (
        "two tables",
        (
            group("Compare", "compare", "compare Comparison Column Interval Cells Summary Joint Pair"),
            group("Profiles and timelines", "profiles", "profile Profile profile_like timeline Timeline"),
        ),
    ),
    "kljax.variational": (
        "an unnormalised target",
        (
            group("Fit", "fit", "fit FitResult Moments Seconds Target from_numpyro from_joint"),
            group(
                "Guides",
                "guides",
                "full_rank mean_field low_rank laplace gaussian_mixture coupling_flow "
                "autoregressive_flow family custom Guide Frame Params",
            ),
            group(
                "Objectives",
                "objectives",
                "elbo forward_kl renyi chi_squared_bound importance_weighted jensen_shannon "
                "f_divergence Objective ESTIMATORS",
            ),
            group(
                "Your own loop",
                "loop",
                "init initial_params step State Step value_and_grad moment_projection pareto_smoothed ParetoSmoothed",
            ),
        ),
    ),
    "kljax.generators": (
        "a convex f",
        (
            group(
                "Catalogue",
                "catalogue",
                "kl reverse_kl jeffreys jensen_shannon skew_kl skew_reverse_kl total_variation "
                "squared_hellinger pearson neyman le_cam alpha cressie_read tsallis t_power arithmetic_geometric "
                "log1p_abs modified_gan squared_log",
            ),
            group("Build your own", "build", "Generator from_function reverse symmetrise skew scale combine"),
        ),
    ),
    "kljax.quadrature": (
        "two log-densities of one variable",
        (
            group(
                "kl: Kullback–Leibler",
                "kl",
                "kl Integral Support integers circle jeffreys skew_kl cross_entropy entropy expectation",
            ),
            *VERBS[1:],
        ),
    ),
    "kljax.bregman": ("points, or matrices", ()),
    "kljax.expfam": ("natural parameters", ()),
    "kljax.bounds": ("mixtures", ()),
    "kljax.samples.bounds": ("bounds with critics", ()),
    "kljax.geometry": ("steps measured in nats", ()),
    "kljax.interop": ("distributions of other packages", ()),
    "kljax.plot": ("figures", ()),
    "kljax.testing": ("checks of your own", ()),
}
# What every family has, and Distribution describes.
COMMON = (
    "cdf",
    "entropy",
    "event_shape",
    "fit",
    "log_partition",
    "log_prob",
    "mean",
    "mode",
    "natural",
    "quantile",
    "sample",
)
COMMON += ("stddev", "support", "variance")
# The same objects as in kljax, where they are documented.
ELSEWHERE = {"kljax.divergences": "kljax"}


def public(module: str) -> list[str]:
    """The public names of a module, without its submodules."""
    loaded = importlib.import_module(module)
    return [name for name in loaded.__all__ if not inspect.ismodule(getattr(loaded, name))]


def every_module() -> dict[str, tuple[str, tuple[Group, ...]]]:
    """``MODULES``, and every other public module of the package after them."""
    found = dict(MODULES)
    for path in sorted((ROOT / "kljax").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if "._" not in name and name not in found and name not in ELSEWHERE:
            found[name] = ("", ())
    return {
        name: one
        for name, one in found.items()
        if (ROOT / (name.replace(".", "/") + ".py")).exists()
        or (ROOT / name.replace(".", "/") / "__init__.py").exists()
    }


def groups_of(module: str) -> list[Group]:
    """The groups of a module with the names that it has, and what is in none of them in the last."""
    names = public(module)
    found = [one._replace(names=tuple(n for n in one.names if n in names)) for one in every_module()[module][1]]
    rest = tuple(name for name in names if not any(name in one.names for one in found))
    return [one for one in (*found, Group("Further", "further", rest)) if one.names]


def first_line(module: str, name: str) -> str:
    """The first sentence of a name's documentation, in one line without markup that a table would take."""
    value = getattr(importlib.import_module(module), name)
    written = inspect.getdoc(value) or ""
    if not (inspect.isclass(value) or callable(value)) or isinstance(value, tuple):
        written = ""
    text = " ".join(written.split("\n\n")[0].split())
    found = re.match(r"(.*?[.:])(?: |$)", text)
    text = (found[1] if found else text).rstrip(":.").replace("|", "\\|").replace("``", "`")
    return text.replace("[", "\\[").replace("$", "\\$")


def directive(module: str, name: str) -> str:
    """The block that mkdocstrings reads for one name. Of a family only what it adds to all distributions is shown."""
    block = f"::: {module}.{name}\n"
    if module == "kljax.families" and name != "Distribution":
        block += f"    options:\n      filters: ['!^_', '!^({'|'.join(COMMON)})$']\n"
    return block


def pages() -> tuple[dict[str, str], str]:
    """The pages by path below docs/api, and the navigation."""
    made: dict[str, str] = {}
    nav = ["  - Reference:\n", "      - Find a function: api/index.md\n"]
    index = [
        "# Find a function\n",
        "\nBy what you hold, then by the divergence; the most used first. The search finds names, too.\n",
    ]
    for module, (held, _) in every_module().items():
        short, groups = module.removeprefix("kljax.").replace(".", "_"), groups_of(module)
        alone = len(groups) == 1
        words = f" · {held}" if held else ""
        lines = [f"# {module}\n\n", f"::: {module}\n    options:\n      members: []\n      show_root_heading: false\n"]
        label = module.removeprefix("kljax.") if module != "kljax" else "kljax"
        index.append(f"\n## [{label}]({short}.md){{ #{short} }}{words}\n")
        if alone:
            lines += ["\n", *(directive(module, name) for name in groups[0].names)]
            nav.append(f'      - "{label}": api/{short}.md\n')
            index.append(
                "\n" + " · ".join(f"[`{name}`]({short}.md#{module}.{name})" for name in groups[0].names) + "\n"
            )
        else:
            nav += [f'      - "{label}":\n', f"          - Overview: api/{short}.md\n"]
            for one in groups:
                path = f"{short}/{one.file}.md"
                lines.append(f"\n## [{one.title}]({path})\n\n| | |\n|---|---|\n")
                lines += [f"| [`{n}`]({path}#{module}.{n}) | {first_line(module, n)} |\n" for n in one.names]
                boosted = {("kljax", "kl"): 4, ("kljax", "information"): 4}.get(
                    (module, one.file), 2 if one.file == "kl" else 1
                )
                boost = f"---\nsearch:\n  boost: {boosted}\n---\n\n" if boosted > 1 else ""
                made[path] = f"{boost}# {one.title} · {label}\n\n" + "".join(directive(module, n) for n in one.names)
                nav.append(f'          - "{one.title}": api/{path}\n')
                names = " · ".join(f"[`{n}`]({path}#{module}.{n})" for n in one.names)
                index.append(f"\n- [{one.title}]({path}): {names}")
            index.append("\n")
        made[f"{short}.md"] = "".join(lines)
    made["index.md"] = "".join(index)
    return made, "".join(nav)


def stale() -> list[str]:
    """What differs from what would be written."""
    made, nav = pages()
    found = [
        path for path, text in made.items() if not (API / path).exists() or (API / path).read_text("utf-8") != text
    ]
    found += [str(path.relative_to(API)) for path in API.rglob("*.md") if str(path.relative_to(API)) not in made]
    text = CONFIG.read_text("utf-8")
    return found + ([] if text.split(BEGIN)[1].split(END)[0] == nav else ["mkdocs.yml"])


def main() -> None:
    """Writes the pages and the navigation, or says what is stale."""
    if "--check" in sys.argv:
        old = stale()
        sys.stdout.write("\n".join(old) + "\n" if old else "")
        sys.exit(bool(old))
    made, nav = pages()
    for path in API.rglob("*.md"):
        if str(path.relative_to(API)) not in made:
            path.unlink()
    for path, page in made.items():
        (API / path).parent.mkdir(parents=True, exist_ok=True)
        (API / path).write_text(page, "utf-8")
    text = CONFIG.read_text("utf-8")
    before, rest = text.split(BEGIN)
    CONFIG.write_text(before + BEGIN + nav + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    main()
