"""The operator's own basemap, one PMTiles file that browsers read in pieces."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import FileResponse

from app.access import Watcher
from app.basemap import ADDRESS
from app.errors import documented
from geo.errors import NotFound

router = APIRouter(tags=["tiles"], responses=documented(401, 403, 404, 422))

_TYPE = "application/vnd.pmtiles"
_BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    ADDRESS,
    response_class=Response,
    responses={
        200: {"description": "the whole file", "content": {_TYPE: _BINARY}},
        206: {"description": "the part asked for by `Range`", "content": {_TYPE: _BINARY}},
        304: {"description": "what you have is still it"},
        400: {"description": "`Range` cannot be understood"},
        416: {"description": "the file has no such part"},
    },
)
async def basemap(request: Request, _: Watcher, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """The file that the settings name, whole or by `Range`. Raises NotFound where they name none."""
    found = request.app.state.basemap
    if found is None or found.file is None:
        raise NotFound("no basemap of ours is set", code="no-file")
    try:
        answer = FileResponse(
            found.file,
            media_type=_TYPE,
            headers={"Cache-Control": "private, max-age=86400"},
            stat_result=found.file.stat(),  # gives the answer its ETag before it leaves
        )
    except OSError as gone:
        raise NotFound("the file of the basemap is not there any more", code="no-file") from gone
    if if_none_match == answer.headers["etag"]:
        return Response(status_code=304, headers={"ETag": if_none_match, "Cache-Control": "private, max-age=86400"})
    return answer
