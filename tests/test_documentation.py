"""Nothing public is undocumented, and no documented code goes unrun: docstring examples, the README, the site."""

from __future__ import annotations

import ast
import contextlib
import doctest
import importlib
import importlib.util
import inspect
import io
import itertools
import json
import re
import tomllib
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import kljax
from kljax import generators, hidden, logits, probs, variational

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kljax"
FILES = sorted(PACKAGE.rglob("*.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOOLS = ROOT / "docs" / "_tools"
# Pages whose code takes ten seconds and more: what they show stands in the docstrings' examples, too. Of tutorials it
# is always checked that the figures are of their present code.
LONG = (
    "directions",
    "distil",
    "feedback",
    "fits",
    "information_gain",
    "many_devices",
    "samples",
    "testing",
    "two_samples",
    "variational",
    "which_model",
    "your_own",
)
SECTION = re.compile(r"^(Args|Returns|Raises|Example|Examples|References|Attributes|Notes?):$", re.MULTILINE)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


PUBLIC_MODULES = [module_name(path) for path in FILES if is_public(module_name(path))]


def public_names() -> list[tuple[str, str]]:
    return [(name, member) for name in PUBLIC_MODULES for member in importlib.import_module(name).__all__]


def is_routine(value: object) -> bool:
    """A function, a jitted one included; a callable record is none."""
    return inspect.isroutine(inspect.unwrap(value))  # type: ignore[arg-type]


PUBLIC_FUNCTIONS = [(m, n) for m, n in public_names() if is_routine(getattr(importlib.import_module(m), n))]


def constant_docs(source: str) -> dict[str, str]:
    """The string below each assignment at module level: a constant's documentation, as the site shows it."""
    docs = {}
    body = ast.parse(source).body
    for statement, below in itertools.pairwise(body):
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            docs.update({target.id: below.value.value for target in targets if isinstance(target, ast.Name)})
    return docs


def documentation(module: types.ModuleType, name: str) -> str:
    value = getattr(module, name)
    if isinstance(value, types.ModuleType) or inspect.isclass(value) or is_routine(value):
        return inspect.getdoc(value) or ""
    # An instance would answer with its class's docstring.
    source = inspect.getsource(module)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and any(name == (alias.asname or alias.name) for alias in node.names):
            source = inspect.getsource(importlib.import_module(node.module))
    return constant_docs(source).get(name, "")


def sections(doc: str) -> dict[str, str]:
    """A Google-style docstring as {"": opening, "Args": …, "Returns": …}."""
    pieces = SECTION.split(inspect.cleandoc(doc))
    return {"": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


def faults(name: str, doc: str, signature: inspect.Signature) -> list[str]:
    """What a public function's docstring lacks."""
    found = sections(doc)
    faults = [] if found[""].strip() else [f"{name} says nothing before its sections"]
    described = set(re.findall(r"^ {4}\*{0,2}(\w+)(?: \([^)]*\))?:", found.get("Args", ""), re.MULTILINE))
    parameters = set(signature.parameters)
    if parameters - described:
        faults.append(f"{name} does not describe {sorted(parameters - described)} under Args")
    if described - parameters:
        faults.append(f"{name} describes {sorted(described - parameters)}, which it does not take")
    if not found.get("Returns", "").strip():
        faults.append(f"{name} does not say what it returns")
    if ">>>" not in found.get("Example", "") + found.get("Examples", ""):
        faults.append(f"{name} has no example that runs")
    bare = [p.name for p in signature.parameters.values() if p.annotation is inspect.Parameter.empty]
    if bare or signature.return_annotation is inspect.Signature.empty:
        faults.append(f"{name} is not fully annotated: {bare or 'return'}")
    return faults


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_every_public_module_says_what_it_is_for_and_lists_its_names(name):
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip()
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(is_public(member) and hasattr(module, member) for member in module.__all__)


def test_every_public_name_is_documented():
    bare = [f"{m}.{n}" for m, n in public_names() if not documentation(importlib.import_module(m), n).strip()]
    assert not bare, f"no documentation: {', '.join(bare)}"


def test_every_public_function_describes_its_arguments_its_result_and_shows_an_example():
    found = []
    for module, name in PUBLIC_FUNCTIONS:
        function = getattr(importlib.import_module(module), name)
        found += faults(f"{module}.{name}", inspect.getdoc(function) or "", inspect.signature(function))
    assert not found, "\n".join(found)


def test_every_public_method_is_documented():
    bare = []
    for module, name in public_names():
        value = getattr(importlib.import_module(module), name)
        if inspect.isclass(value):
            bare += [
                f"{module}.{name}.{member}"
                for member, method in vars(value).items()
                if is_public(member) and is_routine(method) and not inspect.getdoc(method)
            ]
    assert not bare, f"no documentation: {', '.join(bare)}"


GOOD = """Σ p log(p/q).

Args:
    p: probabilities.
    q: probabilities.

Returns:
    Nats.

Example:
    >>> 1 + 1
    2
"""


def good(p: float, q: float) -> float: ...
def without_annotation(p: float, q) -> float: ...
def with_another(p: float, q: float, r: float) -> float: ...
def with_fewer(p: float) -> float: ...


def test_the_documentation_check_can_fail():
    assert not faults("good", GOOD, inspect.signature(good))
    for function in (without_annotation, with_another, with_fewer):
        assert faults("changed", GOOD, inspect.signature(function))
    for cut in ("Σ p log(p/q).", "    q: probabilities.\n", "Returns:\n", "    >>> 1 + 1\n"):
        assert faults("changed", GOOD.replace(cut, ""), inspect.signature(good))


# --- one name, one text -----------------------------------------------------------------------------------

# An argument that truly means another thing in these functions than in the rest of their module.
TOKENS = "importance_weights sequence_sum token_kl token_kl_of_logits topk"  # of sampled tokens, not of draws
OTHERWISE = {
    "kljax": {"p": "entropy mutual_information"},
    "kljax.divergences": {"p": "entropy mutual_information"},
    "kljax.bounds": {"p": "kolchinsky_tracey"},
    "kljax.bregman": {
        "axis": "left_centroid right_centroid symmetrized_centroid",  # the batch's, not the points'
        "points": "right_centroid",
        "weights": "right_centroid",
    },
    "kljax.counts": {"method": "mutual_information conditional_entropy"},
    "kljax.generators": {"weight": "skew_reverse_kl"},
    "kljax.geometry": {
        "divergence": "fisher fisher_vector_product",  # without further arguments
        "radius": "kl_ball_maximum kl_ball_projection",
        "tolerance": "natural_gradient",
    },
    "kljax.logits": {"logits_q": "perplexity", "weights": "generalized_jensen_shannon"},
    "kljax.montecarlo": {
        "log_p": f"{TOKENS} log_normalizer",
        "log_q": "token_kl",
        "log_m": "importance_weights",
        "logits_q": "topk",
        "where": TOKENS,
        "axis": "importance_weights sequence_sum",
        "weights": "token_kl_of_logits",
        "gradient": "token_kl_of_logits",
        "draws_from": "entropy",
        "self_normalized": "entropy cross_entropy",
    },
    "kljax.plot": {"p": "outcomes", "names": "pairwise"},
    "kljax.probs": {"q": "perplexity", "weights": "generalized_jensen_shannon"},
    "kljax.samples": {
        "x": "mutual_information model_kl rank_models",
        "y": "mutual_information",
        "key": "energy_distance mmd model_kl rank_models",
        "k": "nearest",
        "method": "mutual_information",
        "model": "model_kl",
        "folds": "density_ratio",
    },
    "kljax.tables": {"columns": "profile", "seed": "profile", "table": "profile_like"},
    "kljax.testing": {"tolerance": "check_generator"},
    "kljax.variational": {
        "key": "from_numpyro",
        "layers": "coupling_flow",
        "log_weights": "pareto_smoothed",
        "params": "custom value_and_grad",
        "reparametrised": "custom",
    },
}
# What each divergence has of its own: the range of an order, the names of its estimators, the points of its domain.
OWN = {"order", "estimator", ("kljax.bregman", "x"), ("kljax.bregman", "y")}
ENTRY = re.compile(r"^ {4}\*{0,2}(\w+)(?: \([^)]*\))?: (.*?)(?=^ {4}\S|\Z)", re.MULTILINE | re.DOTALL)
REFERENCE = re.compile(r"^As in ``|, as (?:in|for) ``.*")


def described(doc: str, section: str = "Args") -> list[tuple[str, str]]:
    """(name, its text on one line) of each entry of a section; an exception may stand there twice."""
    return [(name, " ".join(text.split())) for name, text in ENTRY.findall(sections(doc).get(section, ""))]


def drift(docs: dict[str, str], otherwise: dict[str, str], own: set[str]) -> list[str]:
    """Arguments of one module's functions whose text does not begin as that of the others, which is word for word one.

    What follows that beginning is the function's own; "as in ``kl``" sends the reader there.
    """
    texts: dict[str, dict[str, str]] = {}
    for function, doc in docs.items():
        for name, text in described(doc):
            if name not in own and function not in otherwise.get(name, "").split() and not text.startswith("As in ``"):
                texts.setdefault(name, {})[function] = text
    found = []
    for name, by_function in texts.items():
        shared = [REFERENCE.sub("", text).rstrip(".") for text in by_function.values()]
        most = min(set(shared), key=lambda text: (-shared.count(text), len(text)))
        for function, text in by_function.items():
            if not text.startswith(most) and not most.startswith(text.rstrip(".")):
                found.append(f"{function}, {name}: {text!r}")
    return found


def docs_of(module: str) -> dict[str, str]:
    home = importlib.import_module(module)
    return {name: inspect.getdoc(getattr(home, name)) or "" for m, name in PUBLIC_FUNCTIONS if m == module}


@pytest.mark.parametrize("module", sorted({module for module, _ in PUBLIC_FUNCTIONS}))
def test_an_argument_that_means_the_same_is_described_in_the_same_words(module):
    own = {name if isinstance(name, str) else name[1] for name in OWN if isinstance(name, str) or name[0] == module}
    found = drift(docs_of(module), OTHERWISE.get(module, {}), own)
    assert not found, "\n".join(found)


def test_a_planted_drift_is_found():
    docs = docs_of("kljax.logits")
    planted = docs["kl"].replace("Divides the logits; a positive", "Divides both logits; a positive")
    assert planted != docs["kl"]
    found = drift({**docs, "kl": planted}, OTHERWISE["kljax.logits"], {"order"})
    assert len(found) == 1
    assert found[0].startswith("kl, temperature")


def test_what_is_listed_as_otherwise_is_there():
    for module, arguments in OTHERWISE.items():
        docs = docs_of(module)
        for argument, functions in arguments.items():
            taking = {one for one, doc in docs.items() if argument in dict(described(doc))}
            assert taking & set(functions.split()), (module, argument)
            assert taking - set(functions.split()), f"{module}: {argument} has no other meaning"


# What is said once, in docs/boundaries.md: an argument that is not as its text says raises, and how.
LIBRARY_WIDE = re.compile(
    r"floating|boolean|not callable|no function|wrong (?:type|kind|dtype)|not broadcast|do not fit|not a distribution"
    r"|no generator|out of range|outside \[|Python number|(?:option|name|method) is unknown|axes|not one number"
)


def repeated(doc: str) -> list[str]:
    """The entries of Raises that state what holds everywhere."""
    return [text for _, text in described(doc, "Raises") if LIBRARY_WIDE.search(text)]


def test_what_raises_everywhere_is_said_once():
    found = []
    for module, name in PUBLIC_FUNCTIONS:
        doc = inspect.getdoc(getattr(importlib.import_module(module), name)) or ""
        found += [f"{module}.{name}: {text}" for text in repeated(doc)]
    assert not found, "\n".join(found)
    assert "does not repeat it" in (ROOT / "docs" / "boundaries.md").read_text(encoding="utf-8")
    planted = "Σ p.\n\nRaises:\n    ValueError: If p is q.\n    TypeError: If an operand is\n        not floating.\n"
    assert repeated(planted) == ["If an operand is not floating."]


# --- code that is shown is code that runs -----------------------------------------------------------------


@pytest.fixture
def as_a_user():
    """JAX's own defaults for promotion, under which shown code runs."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def docstring_examples() -> list:
    """Every docstring with a prompt in it, read from the source, so that no wrapper can hide one."""
    found = []
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                doc = ast.get_docstring(node)
                if doc and ">>>" in doc:
                    name = f"{module_name(path)}.{getattr(node, 'name', '__doc__')}"
                    # These take seconds to compile, and their verbs are shown in the same way.
                    many = name.startswith(
                        ("kljax.quadrature.", "kljax.divergences.", "kljax.samples._f_div", "kljax.samples._pow")
                    )
                    kept = name.endswith((".kl", ".renyi", ".f_divergence", ".entropy", ".expectation", ".__doc__"))
                    found.append(pytest.param(name, doc, id=name, marks=pytest.mark.full if many and not kept else ()))
    return found


@pytest.mark.parametrize(("name", "doc"), docstring_examples())
@pytest.mark.usefixtures("as_a_user")
def test_docstring_examples(name, doc):
    examples = doctest.DocTestParser().get_doctest(doc, {}, name, None, 0)
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS, verbose=False)
    outcome = runner.run(examples, out=report.write)
    assert outcome.attempted > 0
    assert outcome.failed == 0, report.getvalue()


def code_blocks(text: str, language: str) -> list[tuple[int, str]]:
    """(line of the first line of code, code) of each fenced block in ``language``."""
    pattern = re.compile(rf"^```{language}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(text[: m.start(1)].count("\n") + 1, m.group(1)) for m in pattern.finditer(text)]


def run_page(text: str, filename: str) -> None:
    """Runs a page's Python blocks in one namespace.

    ``print(...)  # shown`` must print what is shown; a block followed by a block of ``text`` must print that text.
    """
    namespace: dict = {}
    outputs = {text[: m.start()].count("\n"): m.group(1) for m in re.finditer(OUTPUT, text)}
    for line, code in code_blocks(text, "python"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + code, filename, "exec"), namespace)
        shown = re.findall(r"^ *print\(.*\)  # (.*)$", code, re.MULTILINE)
        wanted = outputs.get(line + code.count("\n") - 1)
        right = printed.getvalue().splitlines() == shown if wanted is None else printed.getvalue() == wanted
        assert right, f"{filename}:{line} does not print what it shows but {printed.getvalue()!r}"


# The text that follows a block of code at once, from the end of that block on.
OUTPUT = re.compile(r"(?<=^```)\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def tool(name: str) -> types.ModuleType:
    """A script of docs/_tools as a module."""
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tutorial(page: Path) -> bool:
    return page.parent.name == "tutorials"


def slow_pages() -> list:
    return [
        pytest.param(page, id=str(page.relative_to(ROOT)), marks=pytest.mark.full if page.stem in LONG else ())
        for page in PAGES
    ]


@pytest.mark.parametrize("page", slow_pages())
@pytest.mark.usefixtures("as_a_user")
def test_code_on_the_pages_runs(page):
    if not tutorial(page):
        run_page(page.read_text(encoding="utf-8"), str(page))
        return
    figures = tool("figures")
    with figures.plt.rc_context(figures.STYLE):
        try:
            run_page(page.read_text(encoding="utf-8"), str(page))
            found = figures.faults(page, figures.open_figures())
        finally:
            figures.plt.close("all")
    assert not found, "\n".join(found)


def test_the_figures_of_the_tutorials_are_of_their_present_code():
    figures = tool("figures")
    kept = json.loads(figures.FRESH.read_text(encoding="utf-8"))
    pages = {page.stem: page for page in PAGES if tutorial(page) and figures.code_of(page)}
    assert set(kept) == set(pages)
    for name, page in pages.items():
        assert kept[name]["code"] == figures.digest(page), f"draw {name} again: python docs/_tools/figures.py"
        count = len(kept[name]["numbers"])
        assert count > 0
        for k in range(1, count + 1):
            for ending in ("", "-dark"):
                assert (figures.FIGURES / f"{name}-{k}{ending}.svg").stat().st_size < 200_000
                assert f"figures/{name}-{k}{ending}.svg" in page.read_text(encoding="utf-8")


def test_a_stale_figure_is_found():
    figures = tool("figures")
    page = figures.TUTORIALS / "vae.md"
    with figures.plt.rc_context(figures.STYLE):
        figure, ax = figures.plt.subplots()
        ax.plot([0.0, 1.0], [0.0, 1.0])
        try:
            assert figures.faults(page, []) != []
            assert "other numbers" in figures.faults(page, [figure])[0]
        finally:
            figures.plt.close("all")


def test_the_pages_of_the_reference_are_of_the_present_names():
    assert not tool("reference").stale(), "write them again: python docs/_tools/reference.py"


def test_every_public_name_is_on_one_page_of_the_reference():
    reference = tool("reference")
    written = "\n".join(page.read_text(encoding="utf-8") for page in sorted(reference.API.rglob("*.md")))
    directives = re.findall(r"^::: ([\w.]+)$", written, re.MULTILINE)
    assert len(directives) == len(set(directives))
    names = {f"{m}.{n}" for m in PUBLIC_MODULES if m not in reference.ELSEWHERE for n in reference.public(m)}
    assert set(directives) == names | (set(PUBLIC_MODULES) - set(reference.ELSEWHERE))


def test_the_gallery_has_every_example_and_lines_that_are_in_them():
    text = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    examples = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("[a-z]*.py")}
    assert set(re.findall(r"`(\w+\.py)`", text)) == set(examples)
    whole = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py"))
    shown = [line for _, code in code_blocks(text, "py") for line in code.splitlines() if line.strip()]
    assert len(shown) >= len(examples)
    assert not [line for line in shown if line.strip() not in whole]


def test_the_page_runner_can_fail():
    run_page("```python\nprint(1 + 1)  # 2\n```\n", "right")
    with pytest.raises(AssertionError, match="wrong:2"):
        run_page("```python\nprint(1 + 1)  # 3\n```\n", "wrong")
    run_page("```python\nprint(1)\nprint(2)\n```\n\n```text\n1\n2\n```\n", "right")
    with pytest.raises(AssertionError, match="wrong:2"):
        run_page("```python\nprint(1)\nprint(2)\n```\n\n```text\n1\n3\n```\n", "wrong")
    with pytest.raises(NameError):
        run_page("```python\nx = 1\n```\n\n```python\ny = x + z\n```\n", "broken")


# --- tables of values -------------------------------------------------------------------------------------


def table(page: str) -> list[list[str]]:
    """The cells of each row that begins with code, without that code's ticks."""
    rows = re.findall(r"^\| `(.*?)` \| (.*) \|$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)
    return [[code, *(cell.strip() for cell in re.split(r"(?<!\\)\|", rest))] for code, rest in rows]


PAIRS = [([1.0, 0.0], [0.5, 0.5]), ([0.5, 0.5], [1.0, 0.0]), ([1.0, 0.0], [0.0, 1.0])]


@pytest.mark.parametrize("row", table("boundaries.md"), ids=lambda row: row[0])
def test_the_values_at_the_boundaries_are_those_of_the_table(row):
    call, *shown = row
    assert len(shown) == len(PAIRS)
    for (p, q), value in zip(PAIRS, shown, strict=True):
        p, q = jnp.array(p), jnp.array(q)
        scope = {"probs": probs, "logits": logits, "p": p, "q": q, "log_p": jnp.log(p), "log_q": jnp.log(q)}
        from_probs = eval("probs." + call.replace("(", "(p, q, ", 1), scope)
        from_logits = eval("logits." + call.replace("(", "(log_p, log_q, ", 1), scope)
        assert (f"{from_probs:.4f}", f"{from_logits:.4f}") == (value, value)


@pytest.mark.parametrize("row", table("generators.md"), ids=lambda row: row[0])
def test_the_limits_of_the_generators_are_those_of_the_table(row):
    expression, _, at_zero, at_infinity, _ = row
    generator = eval(expression, vars(generators).copy())
    assert (f"{generator.at_zero:.4f}", f"{generator.at_infinity:.4f}") == (at_zero, at_infinity)


def test_the_table_of_generators_has_them_all():
    listed = {row[0].split("(")[0] for row in table("generators.md")}
    built_from_others = {"combine", "from_function", "reverse", "scale", "skew", "symmetrise"}
    assert listed == set(generators.__all__) - built_from_others - {"Generator"}


# --- what the project says of itself ----------------------------------------------------------------------


def test_the_quick_start_has_two_blocks_that_stand_alone():
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Quick start\n")[1].split("\n## ")[0]
    blocks = [code.splitlines() for _, code in code_blocks(section, "shell")]
    assert section.count("```") == 8
    assert blocks[:2] == [["make example"], ["make test"]]
    # Below them the same without make, which .ci/run takes where there is none.
    by_hand = blocks[2:]
    assert len(by_hand) == 2
    assert all(block[0] == "python3 -m venv .venv" for block in by_hand)
    assert all(line.startswith(".venv/bin/") for block in by_hand for line in block[1:])
    assert "examples/fit_q_to_p.py" in by_hand[0][-1]
    assert (ROOT / "examples" / "fit_q_to_p.py").is_file()
    assert by_hand[1][-1].endswith("-m pytest -n auto")


def test_make_runs_what_stands_below_it():
    """The lines by hand and the Makefile's recipes are the same commands."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Quick start\n")[1].split("\n## ")[0]
    for name, extra, (_, code) in zip(
        ("example", "test"), ("examples", "test"), code_blocks(section, "shell")[2:], strict=True
    ):
        venv, install, command = code.splitlines()
        assert venv.replace("python3", "$(PYTHON)").replace(".venv", "$(ENV)") in makefile
        assert install.replace(".venv/bin/", "$(BIN)/").replace(f"[{extra}]", "[$*]") in makefile
        assert f"\n{name}: $(ENV)/has-{extra} ## " in makefile
        command = command.replace(".venv/bin/", "$(BIN)/")
        assert f"\t{command}" in makefile.replace("$(PYTEST)", "$(BIN)/python -m pytest -n auto")


def test_the_readme_can_stand_on_a_package_index():
    """Every link is absolute, and leads to what pyproject.toml says is the project's."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = project["urls"]["Repository"], project["urls"]["Documentation"]
    raw = own[0].replace("github.com", "raw.githubusercontent.com") + "/main/"
    links = re.findall(r"\]\(([^)]*)\)", readme)
    assert len(links) >= 3
    for link in links:
        assert link.startswith((*own, raw)), link
        for start in (raw, f"{own[0]}/blob/main/"):
            if link.startswith(start):
                assert (ROOT / link.removeprefix(start)).is_file(), link
    picture = ROOT / links[0].removeprefix(raw)
    assert picture.stat().st_size < 150_000


def test_the_version_is_the_same_everywhere():
    """It is written in the package alone; the citation and the last release of the changelog follow."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["hatch"]["version"]["path"] == "kljax/__init__.py"
    assert f"\nversion: {kljax.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    releases = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert releases[:2] == ["Unreleased", kljax.__version__] or releases == ["Unreleased"]


def test_the_table_of_functions_and_modules_is_true() -> None:
    text = (ROOT / "docs" / "choose.md").read_text(encoding="utf-8").partition("## Which function stands where?")[2]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    modules = [name.strip("`") for name in rows[0][1:]]
    units = [importlib.import_module("kljax" if name == "kljax" else f"kljax.{name}") for name in modules]
    listed = [row[0].strip("`") for row in rows[2:]]
    assert len(listed) == len(set(listed)) > 20
    assert {"kl", *_verbs(probs), *_verbs(hidden)} <= set(listed) | {"log_partition"}
    shared = [
        name for k, unit in enumerate(units) for name in _verbs(unit) if any(name in u.__all__ for u in units[:k])
    ]
    assert set(shared) <= set(listed)
    for name, *dots in rows[2:]:
        there = [name.strip("`") in unit.__all__ for unit in units]
        assert [dot == "●" for dot in dots] == there, name


def test_the_same_argument_stands_in_the_same_place() -> None:
    modules = {module for module, name in PUBLIC_FUNCTIONS if name == "f_divergence"} - {"kljax.variational"}
    assert len(modules) > 6
    for module in modules:
        third = list(inspect.signature(importlib.import_module(module).f_divergence).parameters.values())[2]
        assert (third.name, third.kind) == ("generator", inspect.Parameter.POSITIONAL_OR_KEYWORD), module
    for module, name in PUBLIC_FUNCTIONS:
        parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
        if name in ("alpha", "renyi", "tsallis") and module != "kljax.plot":
            assert "order" in parameters, (module, name)
    with pytest.raises(TypeError, match="Did you mean order"):
        variational.renyi(alpha=0.5)


def test_renyi_and_bhattacharyya_stand_in_one_file_of_each_module() -> None:
    for module, name in PUBLIC_FUNCTIONS:
        if name == "bhattacharyya":
            home = importlib.import_module(module)
            files = {inspect.unwrap(one).__module__ for one in (home.renyi, home.bhattacharyya)}
            assert len(files) == 1, files


def _verbs(module: types.ModuleType) -> set[str]:
    return {name for name in module.__all__ if name.islower() and is_routine(getattr(module, name))}
