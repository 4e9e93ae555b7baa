"""The package's shape: imports point down, `__init__` is short, and importing it loads nothing heavy."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import oci_httpx_auth
import oci_httpx_auth.testing

ROOT = Path(oci_httpx_auth.__file__).parent
CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"

# From the top down. A module imports from its own floor and those below; `testing` stands apart, with its own code.
FLOORS = {
    "agents": ["agents"],
    "clients and commands": ["__main__", "_curl", "_openai_http", "adapters", "diagnosis", "openai"],
    "the hook": ["_log", "_signer"],
    "where a credential comes from": ["credentials"],
    "asking an auth service": ["_auth_service"],
    "how a request is signed": ["_signing"],
    "values and words that all share": ["_causes", "_credential", "_errors", "_hosts", "_secrecy", "_verdicts"],
}
LEVEL = {name: level for level, names in enumerate(FLOORS.values()) for name in names}


def level(module: str) -> int:
    """The floor of a module, counted from the top."""
    return LEVEL[module.split(".")[0]]


def modules() -> dict[str, Path]:
    """The package's modules by their dotted name below it, without the doors and the stand-in."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in ROOT.rglob("*.py")
        if path.name != "__init__.py" and path.relative_to(ROOT).parts[0] != "testing"
    }


def imported(path: Path) -> tuple[set[str], set[str]]:
    """What a module imports: our own modules, by dotted name, and the top-level names of others."""
    own, foreign = set(), set()
    depth = len(path.relative_to(ROOT).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            foreign |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            foreign.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: depth - node.level]
            own.add(".".join([*package, *(node.module or "").split(".")]).strip("."))
    return own, foreign


def test_the_map_for_contributors_is_this_table() -> None:
    """CONTRIBUTING.md lists the same places, floor by floor, and the stand-in last."""
    rows = re.findall(r"^\| (`.+`) \| .+ \|$", CONTRIBUTING.read_text(), re.MULTILINE)
    places = [sorted(name.rstrip("/") for name in re.findall(r"`(.+?)`", row)) for row in rows]
    assert places == [*(sorted(names) for names in FLOORS.values()), ["testing"]]


TESTS = Path(__file__).parent
CAMPAIGNS = {"campaigns", "docs", "frameworks"}  # what crosses modules, what documents say, what others' code does

# Tests of no single module. All others are `test_<module>.py`, or `test_<module>_<aspect>.py`, where the module's path leads.
ELSEWHERE = {
    "diagnosis/test_diagnosis": "`check` itself, which is in the package's `__init__`",
    "test_conftest": "the tests' own pool of keys",
    "test_layout": "the package as a whole",
    "test_packaging": "the wheel",
    "testing/test_endpoints": "what examples/endpoints adds to the stand-in",
    "testing/test_generative_ai": "Generative AI's refusals as openai raises them and `check` reads them",
    "testing/test_resource_principals": "what tests/standin.py adds to the stand-in",
    "testing/test_strictness": "what all endpoints of Generative AI refuse for the same reasons",
}


def test_every_module_has_a_test_file_beside_it() -> None:
    """Whoever opens a module finds its tests at the same path below tests/, without the underscores."""
    paths = [path.relative_to(ROOT) for path in ROOT.rglob("*.py") if path.name != "__init__.py"]
    wanted = {
        TESTS.joinpath(*(part.strip("_") for part in path.parent.parts), f"test_{path.stem.strip('_')}.py")
        for path in paths
    }
    files = {file for file in TESTS.rglob("test_*.py") if file.relative_to(TESTS).parts[0] not in CAMPAIGNS}
    assert sorted(wanted - files) == []
    aspects = {
        file
        for file in files
        if any(file.name.startswith(f"{module.stem}_") for module in wanted if module.parent == file.parent)
    }
    others = {file.relative_to(TESTS).with_suffix("").as_posix() for file in files - wanted - aspects}
    assert others == set(ELSEWHERE)


def test_no_test_file_imports_from_another() -> None:
    """What several of them need is in `conftest.py` or a helper beside it, once."""
    imports = {
        path: re.findall(r"^from [\w.]*\btest_\w+ import", path.read_text(), re.MULTILINE)
        for path in TESTS.rglob("*.py")
    }
    assert {path: found for path, found in imports.items() if found} == {}


def test_the_paths_of_tests_that_are_named_exist() -> None:
    """In the gate, in tox.ini, and in what contributors read."""
    root = TESTS.parent
    gate = "\n".join(re.findall(r"^(?:clients|core)=\(.*\)$", (root / ".ci" / "run").read_text(), re.MULTILINE))
    assert gate.count("\n") == 1
    script = f'{gate}; printf "%s\\n" "${{clients[@]}}" "${{core[@]}}"'
    listed = subprocess.run(["bash", "-c", script], cwd=root, capture_output=True, text=True, check=True).stdout
    texts = [listed.replace(f"{root}/", ""), (root / "tox.ini").read_text().replace("{/}", "/")]
    texts += [path.read_text() for path in (root / "CONTRIBUTING.md", *(root / "docs").glob("*.md"))]
    named = set(re.findall(r"(?<![\w/.-])tests/[\w/]+(?:\.\w+)?", "\n".join(texts)))
    assert len(named) > 20
    assert [name for name in named if not (root / name).exists()] == []


def test_every_module_has_its_floor() -> None:
    """A new module or package must be added to the table on purpose."""
    assert {name.split(".")[0] for name in modules()} == set(LEVEL)


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_point_down(name: str) -> None:
    """No module imports from a floor above its own."""
    own, _ = imported(modules()[name])
    for other in own:
        assert level(other) >= level(name), f"{name} imports {other}"


def test_no_imports_in_a_circle() -> None:
    """Imports have an order within a floor too."""
    graph = {name: imported(path)[0] for name, path in modules().items()}
    list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("name", sorted(modules()))
def test_heavy_packages_are_imported_where_they_belong(name: str) -> None:
    """openai and agents in the modules named after them, the oci SDK only in the bridge to it."""
    _, foreign = imported(modules()[name])
    assert "openai" not in foreign or name in ("openai", "_openai_http", "agents")
    assert "agents" not in foreign or name == "agents"
    assert "oci" not in foreign or name == "credentials.sdk"


def test_the_stand_in_shares_nothing_with_the_signer() -> None:
    """A mistake shared by both sides would go unnoticed."""
    for path in (ROOT / "testing").rglob("*.py"):
        own, foreign = imported(path)
        assert all(other.split(".")[0] == "testing" for other in own), path
        assert "oci_httpx_auth" not in foreign or path.name == "__main__.py", path


def test_public_names_are_listed_sorted_and_there() -> None:
    """`__all__` is the sorted list of the package's public names."""
    assert oci_httpx_auth.__all__ == sorted(oci_httpx_auth.__all__)
    public = {
        name
        for name, value in vars(oci_httpx_auth).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("oci_httpx_auth.")
    }
    assert public == set(oci_httpx_auth.__all__)


def test_importing_the_package_imports_nothing_heavy() -> None:
    """Neither the SDK, nor openai, nor agents."""
    program = "import sys, oci_httpx_auth; print(sorted({'oci', 'openai', 'agents', 'requests'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_works_without_httpx2_and_with_the_alias() -> None:
    """httpx2 is used if installed and never required; after `alias_httpx()` there is one base class."""
    without = "import sys; sys.modules['httpx2'] = None\nimport httpx, oci_httpx_auth as o; print(issubclass(o.OCISigner, httpx.Auth))"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    pytest.importorskip("httpx2")
    aliased = "import httpx2; httpx2.alias_httpx()\nimport httpx, oci_httpx_auth as o; print(issubclass(o.OCISigner, httpx.Auth), httpx is httpx2)"
    done = subprocess.run([sys.executable, "-c", aliased], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True True"


def test_it_imports_nothing_of_the_library_that_it_verifies() -> None:
    """A mistake in the signer cannot be in the verifier too."""
    directory = Path(oci_httpx_auth.testing.__file__).parent
    allowed = {*sys.stdlib_module_names, "cryptography", "httpx", "httpx2", "anyio"}
    for path in directory.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1, f"{path.name} imports from outside its package"
                assert (directory / f"{node.module}.py").exists()
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                assert {str(name).split(".")[0] for name in names} <= allowed, path.name
