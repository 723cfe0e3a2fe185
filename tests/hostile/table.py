"""Prints the corpus as a table in Markdown, input and answer: `python -m tests.hostile.table`."""

from collections import Counter

from tests.hostile.corpus import Case, corpus


def line(case: Case) -> str:
    """One row of the table."""
    sent = f"{case.kind or 'none'}{f', {case.encoding}' if case.encoding else ''}".replace("|", "\\|")
    said = ", ".join(f"`{word}`" for word in case.words)
    return f"| {case.name.replace('|', chr(92) + '|')} | {sent} | {case.status} | {said} |"


def lines() -> list[str]:
    """The table, then how many cases there are for each answer."""
    cases = corpus()
    statuses = Counter(case.status for case in cases)
    told = ", ".join(f"{count} answered {status}" for status, count in sorted(statuses.items()))
    head = ["| what is sent | as | status | code of each row, or of the problem |", "|---|---|---|---|"]
    return [*head, *map(line, cases), "", f"{len(cases)} bodies: {told}."]


if __name__ == "__main__":
    print("\n".join(lines()))  # noqa: T201  # that is its purpose
