"""The command as a newcomer runs it: where the map is, a map that fills, Ctrl-C, and on again; in a home of its own."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.database import Logins
from app.demo import files, memory
from app.demo.sites import PROGRAMMES
from app.embedded import Cluster
from app.settings import Settings
from geo.errors import Refused
from geo.schema import ROLES
from tests.conftest import CERTIFICATES, REPOSITORY


@pytest.fixture(scope="module")
def home(settings: Settings) -> Iterator[Path]:
    """A home that the server's user may enter, with the server's programs where they were fetched before."""
    folder = Path(tempfile.mkdtemp(prefix="cakupan-test-"))
    folder.chmod(0o711)
    if (settings.home / "postgis").is_dir():
        (folder / "postgis").symlink_to(settings.home / "postgis")
    yield folder
    cluster = Cluster(folder, True, lambda _: None)
    if cluster.processes():  # only where a test failed
        cluster.stop()
    shutil.rmtree(cluster.socket().parent, ignore_errors=True)
    shutil.rmtree(folder)


class Demo:
    """A running demo of the smallest scale; what it says goes to a file."""

    def __init__(self, home: Path, *words: str, **more: str) -> None:
        self.home = home
        self.said = home / "said"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CAKUPAN", "DATABASE", "DISPLAY", "WAYLAND"))}
        environment = kept | {"CAKUPAN_HOME": str(home), "PYTHONPATH": str(REPOSITORY)} | more
        command = [sys.executable, "-P", "-m", "app.cli", "demo", "--port", "0", *words]
        with self.said.open("w") as out:
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)

    def until(self, pattern: str, seconds: float = 90) -> re.Match[str]:
        """Wait until it has said something."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.search(pattern, self.said.read_text()):
                return found
            assert self.process.poll() is None, self.said.read_text()
            time.sleep(0.1)
        raise AssertionError(f"it did not say {pattern}:\n{self.said.read_text()}")

    def interrupt(self) -> int:
        """Ctrl-C, which the terminal sends to every process of the command."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def get(self, path: str, token: str) -> Any:
        url = self.until(r"http://127\.0\.0\.1:\d+")[0]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=url, headers=headers, timeout=20, verify=CERTIFICATES) as client:
            answer = client.get(path)
            assert answer.status_code == 200
            return answer.json()


@pytest.fixture(scope="module")
def first(home: Path) -> Iterator[Demo]:
    """The first start, interrupted when a few days have passed."""
    demo = Demo(home, "--no-browser", "--scale", "small", "--speed", "40")
    demo.until(r"day 3 of 31")
    yield demo
    if demo.process.poll() is None:
        demo.interrupt()


def test_it_says_where_the_map_is_and_how_to_log_in(first: Demo) -> None:
    said = first.said.read_text()
    assert re.search(r"The map is at http://127\.0\.0\.1:\d+ after \d+ s: a simulated city of 11 blocks", said)
    assert all(f" {role} " in said for role in ROLES)
    assert re.search(r"http://127\.0\.0\.1:\d+/releases", said)
    assert re.search(r"http://127\.0\.0\.1:\d+/programmes", said)
    assert re.search(r"http://127\.0\.0\.1:\d+/welfare", said)
    password = re.search(r"password ([a-z0-9-]{19})", said)
    assert password
    url = first.until(r"http://127\.0\.0\.1:\d+")[0]
    with httpx2.Client(base_url=url, timeout=20, verify=CERTIFICATES) as client:
        for name in ("admin", "koseka-01", "pml-001", "ppl-0001", "pemda"):
            answer = client.post("/login", data={"name": name, "password": password[1]})
            page = "/releases" if name == "pemda" else "/"
            assert (answer.status_code, answer.headers["location"]) == (303, page), name


def test_the_map_fills_and_says_that_it_is_simulated(first: Demo) -> None:
    token = kept(first)["tokens"]["ppl-0001"]
    campaign = first.get("/v1/campaign", token)
    assert campaign["simulated"]
    assert campaign["day"] >= 3
    coverage = first.get("/v1/coverage?level=scope", token)
    assert coverage["coverage"][0]["completed"] > 0
    listed = first.get("/v1/sites", token)
    assert listed["version"] == 1
    assert {programme["programme"] for programme in listed["programmes"]} == {p.code for p in PROGRAMMES}


def test_what_lies_in_its_folder(first: Demo) -> None:
    place = first.home / "demo"
    truth = json.loads((place / "truth.json").read_text())
    assert truth["simulated"]
    assert truth["seed"] == 22
    assert {plant["kind"] for plant in truth["planted"]} >= {"hole", "swapped_axes", "fabricated_cluster"}
    assert truth["welfare"]["outlier_forum"]["block"]
    assert sum(block["families"] for block in truth["welfare"]["blocks"]) == truth["welfare"]["families"]
    for name in (files.BLOCKS, files.PRELIST, files.EXPECTED, files.ASSIGNMENTS, files.FOOTPRINTS):
        assert "is_simulated" in (place / "files" / name).read_text(encoding="utf-8-sig")[:2000]
    assert (place / "demo.json").stat().st_mode & 0o077 == 0


def test_a_second_one_is_refused_while_it_runs(first: Demo) -> None:
    with pytest.raises(Refused, match="running"), memory.folder(first.home):
        pass


@pytest.mark.slow
def test_stopped_it_goes_on_and_another_city_is_refused(first: Demo) -> None:
    assert first.interrupt() == 0, first.said.read_text()
    assert not Cluster(first.home, True, lambda _: None).processes(), "the server was stopped, too"
    other = Demo(first.home, "--no-browser", "--seed", "5")
    assert other.process.wait(60) == 1
    assert "--fresh" in other.said.read_text()
    before = kept(first)
    again = Demo(first.home, "--no-browser", "--speed", "40")
    day = int(again.until(r"day (\d+) of 31")[1])
    assert day >= 3
    assert kept(again) == before
    assert again.interrupt() == 0


def processes(home: Path, word: str) -> list[int]:
    """Processes of a demo in this home whose command line has a word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if word.encode() in words and f"CAKUPAN_HOME={home}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def test_killed_it_leaves_nothing_behind_and_goes_on(first: Demo) -> None:
    if first.process.poll() is None:
        assert first.interrupt() == 0, first.said.read_text()
    killed = Demo(first.home, "--no-browser", "--speed", "60")
    day = int(killed.until(r"day (\d+) of 31")[1])
    killed.until(f"day {day + 2} of 31")
    killed.process.kill()
    killed.process.wait(10)
    end = time.monotonic() + 60
    while processes(first.home, "app.demo.beside") and time.monotonic() < end:
        time.sleep(0.1)
    assert not processes(first.home, "app.demo.beside"), "the service ends with the demo"
    again = Demo(first.home, "--no-browser", "--speed", "5")
    resumed = int(again.until(r"day (\d+) of 31")[1])
    assert day - 1 <= resumed <= day + 8, "where it was, and not where its clock would be by now"
    assert again.interrupt() == 0


def test_it_says_so_when_the_service_dies(first: Demo) -> None:
    demo = Demo(first.home, "--no-browser", "--speed", "5")
    demo.until(r"day \d+ of 31")
    (service,) = processes(first.home, "app.demo.beside")
    os.kill(service, signal.SIGKILL)
    assert demo.process.wait(90) == 1
    assert "the service stopped" in demo.said.read_text()


def test_a_database_in_use_is_left_alone(first: Demo, database: Logins, tmp_path: Path) -> None:
    """DATABASE_URL names somebody's census: neither laid over nor taken for the demo of before."""
    owner = database.owner.replace("+psycopg", "", 1)
    for home in (first.home, tmp_path):
        if home == tmp_path:
            home.chmod(0o711)
            shutil.copy(first.home / "secrets.json", home)
        demo = Demo(home, "--no-browser", "--scale", "small", DATABASE_URL=owner)
        assert demo.process.wait(60) == 1
        assert "DATABASE_URL" in demo.said.read_text()


def kept(demo: Demo) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((demo.home / "demo" / "demo.json").read_text())
    return found
