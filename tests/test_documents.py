"""The guide stays true: every setting, route, command, error, reason and word is in it, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.routing import iter_route_contexts

from app.cli import app as commands
from app.database import Logins
from app.errors import STATUS_OF_CODE
from app.main import create_app
from app.settings import Settings
from geo.intake.reasons import Reason
from geo.publish.judging import LedgerReason
from geo.publish.site_doubts import SiteDoubt
from geo.publish.site_rows import SiteReason

REPOSITORY = Path(__file__).parent.parent
GUIDE = REPOSITORY / "docs" / "guide"


def page(name: str) -> str:
    return (GUIDE / f"{name}.md").read_text(encoding="utf-8")


def quoted(name: str) -> set[str]:
    """Everything between backticks."""
    return set(re.findall(r"`([^`\n]+)`", page(name)))


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def variables() -> set[str]:
    return {"DATABASE_URL" if n == "database_url" else f"CAKUPAN_{n.upper()}" for n in Settings.model_fields}


def test_every_setting_is_described() -> None:
    assert variables() <= quoted("settings")


def test_every_described_setting_is_there() -> None:
    described = set(re.findall(r"^\| `([A-Z_]+)`", page("settings"), re.MULTILINE))
    assert described == variables()


@pytest.mark.parametrize("name", [n for n, f in Settings.model_fields.items() if not f.default_factory])
def test_defaults_are_as_described(name: str) -> None:
    default = Settings.model_fields[name].default
    shown = {True: "true", False: "false"}.get(default, str(default))
    if default not in (None, "", ()):
        line = next(line for line in page("settings").splitlines() if f"`CAKUPAN_{name.upper()}`" in line)
        assert f"`{shown}`" in line.split("|")[2]


# ── routes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def routes() -> set[str]:
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    app = create_app(Settings(_env_file=None), Logins(nowhere, nowhere, nowhere, nowhere))
    found = set()
    for context in iter_route_contexts(app.routes):
        path = str(context.path).replace(":path}", "}")
        found |= {f"{method} {path}" for method in context.methods or () if method != "HEAD"}
    return found


def test_every_route_is_described_and_no_other() -> None:
    described = {word for word in quoted("api") if re.match(r"(GET|POST|PUT|PATCH|DELETE) /", word)}
    assert described == routes()


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────


def names(command: Any, before: tuple[str, ...] = ()) -> Iterator[str]:
    if hasattr(command, "commands"):
        for name, inside in command.commands.items():
            yield from names(inside, (*before, name))
    else:
        yield " ".join(before)


def test_every_command_is_described_and_no_other() -> None:
    there = set(names(typer.main.get_command(commands)))
    described = set(re.findall(r"^\| `([a-z ]+)`", page("commands"), re.MULTILINE))
    assert described == there | {"test"}  # which the launcher runs itself


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────


def codes_in(path: Path) -> Iterator[str]:
    """Codes of error classes, codes given as `code="…"`, and those of `problem(…)`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            given = [k.value for k in node.keywords if k.arg == "code"]
            if isinstance(node.func, ast.Name) and node.func.id == "problem":
                given += node.args[1:2]
            yield from (g.value for g in given if isinstance(g, ast.Constant) and isinstance(g.value, str))
        elif isinstance(node, ast.ClassDef):
            for line in node.body:
                if (
                    isinstance(line, ast.Assign)
                    and isinstance(line.targets[0], ast.Name)
                    and line.targets[0].id == "code"
                    and isinstance(line.value, ast.Constant)
                ):
                    yield str(line.value.value)


def codes() -> set[str]:
    found = set(STATUS_OF_CODE)
    for room in ("app", "geo", "tiles", "migrations"):
        for path in (REPOSITORY / room).rglob("*.py"):
            found |= set(codes_in(path))
    return found


def described_codes() -> set[str]:
    lines = [line for line in page("errors").splitlines() if line.startswith("| `")]
    return {code for line in lines for code in re.findall(r"`([^`]+)`", line.split("|")[1])}


def test_every_error_is_described() -> None:
    assert len(codes()) > 40
    assert codes() - described_codes() == set()


def test_every_described_error_is_there() -> None:
    reasons = {*Reason, *LedgerReason, *SiteReason, *SiteDoubt}
    assert described_codes() - codes() - reasons == {"http-404", "http-405"}


def test_every_reason_is_described() -> None:
    assert {*Reason, *LedgerReason, *SiteReason, *SiteDoubt} <= described_codes()


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = {
    "campaign", "area", "block", "edition", "number", "expected", "household", "submission", "receipt", "quarantine",
    "cell", "tally", "fold", "epoch", "gap", "scope", "flag", "assignment", "heartbeat", "site", "cluster", "release",
}  # fmt: skip


def test_every_word_is_explained() -> None:
    assert set(re.findall(r"^\| \*\*([a-z]+)\*\*", page("glossary"), re.MULTILINE)) >= WORDS


# ── all pages ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", sorted(GUIDE.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    for link in re.findall(r"\]\(([^)#]+)", text):
        if "://" not in link:
            assert (path.parent / link).exists(), link
