"""Room on the disk: uploads are put off before PostgreSQL itself stands still, and everything else goes on."""

import os
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from app import room
from app.settings import Settings
from geo.errors import NotReady
from tests.conftest import Service
from tests.world import submission


def disk(free: int, of: int = 1000, for_root: int = 0) -> Any:
    """What the kernel says of a disk with so many blocks free for everybody, and some for root alone."""
    return SimpleNamespace(f_blocks=of, f_bfree=free + for_root, f_bavail=free)


@pytest.mark.parametrize(
    ("said", "least", "enough"),
    [
        (disk(50), 5, True),
        (disk(49), 5, False),
        (disk(49, for_root=50), 5, True),  # 49 of the 950 that are there for us
        (disk(0), 5, False),
        (disk(0), 0, True),
        (disk(99), 10, False),
    ],
)
def test_how_much_is_enough(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, said: Any, least: int, enough: bool
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: said)
    asked = settings.model_copy(update={"least_free_percent": least})
    if enough:
        room.require(asked)
    else:
        with pytest.raises(NotReady) as refused:
            room.require(asked)
        assert refused.value.code == "no-room"
    room.require(asked.model_copy(update={"database_url": SecretStr("postgresql+psycopg://elsewhere/x")}))


def test_uploads_are_put_off_and_the_rest_goes_on(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (held,) = service.send(submission("held", result="?")).json()["results"]
    assert held["status"] == "quarantined"
    with monkeypatch.context() as full, service.client() as client:
        full.setattr(os, "statvfs", lambda _: disk(10))
        answer = service.send(submission(1))
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:cakupan:problem:no-room")
        assert int(answer.headers["retry-after"]) > 0
        (row,) = client.get("/v1/quarantine").json()["quarantine"]
        decision = {"action": "amend", "changes": {"result": "completed"}}
        assert client.post(f"/v1/quarantine/{row['id']}/resolve", json=decision).status_code == 503
        assert client.get("/v1/coverage").status_code == 200
        assert client.get("/readyz").status_code == 200
    assert service.send(submission(1)).json()["counts"]["stored"] == 1, "nothing of it had been stored"
