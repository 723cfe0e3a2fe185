"""Scripts, styles and browser libraries of the pages, under an address that changes with their content.

So a browser may keep them for ever, modules may import each other by relative names, and no build step is needed.
"""

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter
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


@router.get("/assets/{version}/{name:path}", response_class=FileResponse)
async def asset(version: str, name: str) -> FileResponse:
    """One file. An address of another version answers too, but is not kept. Raises NotFound."""
    found = files().get(name)
    if found is None:
        raise NotFound("there is no such file", code="no-file")
    kept = "public, max-age=31536000, immutable" if root().endswith(f"/{version}") else "no-cache"
    return FileResponse(found, media_type=_TYPES[found.suffix], headers={"Cache-Control": kept})


@router.get("/favicon.ico", response_class=FileResponse)
async def icon() -> FileResponse:
    """The icon that browsers ask for unbidden."""
    return FileResponse(FOLDERS["static"] / "icon.svg", media_type="image/svg+xml")
