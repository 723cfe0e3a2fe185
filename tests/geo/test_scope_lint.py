"""Nobody is answered without a scope: walks the syntax tree of what reads the mirror, and of `app` for stray SQL."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent

#: Types through which household or tally data come in.
SOURCES = {"Snapshot", "AsyncConnection", "AsyncEngine", "Database"}

#: Functions that take such a source and no scope, each with the reason.
ALLOWED = {
    "geo/watch/live.py": {
        "load": "the mirror itself: sees everything, answers nobody",
        "advance": "the mirror itself: sees everything, answers nobody",
        "hear": "the mirror itself: sees everything, answers nobody",
    },
    "geo/watch/news.py": {"load": "part of the mirror: sees everything, answers nobody"},
    "geo/watch/coverage.py": {
        "select": "numbers of areas; shapes and codes are public",
        "above": "names of areas",
        "describe": "what an area is, without any count",
        "places": "what areas are, without any count",
    },
    "geo/watch/odds.py": {"sample": "blocks all over the campaign, of which nothing but shares is told"},
    "geo/watch/plan.py": {
        "elsewhere": "shares of the campaign's visits: no number, no place",
        "look_around": "shares of the campaign's visits: no number, no place",
        "checked": "codes of a team that was found by scope",
    },
    "geo/watch/stops.py": {"of_callback": "a row that was read by scope, in another form"},
    "geo/watch/teams.py": {"day_of": "a date by the campaign's clock"},
    "geo/watch/changes.py": {"columns": "figures that were chosen by scope, in other units"},
    "geo/watch/grid.py": {"centres": "where cells lie; which, was chosen by scope"},
    "tiles/released.py": {
        "ground": "zooms and bounds of what is published: shapes are public",
        "tile": "through the login that sees what is published, and of that what its actor may",
    },
    "tiles/sites.py": {"tile": "sites are public places", "bounds": "where public places lie"},
    "geo/publish/sites.py": {
        "current": "sites are public places",
        "newest": "a number of the list of sites",
        "villages": "names of areas",
        "versions": "who changed the list of sites, for those who keep it",
        "kept_by": "it is the scope itself",
    },
    "geo/publish/site_doubts.py": {"settled": "where families are expected, which is published; answers nobody"},
    "geo/publish/ledger.py": {"known": "the input of a release and of sums: makes a table, answers nobody"},
    "tiles/geometry.py": {
        "first_zoom": "how densely blocks lie: shapes are public",
        "cells_over": "every cell of a tile, whether anybody lives there or not",
        "build_areas": "outlines, codes and names: public",
        "build_cells": "hexagons of all cells of a tile, which say nothing of anybody",
    },
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    """Public functions of a module, and public methods of its classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            for child in node.body:
                if isinstance(child, Function) and not child.name.startswith("_"):
                    yield child


def names_in(annotation: ast.expr | None) -> set[str]:
    """Every name in an annotation, also in one that is quoted."""
    if annotation is None:
        return set()
    found = {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)}
    found |= {n.attr for n in ast.walk(annotation) if isinstance(n, ast.Attribute)}
    for quoted in ast.walk(annotation):
        if isinstance(quoted, ast.Constant) and isinstance(quoted.value, str):
            found |= names_in(ast.parse(quoted.value, mode="eval").body)
    return found


def wanting(path: Path, allowed: set[str]) -> list[str]:
    """Public functions that read a source and take no `scope: Scope`."""
    found = []
    for function in functions(path):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        reads = any(names_in(argument.annotation) & SOURCES for argument in arguments)
        scoped = any(argument.arg == "scope" and "Scope" in names_in(argument.annotation) for argument in arguments)
        if reads and not scoped and function.name not in allowed:
            found.append(f"{path.name}: {function.name}")
    return found


#: Modules that answer nobody, or that read through the login of releases, which hides by itself.
APART = {
    *("terms.py", "publisher.py", "freeze.py", "preview.py", "making.py"),  # the operator makes releases
    *("published.py", "compare.py", "leaves.py", "programmes.py"),
}

MODULES = sorted(
    path
    for room in ("geo/watch", "geo/publish", "tiles")
    for path in (REPOSITORY / room).rglob("*.py")
    if not (path.name in APART and path.parent.name == "publish")
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_whoever_answers_takes_a_scope(path: Path) -> None:
    allowed = ALLOWED.get(str(path.relative_to(REPOSITORY)), {})
    assert wanting(path, set(allowed)) == []
    # the list of exceptions stays true: each names a function that is there and would fail without it
    for name in allowed:
        assert any(line.endswith(f": {name}") for line in wanting(path, set(allowed) - {name})), (
            f"{name} needs no entry"
        )


def test_the_lint_bites(tmp_path: Path) -> None:
    bad = tmp_path / "leak.py"
    bad.write_text(
        "async def every_household(db: AsyncConnection, within: int) -> list[str]: ...\n"
        "def totals(live: 'Snapshot | None') -> int: ...\n"
        "def other(scope: str, live: live.Snapshot) -> int: ...\n"
        "def masked(live: Snapshot, scope: Scope) -> int: ...\n"
        "def _inner(live: Snapshot) -> int: ...\n"
        "class Report:\n    def rows(self, *, live: Snapshot) -> int: ...\n"
    )
    assert wanting(bad, set()) == ["leak.py: every_household", "leak.py: totals", "leak.py: other", "leak.py: rows"]


def test_every_function_has_annotated_arguments() -> None:
    """The lint goes by annotations, so there must be some (mypy says so too)."""
    for path in MODULES:
        for function in functions(path):
            for argument in [*function.args.args, *function.args.kwonlyargs]:
                assert argument.annotation is not None or argument.arg in {"self", "cls"}, (
                    f"{path.name}: {function.name}"
                )


# ── app contains no SQL ───────────────────────────────────────────────────────────────────────────────────────────

#: Beginnings of statements.
WORDS = (
    *("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "ALTER ", "DROP ", "TRUNCATE ", "GRANT ", "WITH ", "SET "),
    *("LISTEN ", "NOTIFY "),
)

#: Modules with statements that are not for our tables.
OTHERS = {
    "app/embedded.py",  # keeps the server itself: it makes the database and its roles
    "app/demo/device.py",  # a phone's queue, in a SQLite file of its own
}


def sql_in(path: Path) -> list[str]:
    """Calls of `text()` and strings that begin like statements; docstrings apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | Function) and node.body and isinstance(node.body[0], ast.Expr)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "text" for alias in node.names):
            if (node.module or "").startswith("sqlalchemy"):
                found.append(f"{path.name}:{node.lineno} imports text")
        elif isinstance(node, ast.Attribute) and node.attr == "exec_driver_sql":
            found.append(f"{path.name}:{node.lineno} runs a driver's statement")
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documents
            and node.value.lstrip().startswith(WORDS)
        ):
            found.append(f"{path.name}:{node.lineno} {node.value[:40]!r}")
    return found


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "app").rglob("*.py")), ids=lambda path: str(path.relative_to(REPOSITORY))
)
def test_app_contains_no_sql(path: Path) -> None:
    if str(path.relative_to(REPOSITORY)) not in OTHERS:
        assert sql_in(path) == []


def test_the_search_for_sql_bites(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        '"""SELECT in a docstring is none."""\nfrom sqlalchemy import text\nQ = f"SELECT 1 FROM {1}"\n'
        'c.exec_driver_sql("x")\nd = "Select a layer"\n'
    )
    assert len(sql_in(bad)) == 3
    assert sql_in(REPOSITORY / "app" / "embedded.py") != []
