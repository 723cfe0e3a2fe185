"""What the pages for the field may keep on a device: the service worker, and for how long copies last.

The worker keeps these pages themselves and the files they need; answers and writes that wait are kept by
`static/copies.js`. Who may read what, and until when, is told in docs/guide/offline.md.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from fastapi import APIRouter, Response

from app.access import HouseDep
from app.pages import assets
from app.settings import Settings

router = APIRouter(include_in_schema=False)

#: Templates of the pages that open without a network, by path.
SHELLS = {"/gaps": "gaps.html", "/block": "block.html", "/callbacks": "callbacks.html", "/plan": "plan.html"}

#: What every such page needs: the frames it is set in, and modules that are loaded only when they are wanted.
_FRAMES = ("base.html", "live.html")
_WHEN_WANTED = ("giving.js", "leave.js", "odds.js", "sketch.js")

_TEMPLATES = Path(__file__).parent / "templates"
_LINKED = re.compile(r"\{\{ assets \}\}/static/([\w-]+\.\w+)")
_SCRIPT = re.compile(r"\{% block script %\}([\w-]+\.js)\{% endblock %\}")


def lasting(settings: Settings) -> dict[str, int]:
    """Hours for which copies may be shown: `hours`, and less for `households`, single ones; 0: none are kept.

    Lists of single households last no longer than a log-in does.
    """
    return {"hours": settings.copies_hours, "households": min(settings.copies_hours, settings.session_hours)}


@router.get("/sw.js")
async def worker(house: HouseDep) -> Response:
    """The service worker. It changes with the files, and with it what browsers keep of them."""
    code = assets.files()["static/worker.js"].read_bytes()
    said = b"const KEPT = %s;\n" % orjson.dumps(_kept(house.settings.copies_hours))
    return Response(said + code, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


def _kept(hours: int) -> dict[str, Any]:
    """What the worker is to keep, for how many hours, in a cache of which name."""
    root = assets.root()
    return {
        "name": f"cakupan-{root.rpartition('/')[2]}",
        "hours": hours,
        "shells": list(SHELLS),
        "files": [f"{root}/static/{name}" for name in needed()],
    }


@cache
def needed() -> tuple[str, ...]:
    """Files below `static` that the pages of `SHELLS` load."""
    found = dict.fromkeys(_WHEN_WANTED)
    for template in (*_FRAMES, *SHELLS.values()):
        text = (_TEMPLATES / template).read_text(encoding="utf-8")
        found |= dict.fromkeys([*_LINKED.findall(text), *_SCRIPT.findall(text)])
    for script in [name for name in found if name.endswith(".js")]:
        found |= dict.fromkeys(assets.needed_by(script))
    return tuple(name for name in found if f"static/{name}" in assets.files())
