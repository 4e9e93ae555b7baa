"""The frameworks' matrix: what is read from `examples/frameworks/matrix.toml`, and what is made from it.

`python -m tests.frameworks.matrix` writes the table of docs/frameworks.md and the requirements of the tox environments.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "frameworks"
PAGE = ROOT / "docs" / "frameworks.md"
REQUIREMENTS = EXAMPLES / "requirements"
BEGIN, END = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"


@dataclass(frozen=True)
class Framework:
    """One row. `also` are versions that other environments run, `needs` what its example needs besides."""

    name: str
    package: str
    version: str
    environment: str
    example: str
    way: str
    watch: str
    install: str = ""
    also: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    core: bool = False

    @property
    def requirement(self) -> str:
        return f"{self.install or self.package}=={self.version}.*"

    @property
    def versions(self) -> list[str]:
        return [*self.also, self.version]


@dataclass(frozen=True)
class Matrix:
    environments: dict[str, list[str]]
    frameworks: list[Framework] = field(default_factory=list)

    def requirements(self, environment: str) -> str:
        """The requirements file of an environment; that of `core-openai3` has the core's rows of `openai3` alone."""
        base = environment.removeprefix("core-")
        rows = [row for row in self.frameworks if row.environment == base and (row.core or base == environment)]
        lines = {*self.environments[base], *(line for row in rows for line in (row.requirement, *row.needs))}
        return "# Made from matrix.toml.\n" + "".join(f"{line}\n" for line in sorted(lines))

    def files(self) -> dict[Path, str]:
        """The requirements files by their paths."""
        cores = sorted({f"core-{row.environment}" for row in self.frameworks if row.core})
        return {REQUIREMENTS / f"{name}.txt": self.requirements(name) for name in [*self.environments, *cores]}

    def table(self) -> str:
        """The table of docs/frameworks.md."""
        lines = ["| framework | tested with | environment | how | watch out for |", "| --- | --- | --- | --- | --- |"]
        for row in self.frameworks:
            cells = [
                f"[{row.name}](../{row.example})",
                f"{row.package} {', '.join(row.versions)}",
                row.environment,
                row.way,
                row.watch,
            ]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


def read() -> Matrix:
    """The matrix. Needs Python 3.11, as its environments do."""
    import tomllib

    document: dict[str, Any] = tomllib.loads((EXAMPLES / "matrix.toml").read_text(encoding="utf-8"))
    rows = []
    for given in document["framework"]:
        lists = {"also": tuple(given.pop("also", ())), "needs": tuple(given.pop("with", ()))}
        rows.append(Framework(**given, **lists))
    environments = {name: about["requires"] for name, about in document["environments"].items()}
    return Matrix(environments, rows)


def page(matrix: Matrix) -> str:
    """docs/frameworks.md with the table as it should be."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    return before + begin + matrix.table() + end + after


def main() -> None:
    matrix = read()
    PAGE.write_text(page(matrix), encoding="utf-8")
    REQUIREMENTS.mkdir(exist_ok=True)
    for path, text in matrix.files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
