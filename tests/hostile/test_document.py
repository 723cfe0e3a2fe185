"""Calls made from the OpenAPI document, right ones and wrong ones: no 5xx, and every answer is as the document says."""

import os

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from app.database import Logins
from app.main import create_app
from app.settings import Settings
from tests.conftest import Service

load_all_checks()
NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:9/none"
DOCUMENT = create_app(Settings(_env_file=None), Logins(NOWHERE, NOWHERE, NOWHERE, NOWHERE)).openapi()
#: The stream never ends.
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(path_regex="^/v1/stream$")
CHECKED = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
        "response_schema_conformance",
    )
]  # fmt: skip


@schemathesis.serializer("application/x-ndjson", "text/csv")
def as_text(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@schemathesis.serializer("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
def as_bytes(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def calm(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def ask(case: schemathesis.Case, service: Service) -> None:
    headers = {"Authorization": f"Bearer {service.tokens['admin']}"}
    case.call_and_validate(base_url=service.url, headers=headers, checks=CHECKED, timeout=30)


@SCHEMA.parametrize()
@calm(int(os.environ.get("CAKUPAN_CALLS", "10")))
def test_every_call_answers_as_described(case: schemathesis.Case, service: Service) -> None:
    ask(case, service)
