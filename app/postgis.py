"""Finds the programs of a PostgreSQL server with PostGIS, installs them where they are missing, and sets them up.

No Python or npm package carries PostGIS with tile support; Debian's and Ubuntu's packages do. Three ways, in this
order: a server that has PostGIS already; apt, as root or through passwordless sudo; and for everybody else the same
packages fetched by apt and unpacked into a folder of their own, which changes nothing outside that folder.
"""

import fcntl
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.settings import default_home
from geo.errors import NotReady

Report = Callable[[str], None]

PORT = 5432  # only names the socket file: the server listens on no network address

_PACKAGE = re.compile(r"^postgresql-(\d+)-postgis-3\b", re.MULTILINE)
_DEBIAN_CLUSTERS = Path("/etc/postgresql-common/createcluster.d")
_ZONES = Path("/usr/share/zoneinfo")
_ADVICE = "install PostgreSQL with PostGIS, or set DATABASE_URL to a server that has it"


class EmbeddedError(NotReady):
    """The private PostGIS cannot be had or started; the message says the one thing to do."""

    code = "no-database"


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL major version with PostGIS, and the variables that they need."""

    folder: Path
    major: int
    extra: Mapping[str, str] = field(default_factory=dict)

    def program(self, name: str) -> str:
        """Path of `initdb`, `pg_ctl`, `pg_dump`, ... as text."""
        return str(self.folder / name)

    def environment(self, home: Path) -> dict[str, str]:
        """What those programs should see: no `PG*` of the caller, `home` for HOME, and where the libraries are."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LD_"))}
        return {**kept, "HOME": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", **self.extra}

    def run(self, command: Sequence[str], home: Path, user: pwd.struct_passwd, output: Path) -> int:
        """Run a program as `user` (only root can be another), its words into `output`; gives the exit code.

        A session of its own keeps Ctrl-C away, and a file, unlike a pipe, does not wait for a server that it starts.
        """
        root = os.geteuid() == 0
        with output.open("wb") as words:
            done = subprocess.run(  # noqa: S603 -- programs of our own server
                [self.program(command[0]), *command[1:]],
                env=self.environment(home),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                check=False,
                user=user.pw_uid if root else None,
                group=user.pw_gid if root else None,
                extra_groups=[] if root else None,
            )
        return done.returncode


def find(major: int | None = None, home: Path | None = None) -> Binaries | None:
    """The newest server with PostGIS on this machine, or the one of `major`; nothing is installed."""
    found = [ready for folder in _server_folders() if (ready := _ready(folder))]
    for own in _own_folders(home):
        found += [ready for folder in own.glob("[0-9][0-9]") if (ready := _unpacked(folder))]
    fitting = [ready for ready in found if major in {None, ready.major}]
    return max(fitting, key=lambda ready: ready.major, default=None)


def provide(home: Path, major: int | None = None, report: Report = print) -> Binaries:
    """What `find` finds, installed first where it is missing. Progress goes to `report`.

    Raises EmbeddedError where no way leads to PostGIS, or none to that `major` version.
    """
    if ready := find(major, home):
        return ready
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise EmbeddedError(f"There is no PostGIS here and no apt to bring it: {_ADVICE}.")
    prefix = _as_root()
    if prefix is None:
        return _unpack(home, major, report)
    _install(prefix, major, report)
    if ready := find(major, home):
        return ready
    raise EmbeddedError(f"apt installed PostGIS, but no server shows it: {_ADVICE}.")


def _own_folders(home: Path | None) -> list[Path]:
    """Where an ordinary user's copy of the packages may lie: beside the usual home, for all homes; else in this one."""
    return [folder / "postgis" for folder in (default_home(), home) if folder]


# A server that is there already


def _server_folders() -> Iterator[Path]:
    """Folders that usually hold the programs of a server."""
    for pattern in ("lib/postgresql/*/bin", "pgsql-*/bin", "local/pgsql/bin", "local/bin", "bin"):
        yield from Path("/usr").glob(pattern)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _ready(folder: Path) -> Binaries | None:
    """The server in `folder`, if its own share folder has PostGIS."""
    needed = ("postgres", "initdb", "pg_ctl", "pg_config")
    if not all(os.access(folder / name, os.X_OK) for name in needed):
        return None
    share = _ask([folder / "pg_config", "--sharedir"])
    version = re.search(r"\d+", _ask([folder / "postgres", "--version"]))
    if version is None or not (Path(share) / "extension" / "postgis.control").exists():
        return None
    return Binaries(folder, int(version.group()))


def _ask(command: Sequence[str | Path]) -> str:
    """What a small program prints, without its last line break; nothing where it fails."""
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- programs found by name
    return answer.stdout.strip() if answer.returncode == 0 else ""


# apt as root


def _as_root() -> list[str] | None:
    """How to run a command as root: directly, through sudo without a password, or (None) not at all."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603  # only asks whether it may
        return [sudo, "-n"]
    return None


def _install(prefix: list[str], major: int | None, report: Report) -> None:
    """Install the packages for everybody on this machine, without the cluster that Debian would start by itself."""
    apt = [
        *prefix,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "NEEDRESTART_MODE=l",
        "apt-get",
        "-q",
        "-o",
        "DPkg::Lock::Timeout=600",
    ]
    report("PostGIS: reading the package lists (apt-get update)")
    _apt([*apt, "update"])
    package = f"postgresql-{_choose(major, [])}-postgis-3"
    report(f"PostGIS: installing {package} (apt-get install)")
    with _no_cluster_of_debian(prefix):
        _apt([*prefix, "dpkg", "--configure", "-a"])  # finishes an installation that was interrupted
        _apt([*apt, "install", "-y", "--no-install-recommends", package])


@contextmanager
def _no_cluster_of_debian(prefix: list[str]) -> Iterator[None]:
    """Ask Debian's packages not to make and start their own cluster; a word of an administrator's is left alone."""
    setting = _DEBIAN_CLUSTERS / "cakupan.conf"
    script = 'mkdir -p "${1%/*}" && echo "create_main_cluster = false" >"$1"'
    _apt([*prefix, "sh", "-c", script, "sh", str(setting)])
    try:
        yield
    finally:
        _apt([*prefix, "rm", "-f", str(setting)])


def _choose(major: int | None, options: list[str]) -> int:
    """The newest major version apt offers with PostGIS, or `major` if that is offered."""
    listed = _ask(["apt-cache", *options, "search", "--names-only", "^postgresql-[0-9]+-postgis-3$"])
    offered = {int(number) for number in _PACKAGE.findall(listed)}
    if major is None and offered:
        return max(offered)
    if major in offered:
        return int(major)
    wanted = f"PostgreSQL {major} with PostGIS" if major else "PostGIS"
    raise EmbeddedError(f"apt offers no {wanted} on this machine: {_ADVICE}.")


def _apt(command: Sequence[str | Path], folder: Path | None = None) -> str:
    """Run one step in `folder` and give back its output; a failed step's last lines become the error."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        done = subprocess.run(  # noqa: S603 -- a fixed list of words
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        )
        output.seek(0)
        text = output.read()
    if done.returncode != 0:
        tail = "\n  ".join(text.strip().splitlines()[-6:])
        raise EmbeddedError(f"Installing PostGIS stopped at `{' '.join(map(str, command))}`:\n  {tail}\nOr: {_ADVICE}.")
    return text


# The packages in a folder of their own


def _unpack(home: Path, major: int | None, report: Report) -> Binaries:
    """Fetch the packages that are missing on this machine and unpack them for this user alone."""
    if not _ZONES.is_dir():  # compiled into Debian's server; no variable moves it
        raise EmbeddedError("PostgreSQL needs the time zones: ask an administrator for `apt-get install tzdata`.")
    folder = _first_writable(_own_folders(home))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready := find(major, home):  # somebody else did it while we waited
            return ready
        options = _own_apt(folder / "apt")
        report("PostGIS: reading the package lists (apt-get update, for this user only)")
        _apt(["apt-get", *options, "-q", "update"])
        chosen = _choose(major, options)
        fetched = folder / "packages"
        fetched.mkdir(exist_ok=True)
        names = _missing(chosen, options)
        report(f"PostGIS: fetching {len(names)} packages into {folder}")
        _apt(["apt-get", *options, "-q", "download", *names], fetched)
        _lay_out(fetched, folder / str(chosen), report)
        shutil.rmtree(fetched)
        shutil.rmtree(folder / "apt")
    if ready := find(chosen, home):
        return ready
    raise EmbeddedError(f"The packages unpacked in {folder} do not run here: {_ADVICE}.")


def _first_writable(folders: Sequence[Path]) -> Path:
    for folder in folders:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise EmbeddedError(f"Cannot write to {folders[-1]}: set CAKUPAN_HOME to a folder of yours.")


def _own_apt(folder: Path) -> list[str]:
    """Options that let apt work in `folder` as an ordinary user; what is installed is still read from the system."""
    (folder / "state" / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    return [
        *("-o", f"Dir::State={folder / 'state'}"),
        *("-o", f"Dir::Cache={folder / 'cache'}"),
        *("-o", "Dir::State::status=/var/lib/dpkg/status"),
    ]


def _missing(major: int, options: list[str]) -> list[str]:
    """Packages to fetch: the server, whether or not it is installed, and every library that is not."""
    extension = f"postgresql-{major}-postgis-3"
    server = [f"postgresql-{major}", f"postgresql-client-{major}", extension, f"{extension}-scripts"]
    plan = _apt(["apt-get", *options, "-q", "install", "-s", "--no-install-recommends", *server])
    listed = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    # The compiler for jit is 100 MB and switched off; a second C library would not fit the system's loader.
    libraries = [n for n in listed if re.match(r"lib(?!llvm|c6$|c-bin$).*(?<!-perl)$|proj-data$", n)]
    return [*server, *libraries]


def _lay_out(packages: Path, target: Path, report: Report) -> None:
    """Unpack into `target`, which appears only when complete."""
    archives = sorted(packages.glob("*.deb"))
    report(f"PostGIS: unpacking {len(archives)} packages")
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for archive in archives:
        _apt(["dpkg-deb", "-x", archive, partial])
    for control in partial.glob("usr/share/postgresql/*/extension/postgis*-3.control"):
        # Debian links these names when it configures the package, which unpacking does not do.
        plain = control.with_name(control.name.replace("-3.control", ".control"))
        if not plain.exists():
            plain.symlink_to(control.name)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _unpacked(folder: Path) -> Binaries | None:
    """The server in an own folder, if it is complete. PostgreSQL finds its share folder relative to the program."""
    programs = folder / "usr" / "lib" / "postgresql" / folder.name / "bin"
    control = folder / "usr" / "share" / "postgresql" / folder.name / "extension" / "postgis.control"
    if not os.access(programs / "postgres", os.X_OK) or not control.exists():
        return None
    # blas and lapack lie in folders of their own, which Debian also links only on configuration.
    libraries = sorted({str(path.parent) for top in ("lib", "usr/lib") for path in folder.glob(f"{top}/**/*.so.*")})
    extra = {"LD_LIBRARY_PATH": ":".join(libraries)}
    if (folder / "usr" / "share" / "proj").is_dir():
        extra["PROJ_DATA"] = extra["PROJ_LIB"] = str(folder / "usr" / "share" / "proj")
    return Binaries(programs, int(folder.name), extra)


# Its settings


def configuration(folder: Path, durable: bool) -> str:
    """The whole configuration of the server. Memory fits one small machine that also runs the service."""
    memory = _memory_mb()
    settings: dict[str, str | int] = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "unix_socket_permissions": "0700",
        "port": PORT,
        "max_connections": 100 if durable else 300,
        "shared_buffers": f"{min(2048, max(128, memory // 5)) if durable else min(256, max(64, memory // 10))}MB",
        "effective_cache_size": f"{max(256, memory // 2)}MB",
        "maintenance_work_mem": f"{min(512, max(64, memory // 16))}MB",
        "work_mem": "16MB",
        "wal_compression": "on",
        "max_wal_size": "4GB" if durable else "1GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "datestyle": "iso, ymd",
        # Parallel queries need shared memory, of which containers often have 64 MB.
        "dynamic_shared_memory_type": "posix" if _shared_mb() >= 256 else "mmap",
        # A week of log, in which no coordinate, id or statement of a household appears. Errors of statements are left
        # out whole: their first line already quotes values, and what is terse leaves out only the others.
        "logging_collector": "on",
        "log_filename": "%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": 0,
        "log_truncate_on_rotation": "on",
        "log_min_messages": "log",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_statement": "none",
        "log_min_duration_statement": -1,
        "log_parameter_max_length": 0,
        "log_parameter_max_length_on_error": 0,
    }
    if not durable:
        settings |= {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum_naptime": "5min",
            # Who connects and is killed before it has said its password holds up every DROP DATABASE until then.
            "authentication_timeout": "10s",
        }
    return "".join(f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())


def _memory_mb() -> int:
    """Megabytes of memory that this process may use, by machine and by container."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError, ValueError):
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(limits) >> 20


def _shared_mb() -> int:
    with suppress(OSError):
        size = os.statvfs("/dev/shm")  # noqa: S108 -- only asked for its size
        return size.f_frsize * size.f_blocks >> 20
    return 0
