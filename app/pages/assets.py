"""Scripts, styles and browser libraries of the pages, under an address that changes with their content.

So a browser may keep them for ever, modules may import each other by relative names, and no build step is needed. Each
is compressed once and kept, ours without comments; a page names the modules that its script needs, so that they come
all at once.
"""

import asyncio
import gzip
import hashlib
import re
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from geo.errors import NotFound

router = APIRouter(include_in_schema=False)

#: Our own files, and those that the launcher installs.
FOLDERS = {name: Path(__file__).parent / name for name in ("static", "vendor")}
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/manifest+json",
    ".txt": "text/plain",
}
#: A module that is imported when its importer is, of our own files alone; `import()` waits until it is wanted.
_IMPORTED = re.compile(r"""^(?:import|export)\b[^;(]*?\bfrom "\./([\w-]+\.js)";""", re.MULTILINE)
#: Comments of our own files that have their lines to themselves: a quarter of what would go over the line.
_COMMENT = re.compile(rb"^[ \t]*(?:/\*(?:(?!\*/).)*\*/[ \t]*|//[^\n]*)\n", re.MULTILINE | re.DOTALL)


@cache
def files() -> dict[str, Path]:
    """Every file that may be fetched, by its name below the version; nothing else can be reached."""
    return {
        f"{name}/{file.relative_to(folder).as_posix()}": file
        for name, folder in FOLDERS.items()
        if folder.is_dir()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix in _TYPES
    }


@cache
def root() -> str:
    """The address below which the files lie now."""
    digest = hashlib.sha256()
    for name, file in files().items():
        digest.update(name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return f"/assets/{digest.hexdigest()[:12]}"


@cache
def needed_by(script: str) -> tuple[str, ...]:
    """Modules that a script of ours imports, and those that these import, by name; itself left out."""
    found: dict[str, None] = {}
    waiting = [script]
    for name in waiting:
        for other in _IMPORTED.findall(files()[f"static/{name}"].read_text(encoding="utf-8")):
            if other != script and other not in found:
                found[other] = None
                waiting.append(other)
    return tuple(found)


@router.get("/assets/{version}/{name:path}", response_class=Response)
async def asset(request: Request, version: str, name: str) -> Response:
    """One file. An address of another version answers too, but is not kept. Raises NotFound."""
    if name not in files():
        raise NotFound("there is no such file", code="no-file")
    kept = "public, max-age=31536000, immutable" if root().endswith(f"/{version}") else "no-cache"
    pressed = _takes_gzip(request.headers.get("accept-encoding", ""))
    body, tag = await asyncio.to_thread(_read, name, pressed)
    headers = {"Cache-Control": kept, "ETag": tag, "Vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if pressed:
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=_TYPES[files()[name].suffix], headers=headers)


@cache
def _read(name: str, pressed: bool) -> tuple[bytes, str]:
    """A file's bytes, and a strong tag that is another one for the compressed bytes (RFC 9110, 8.8.3.3)."""
    body = files()[name].read_bytes()
    if name.startswith("static/"):
        body = _COMMENT.sub(lambda found: b"\n" * found[0].count(b"\n"), body)
    tag = hashlib.sha256(body).hexdigest()[:20]
    return (gzip.compress(body, 9, mtime=0), f'"{tag}-gzip"') if pressed else (body, f'"{tag}"')


def _takes_gzip(accepted: str) -> bool:
    """Whether the reader takes gzip (RFC 9110, 12.5.3)."""
    for part in accepted.casefold().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        if coding in {"gzip", "*"}:
            return weight.strip("0.") != "" or not weight
    return False


@router.get("/favicon.ico", response_class=FileResponse)
async def icon() -> FileResponse:
    """The icon that browsers ask for unbidden."""
    return FileResponse(FOLDERS["static"] / "icon.svg", media_type="image/svg+xml")
