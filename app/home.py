"""The folder that keeps what is private to one installation: who may enter it, and the secrets in it."""

import json
import os
import pwd
import secrets as randomness
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.postgis import EmbeddedError


@dataclass(frozen=True)
class Secrets:
    """Random words made once: passwords of the four logins, and the key that signs sessions."""

    owner: str = field(repr=False)
    worker: str = field(repr=False)
    internal: str = field(repr=False)
    release: str = field(repr=False)
    session: str = field(repr=False)


def secrets_of(home: Path) -> Secrets:
    """The secrets in `home/secrets.json` (mode 0600), made if there are none. Also used with an outside server.

    Raises EmbeddedError if the file belongs to somebody else or cannot be understood.
    """
    make_home(home)
    path = home / "secrets.json"
    if not path.exists():
        _write_once(path, json.dumps(asdict(Secrets(*(randomness.token_urlsafe(32) for _ in range(5))))))
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return Secrets(**json.loads(path.read_text(encoding="utf-8")))
    except PermissionError:
        owner = user_name(path.stat().st_uid)
        raise EmbeddedError(f"{path} belongs to {owner}: run as {owner}, or set CAKUPAN_HOME to a folder.") from None
    except (ValueError, TypeError):
        raise EmbeddedError(f"{path} is damaged: put back the copy from your backup of {home}.") from None


def _write_once(path: Path, text: str) -> None:
    """Let `path` appear complete and readable by its owner alone; of several writers the first wins."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)


def make_home(home: Path) -> None:
    """Create `home`; for root others may pass through it, since the server is another user."""
    try:
        home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as cause:
        raise EmbeddedError(f"Cannot make {home} ({cause.strerror}): set CAKUPAN_HOME to a folder of yours.") from None
    if not os.access(home, os.W_OK | os.X_OK):
        raise EmbeddedError(f"{home} cannot be written by {user_name(os.geteuid())}: set CAKUPAN_HOME to a folder.")


def user_name(uid: int) -> str:
    """The name of a user of this machine, or its number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
