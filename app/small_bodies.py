"""Small JSON bodies: read up to a limit and held against a model; and how the OpenAPI document describes them.

Read here, for the framework reads bodies of any size and answers text that is not UTF-8 with 400.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ValidationError

from geo.errors import BadInput

#: Most bytes of a body whose route does not say otherwise.
MAX_BYTES = 4_000

Model = TypeVar("Model", bound=BaseModel)


def _written(value: object) -> object:
    """Seconds since 1970 are no RFC 3339, though pydantic would take them, as numbers and as text."""
    if value is not None and not (isinstance(value, str) and "T" in value.upper()):
        raise ValueError("must be RFC 3339 with an offset, like 2022-10-15T09:30:00+07:00")
    return value


#: An instant as RFC 3339 writes it.
Instant = Annotated[AwareDatetime, BeforeValidator(_written)]


def said(model: type[Model], most: int = MAX_BYTES) -> Callable[[Request], Coroutine[Any, Any, Model]]:
    """A dependency that gives the body, of at most `most` bytes, as `model`.

    Raises BadInput where it is larger, RequestValidationError as FastAPI does where it does not fit.
    """

    async def read(request: Request) -> Model:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise BadInput(f"this body has at most {most} bytes", code="body-too-large")
        try:
            return model.model_validate_json(body)
        except ValidationError as wrong:
            errors = [{"loc": ("body", *e["loc"]), "msg": e["msg"], "type": e["type"]} for e in wrong.errors()]
            raise RequestValidationError(errors) from wrong

    return read


def described(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of a route with such a body. Models inside of it are written out where they stand."""
    schema = model.model_json_schema()
    inside = schema.pop("$defs", {})

    def whole(value: Any) -> Any:
        if isinstance(value, list):
            return [whole(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return whole(inside[value["$ref"].rpartition("/")[2]])
        return {name: whole(one) for name, one in value.items()}

    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole(schema)}}}}


async def unkept(response: Response) -> None:
    """A dependency: nobody on the way keeps the answer."""
    response.headers["Cache-Control"] = "no-store"
