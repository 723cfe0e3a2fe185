"""The house stays in order: lint, format, types, import contracts, and habits that a machine can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
ROOMS = ("app", "geo", "tiles", "migrations")
SOURCES = sorted(path for room in (*ROOMS, "tests", "benchmarks") for path in (REPOSITORY / room).rglob("*.py"))

#: A generated list of tables, in their order.
LONG = {"migrations/versions/0001_tables.py"}
FORBIDDEN = {"utils", "util", "helpers", "common", "base", "manager", "services", "repository", "crud", "misc"}

#: A rule set aside, and what is said of it after its codes.
EXCEPTION = re.compile(r"# (?:noqa(?:: ?[A-Z0-9, ]+\b)?|type: ignore(?:\[[a-z, -]+\])?)(.*)")

COMMANDS = [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)]
STATEMENTS = sorted(path for room in ("geo", "tiles") for path in (REPOSITORY / room).rglob("*.sql"))


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_tools_find_nothing(command: tuple[str, ...]) -> None:
    run(sys.executable, "-m", *command)


def test_imports_keep_their_contracts() -> None:
    run(str(Path(sys.executable).parent / "lint-imports"), "--no-cache")


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_module_can_be_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= 450 or named(path) in LONG, f"{lines} lines: which second thought is in it?"
    assert path.stem not in FORBIDDEN, "name it by what it is about"
    if not named(path).startswith("tests") and lines:
        assert ast.get_docstring(ast.parse(text)), "say why it exists"


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parts[-2] != "versions"], ids=named)
def test_every_exception_from_a_rule_has_a_reason(path: Path) -> None:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if path != Path(__file__) and (found := EXCEPTION.search(line)):
            assert re.search(r"[a-z]{2}.* .*[a-z]{2}", found.group(1)), f"{named(path)}:{number} says no reason"


@pytest.mark.parametrize("path", STATEMENTS, ids=named)
def test_statements_belong_to_a_module(path: Path) -> None:
    assert path.parent.name == "sql"
    assert (path.parent.parent / f"{path.stem}.py").is_file()
