"""One table from what went wrong to HTTP: RFC 9457 problem documents with a stable `type`, never database text."""

from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from app.headers import headers_of
from geo.errors import BadInput, CakupanError, NotFound, NotReady, Refused

log = structlog.get_logger()

#: A commit whose answer was lost may have happened; sending the same again is safe in either case.
NO_ANSWER = "the database did not answer; send the same again"

STATUS: dict[type[CakupanError], int] = {BadInput: 422, NotFound: 404, Refused: 409, NotReady: 503}

#: Codes whose status is not that of their class.
STATUS_OF_CODE = {
    "not-logged-in": 401,
    "wrong-credentials": 401,
    "not-allowed": 403,
    "no-role": 403,
    "not-yours": 403,
    "other-account": 409,
    "session-needed": 403,
    "wrong-password": 403,
    "too-many-requests": 429,
    "too-many-streams": 429,
    "body-too-large": 413,
    "unsupported-body": 415,
    "too-many-viewers": 503,
}


class Denied(CakupanError):
    """Who asks is unknown, or may not do this."""

    code = "not-allowed"


TITLES = {
    400: "Bad request",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Refused",
    413: "Too large",
    421: "Not for this service",
    415: "Unsupported body",
    422: "Cannot be understood",
    429: "Too many requests",
    500: "Internal error",
    503: "Not ready",
}


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str = Field(description="stable: `urn:cakupan:problem:` and a code of docs/guide/errors.md")
    title: str
    status: int
    detail: str


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a router whose routes can end in these problems."""
    return {
        status: {
            "description": TITLES[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in (*statuses, *((429,) if 401 in statuses else ()))  # whoever is known is counted
    }


def problem(status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """An RFC 9457 problem document; `type` is `urn:cakupan:problem:<code>`."""
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "5"
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="Cakupan", charset="UTF-8"'
    body = {"type": f"urn:cakupan:problem:{code}", "title": TITLES.get(status, "Error"), "status": status}
    return JSONResponse(body | {"detail": detail} | more, status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every error of ours, of validation and of the database by that table, and say so in the document."""
    described = app.openapi

    def with_problems() -> dict[str, Any]:
        document = described()
        document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return document

    app.openapi = with_problems  # type: ignore[method-assign]  # FastAPI's own way to extend the document

    @app.exception_handler(CakupanError)
    async def ours(request: Request, error: CakupanError) -> JSONResponse:
        by_class = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 500)
        more = getattr(error, "more", {})
        answer = problem(STATUS_OF_CODE.get(error.code, by_class), error.code, str(error), **more)
        if seconds := getattr(error, "seconds", None):
            answer.headers["Retry-After"] = str(seconds)
        if "sec-fetch-mode" in request.headers and "www-authenticate" in answer.headers:
            del answer.headers["www-authenticate"]  # a page's own request; a browser would ask for a password over it
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [{"at": ".".join(str(p) for p in e["loc"]), "message": e["msg"]} for e in error.errors()]
        return problem(422, "bad-parameter", "a parameter is missing or out of range", errors=errors)

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, f"http-{error.status_code}", TITLES.get(error.status_code, "Error"))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(DBAPIError)
    async def database(_request: Request, error: DBAPIError) -> JSONResponse:
        log.error("database", kind=type(error.orig).__name__)
        return problem(503, "database", NO_ANSWER)

    @app.exception_handler(psycopg.Error)
    async def driver(_request: Request, error: psycopg.Error) -> JSONResponse:
        """What the driver says where rows are copied, which SQLAlchemy knows nothing of."""
        log.error("database", kind=type(error).__name__)
        return problem(503, "database", NO_ANSWER)

    @app.exception_handler(PoolTimeout)
    async def busy(_request: Request, _error: PoolTimeout) -> JSONResponse:
        return problem(503, "busy", "every database connection is in use; try again")

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("unforeseen", kind=type(error).__name__)
        answer = problem(500, "internal", "an error we did not foresee; it has been logged")
        answer.headers.update(headers_of(request.scope))  # this one is answered outside of every middleware
        return answer
