"""The shape of the package: imports point down the layers, files stay short, and importing loads only jax."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kljax

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kljax"
FILES = sorted(PACKAGE.rglob("*.py"))

# A unit is a module or a package directly below kljax; it imports from units of lower layers and from itself.
# The kernels evaluate generators, so they stand between those and the modules that a user calls.
LAYERS = {
    unit: layer
    for layer, units in enumerate(
        [
            ["_special", "_types"],
            ["_checked", "_checks", "_formatting", "_names", "_prompt", "_records"],
            ["_values"],
            ["_operands", "_watch"],
            ["_entry"],
            ["_units", "generators", "bregman"],
            ["_kernels"],
            ["probs", "logits", "hidden", "expfam", "quadrature", "montecarlo", "counts"],
            ["families"],
            ["interop"],
            ["divergences"],
            ["bounds", "geometry", "variational", "testing"],
            ["samples"],
            ["tables", "plot"],
            ["__init__", "__main__"],
        ]
    )
    for unit in units
}
LINE_LIMIT = 400
# What `import kljax` must leave alone: none of it is needed to compute a divergence.
OPTIONAL = {
    *("chex", "distrax", "flax", "matplotlib", "mpmath", "numpyro", "optax", "orbax", "pandas", "sklearn"),
    *("tensorflow", "tensorflow_probability", "torch", "tqdm"),
    *("dask", "duckdb", "ibis", "narwhals", "polars", "pyarrow", "pyspark", "sqlframe"),
}


def unit_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_units(source: str, package: str) -> set[str]:
    """The units of kljax that a file of ``package`` ("kljax" or a subpackage's dotted name) imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names.update(f"{base}.{alias.name}" for alias in node.names)
    inside = [name.split(".") for name in names if name.split(".")[0] == "kljax"]
    # `from kljax import kl` reads a name of the top; `from kljax import probs` is the unit probs.
    return {parts[1] if len(parts) > 1 and parts[1] in LAYERS else "__init__" for parts in inside}


def upward_imports(unit: str, imported: set[str]) -> set[str]:
    return {other for other in imported if other != unit and LAYERS[other] >= LAYERS[unit]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    unit = unit_of(path)
    assert unit in LAYERS, f"{unit} has no layer: add it to LAYERS and to the design."
    package = ".".join(path.parent.relative_to(ROOT).parts)
    upward = upward_imports(unit, imported_units(path.read_text(encoding="utf-8"), package))
    assert not upward, f"{unit} is in layer {LAYERS[unit]} and imports from {sorted(upward)}, which are not below it."


@pytest.mark.parametrize(
    ("unit", "package", "source"),
    [
        ("_special", "kljax", "from kljax import generators"),
        ("_special", "kljax", "import kljax.logits as rows"),
        ("generators", "kljax", "from kljax.probs import kl"),
        ("bregman", "kljax", "from .generators import Generator"),
        ("_kernels", "kljax._kernels", "from ..logits import kl"),
        ("_kernels", "kljax._kernels", "from .. import logits"),
        ("probs", "kljax", "def late():\n    from kljax.testing import check_divergence"),
        ("logits", "kljax", "from kljax import kl"),
        ("probs", "kljax", "import kljax"),
    ],
)
def test_an_upward_import_is_caught(unit, package, source):
    assert upward_imports(unit, imported_units(source, package))


@pytest.mark.parametrize(
    ("unit", "package", "source"),
    [
        ("logits", "kljax", "from kljax import _checks, generators\nfrom kljax._kernels import rows\nimport jax"),
        (
            "_kernels",
            "kljax._kernels",
            "from . import reference\nfrom .chunked import row\nfrom .._special import divide",
        ),
        ("testing", "kljax", "import chex\nfrom kljax.probs import kl"),
    ],
)
def test_a_downward_import_is_allowed(unit, package, source):
    assert not upward_imports(unit, imported_units(source, package))


# What a package shows to the others stands in its __init__ and in its _internal.py.
FACE = "_internal"


def private_imports(source: str, package: str) -> set[str]:
    """What a file of ``package`` imports that another package of kljax keeps to itself: a private file or name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        for name in names:
            root, unit, *inside = (*name.split("."), "")[:2] + tuple(name.split(".")[2:])
            if root == "kljax" and [root, unit] != package.split(".")[:2]:
                found |= {name for part in inside if part.startswith("_") and part != FACE}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_package_reaches_into_another(path):
    package = ".".join(path.parent.relative_to(ROOT).parts)
    unit = package if path.parent != PACKAGE else f"kljax.{path.stem}"
    private = private_imports(path.read_text(encoding="utf-8"), unit)
    assert not private, f"{sorted(private)}: show it in that package's {FACE}.py, or use what is shown there."


@pytest.mark.parametrize(
    "source",
    [
        "from kljax.families._record import filled",
        "from kljax.families import _record",
        "import kljax.families._record as record",
        "from kljax._special.gamma import _series",
        "def late():\n    from ..families._normal import Normal",
    ],
)
def test_a_planted_import_is_refused(source):
    assert private_imports(source, "kljax.divergences")


@pytest.mark.parametrize(
    "source",
    [
        "from kljax.divergences._forms import lines",
        "from . import _pairs",
        "from kljax.families._internal import filled",
        "from kljax import _checks",
        "from kljax._special.gamma import digamma",
    ],
)
def test_the_face_of_a_package_is_open(source):
    assert not private_imports(source, "kljax.divergences")


def test_the_layers_name_no_file_twice():
    """A unit is either a module or a package, so a layer speaks of one thing."""
    units = [path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()]
    assert len(units) == len(set(units))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short(path):
    count = len(path.read_text(encoding="utf-8").splitlines())
    assert count < LINE_LIMIT, f"{path.name} has {count} lines: split it by concept."


def roots_loaded_by(code: str) -> set[str]:
    """The top-level packages in sys.modules after a fresh interpreter has run ``code``."""
    command = [
        sys.executable,
        "-c",
        f"{code}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(result.stdout.split())


def test_importing_kljax_loads_nothing_until_a_name_is_asked_for():
    loaded = roots_loaded_by("import kljax\nassert 'kljax.divergences' not in __import__('sys').modules")
    assert "jax" not in loaded


# What steps, fits and checks: optax and chex are theirs, and scipy that of samples, tables and plot.
BRING_THEIR_OWN = {"geometry", "plot", "samples", "tables", "testing", "variational"}


def test_every_name_is_reached_from_the_top_and_loads_jax_and_nothing_optional():
    names = sorted(set(kljax.__all__) - BRING_THEIR_OWN)
    loaded = roots_loaded_by(f"import kljax\nfor name in {names}: getattr(kljax, name)")
    assert {"jax", "kljax"} <= loaded
    assert not loaded & OPTIONAL
    # Whatever jax itself loads is paid for already; beyond that, the package brings only itself and the stdlib.
    beyond = loaded - roots_loaded_by("import jax, jax.numpy, jax.experimental.checkify")
    assert beyond <= {"kljax"} | sys.stdlib_module_names


def test_the_top_names_all_that_it_reaches():
    assert set(kljax.__all__) == {*kljax._MODULES, *kljax._VERBS, *kljax._OTHERS}
    shown = {
        alias.name
        for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kljax")
        for alias in node.names
    }
    assert shown == set(kljax.__all__)  # what type checkers see is what there is
    assert set(kljax.__all__) <= set(dir(kljax))
    with pytest.raises(AttributeError, match="no attribute 'kl_divergenz'"):
        _ = kljax.kl_divergenz


def test_the_import_check_can_fail():
    assert "optax" in roots_loaded_by("import kljax, optax") & OPTIONAL
