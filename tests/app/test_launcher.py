"""The launcher with stand-ins for Python and npm, and what the container files promise."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Behaves like Python, venv and pip as far as the launcher looks, and writes down what it was asked.
PYTHON = """#!/bin/sh
echo "$*" >>"$FAKE_LOG"
case "$*" in
-V) echo Python 3.99.0 ;;
"-m venv "*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
"-m pip --version") case "$0" in */.venv/*) ;; *) exit 1 ;; esac ;;
"-m pip install "*) sleep "${FAKE_PIP_SECONDS:-0}"; exit "${FAKE_PIP_CODE:-0}" ;;
"-m pytest"* | "-P -m app.cli"*) echo "ran: $*"; echo "in: $(pwd)"; echo "path: $PYTHONPATH" ;;
esac
"""
NPM = """#!/bin/sh
echo "npm $*" >>"$FAKE_LOG"
[ "$1" != ci ] || [ -z "${FAKE_NPM_CODE:-}" ] || exit "$FAKE_NPM_CODE"
dist=node_modules/maplibre-gl/dist
mkdir -p "$dist" && touch "$dist/../LICENSE.txt"
for name in maplibre-gl.mjs maplibre-gl-worker.mjs maplibre-gl.css huge.map; do echo "$name" >"$dist/$name"; done
leaflet=node_modules/leaflet
mkdir -p "$leaflet/dist"
for name in dist/leaflet.js dist/leaflet.css LICENSE; do echo "$name" >"$leaflet/$name"; done
mkdir -p node_modules/pmtiles/dist && echo pmtiles >node_modules/pmtiles/dist/pmtiles.js
uplot=node_modules/uplot
mkdir -p "$uplot/dist"
for name in dist/uPlot.esm.js dist/uPlot.min.css LICENSE; do echo "$name" >"$uplot/$name"; done
"""


class Checkout:
    """A checkout with the real launcher and nothing installed, on a machine of stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"
        self.elsewhere = folder / "elsewhere"
        self.log = folder / "log"
        tools = folder / "tools"
        for made in (self.root / "app" / "pages", self.elsewhere, tools):
            made.mkdir(parents=True)
        for name in ("cakupan", "requirements.lock", "requirements-test.lock", "app/pages/package-lock.json"):
            shutil.copy(ROOT / name, self.root / name)
        shutil.copy(ROOT / "app/pages/package.json", self.root / "app/pages/package.json")
        for name, text in {"python3": PYTHON, "npm": NPM}.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if name not in {"CI", "CAKUPAN_SHARED", "PYTHONPATH"}}
        self.environment = {**kept, "PATH": f"{tools}:{os.environ['PATH']}", "FAKE_LOG": str(self.log)}

    def start(self, *words: str, **extra: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self.root / "cakupan", *words],
            cwd=self.elsewhere,
            env={**self.environment, **extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **extra: str) -> tuple[int, str, str]:
        process = self.start(*words, **extra)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def asked(self, part: str) -> list[str]:
        """What the stand-ins were asked that holds `part`."""
        return [line for line in self.log.read_text().splitlines() if part in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_start_installs_by_the_lock_and_runs_the_command(checkout: Checkout) -> None:
    code, out, err = checkout.run("coverage", "a file.csv", "--level", "block")
    assert code == 0, err
    assert "ran: -P -m app.cli coverage a file.csv --level block" in out
    assert f"in: {checkout.elsewhere}" in out  # a file named on the command line is looked for where the caller is
    assert f"path: {checkout.root}" in out
    (install,) = checkout.asked("pip install")
    assert "--require-hashes --no-deps" in install
    assert install.endswith(f"{checkout.root}/requirements.lock")
    assert "making .venv" in err
    assert "installing the Python packages" in err
    assert not checkout.asked("npm")


def test_a_second_start_installs_nothing_and_says_nothing(checkout: Checkout) -> None:
    checkout.run("serve")
    before = len(checkout.asked("install") + checkout.asked("npm") + checkout.asked("venv"))
    code, _, err = checkout.run("serve")
    assert (code, err) == (0, "")
    assert len(checkout.asked("install") + checkout.asked("npm") + checkout.asked("venv")) == before


def test_a_changed_lock_is_installed(checkout: Checkout) -> None:
    checkout.run("coverage")
    with (checkout.root / "requirements.lock").open("a") as lock:
        lock.write("# newer\n")
    checkout.run("coverage")
    assert len(checkout.asked("pip install")) == 2
    assert len(checkout.asked("-m venv")) == 1


def test_tests_install_the_larger_lock_which_serves_commands_too(checkout: Checkout) -> None:
    code, out, err = checkout.run("test", "-k", "one thing")
    assert code == 0, err
    assert "ran: -m pytest -n 3 --dist loadfile -k one thing" in out
    assert f"in: {checkout.root}" in out
    checkout.run("coverage")
    (install,) = checkout.asked("pip install")
    assert install.endswith("requirements-test.lock")


def test_a_failed_installation_says_what_to_do_and_is_taken_up_again(checkout: Checkout) -> None:
    code, out, err = checkout.run("coverage", FAKE_PIP_CODE="1")
    assert code == 1
    assert "ran:" not in out
    assert "check that pip reaches its index, then run this again" in err
    assert checkout.run("coverage")[0] == 0
    assert len(checkout.asked("pip install")) == 2


def test_starts_at_once_install_once(checkout: Checkout) -> None:
    starts = [checkout.start("coverage", FAKE_PIP_SECONDS="1") for _ in range(3)]
    answers = [(start.communicate(timeout=60), start.returncode) for start in starts]
    assert [code for _, code in answers] == [0, 0, 0]
    assert len(checkout.asked("pip install")) == 1
    assert sum("waiting for another set-up" in err for (_, err), _ in answers) == 2


def test_the_browser_gets_only_what_it_needs(checkout: Checkout) -> None:
    vendor = checkout.root / "app/pages/vendor"
    code, _, err = checkout.run("serve", FAKE_NPM_CODE="1")
    assert code == 1
    assert "check that npm reaches its registry" in err
    assert not vendor.exists()
    assert checkout.run("serve")[0] == 0
    assert sorted(path.name for path in vendor.iterdir()) == [
        "leaflet-LICENSE.txt",
        "leaflet.css",
        "leaflet.js",
        "maplibre-gl-LICENSE.txt",
        "maplibre-gl-worker.mjs",
        "maplibre-gl.css",
        "maplibre-gl.mjs",
        "pmtiles.js",
        "stamp",
        "uPlot-LICENSE.txt",
        "uPlot.esm.js",
        "uPlot.min.css",
    ]
    assert "ci --ignore-scripts" in checkout.asked("npm ci")[0]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder for PATH with little more than the launcher itself calls."""
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in (
        "readlink",
        "dirname",
        "flock",
        "mkdir",
        "sha256sum",
        "cut",
        "cat",
        "cp",
        "mv",
        "rm",
        "id",
        "env",
        "touch",
        "true",
    ):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def test_without_a_fitting_python_it_says_so(checkout: Checkout, bare: Path) -> None:
    code, _, err = checkout.run("serve", PATH=str(bare))
    assert code == 1
    assert "no Python 3.11 or newer here: install one" in err


def test_in_ci_a_missing_browser_is_installed_once(checkout: Checkout, bare: Path) -> None:
    brings = f'case "$*" in *install*) cp {bare}/apt-get {bare}/chromium ;; esac'
    for name, text in {
        "apt-get": f'echo "apt-get $*" >>"$FAKE_LOG"; {brings}',
        "sudo": 'shift; exec "$@"',
    }.items():
        (bare / name).write_text(f"#!/bin/sh\n{text}\n")
        (bare / name).chmod(0o755)
    machine = {"PATH": f"{bare.parent / 'tools'}:{bare}", "CAKUPAN_SHARED": str(bare)}
    assert checkout.run("test", **machine)[0] == 0
    assert not checkout.asked("apt-get")
    for _ in range(2):
        code, _, err = checkout.run("test", CI="true", CAKUPAN_CHROMIUM="", **machine)
        assert code == 0, err
    (install,) = checkout.asked("apt-get -q -o DPkg::Lock::Timeout=600 install")
    assert "chromium" in install


def test_in_ci_the_real_data_must_be_there(checkout: Checkout, tmp_path: Path) -> None:
    code, _, err = checkout.run("test", CI="true")
    assert code == 1
    assert "../shared" in err
    assert not checkout.log.exists()
    code, out, _ = checkout.run("test", CI="true", CAKUPAN_SHARED=str(tmp_path), CAKUPAN_CHROMIUM="/bin/true")
    assert code == 0
    assert "ran: -m pytest" in out


def test_help_explains_every_command_wherever_it_is_called(tmp_path: Path) -> None:
    """The real command line, started by the launcher from a folder that has an `app` of its own."""
    root = tmp_path / "checkout"
    (root / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "cakupan", root / "cakupan")
    for name in ("app", "geo", "tiles", "migrations", "requirements.lock"):
        (root / name).symlink_to(ROOT / name)
    python = root / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()
    (root / ".venv" / "ready.requirements").write_text(f"{digest} {version}\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('the wrong app')\n")
    done = subprocess.run(
        [root / "cakupan", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for command in ("serve", "migrate", "check", "campaign", "areas", "account", "token", "coverage"):
        assert re.search(rf"\b{command}\b", done.stdout), command


@pytest.mark.parametrize("script", ["cakupan", ".ci/run"])
def test_scripts_are_plain_sh_and_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert (ROOT / script).read_text().startswith("#!/bin/sh\n")
    shells = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]
    for shell in shells:
        subprocess.run([shell, "-n", ROOT / script], check=True)
    assert not re.search(r"\[\[|<<<|\bfunction \w|\blocal \w", (ROOT / script).read_text())


def test_no_lock_names_a_host() -> None:
    for name in (
        "requirements.lock",
        "requirements-test.lock",
        "requirements-node.lock",
        "app/pages/package-lock.json",
    ):
        text = (ROOT / name).read_text()
        assert "://" not in text, name
        assert "index-url" not in text
        assert '"resolved"' not in text
        assert "sha256:" in text or '"integrity": "sha512-' in text


# The container


def services() -> dict[str, str]:
    """The services of compose.yaml as text, with the anchors they refer to written out."""
    text = (ROOT / "compose.yaml").read_text()
    anchors = dict(re.findall(r"^x-\w+: &(\w+)\n((?:  .*\n)+)", text, re.MULTILINE))

    def full(part: str) -> str:
        return re.sub(r"<<: \*(\w+)\n", lambda match: full(anchors[match[1]]), part)

    body = text.split("\nservices:\n")[1].split("\nvolumes:\n")[0]
    return {name: full(part) for name, part in re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", body + "\n", re.MULTILINE)}


def test_every_service_is_hardened() -> None:
    found = services()
    assert set(found) == {"database", "migrate", "cakupan"}
    for name, text in found.items():
        assert "read_only: true" in text, name
        assert "cap_drop: [ALL]" in text, name
        assert "no-new-privileges:true" in text, name
        assert "tmpfs:" in text, name
        assert "cap_add" not in text, name
        assert "privileged: true" not in text, name


def test_the_service_waits_for_the_migration_and_the_migration_for_the_database() -> None:
    found = services()
    assert "service_completed_successfully" in found["cakupan"]
    assert "condition: service_healthy" in found["migrate"]
    assert 'restart: "no"' in found["migrate"]
    assert "/readyz" in found["cakupan"]
    assert "pg_isready" in found["database"]
    assert '"127.0.0.1:' in found["cakupan"]
    assert "database:/var/lib/postgresql/data" in found["database"]
    assert "secrets:/var/lib/cakupan" in found["migrate"]
    assert "secrets:/var/lib/cakupan" in found["cakupan"]


def test_the_image_runs_as_an_ordinary_user_and_tells_its_health() -> None:
    last = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1]
    (user,) = re.findall(r"^USER (\d+):\d+$", last, re.MULTILINE)
    assert int(user) >= 1000
    assert "/readyz" in re.findall(r"^HEALTHCHECK (?:.*\\\n)*.*$", last, re.MULTILINE)[0]
    assert re.search(r'^ENTRYPOINT \["python", "-P", "-m", "app.cli"\]$', last, re.MULTILINE)
    assert "--require-hashes" in (ROOT / "Dockerfile").read_text()


def test_nothing_but_the_program_enters_the_image() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    assert {f"!{name}" for name in [*packages, "migrations", "requirements.lock"]} <= set(lines)
    assert not {"!tests", "!.git", "!.venv", "!.env"} & set(lines)
