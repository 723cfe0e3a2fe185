"""Reading the tables that commands print, so that tests hold them to the figures a person sees."""


def table(output: str, title: str) -> list[dict[str, str]]:
    """The rows of the table under the first line that holds `title`, by column; thousands without commas."""
    lines = iter(output.splitlines())
    for line in lines:
        if title in line:
            break
    else:
        raise AssertionError(f"no table {title!r} in:\n{output}")
    rows: list[list[str]] = []
    for line in lines:
        if line[:1] in {"┃", "│"}:
            rows.append([cell.strip().replace(",", "") for cell in line.replace("┃", "│").split("│")[1:-1]])
        elif line[:1] == "└":
            break
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
