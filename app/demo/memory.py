"""What a demo remembers between two starts: which city it plays, its password and its phones' tokens."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.demo.city import SCALES, City, Scale
from app.demo.fieldwork import Fieldwork
from app.home import make_home
from geo.errors import Refused
from geo.trust import accounts


@dataclass(frozen=True)
class Memory:
    """A demo. `tokens` by account name; they, `month` and `ground` (digests) are empty before its ground is laid."""

    seed: int
    scale: Scale
    password: str = field(repr=False)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    month: str = ""
    ground: str = ""


@contextmanager
def folder(home: Path) -> Iterator[Path]:
    """The demo's folder in `home`, for this process alone. Raises Refused where another one has it."""
    make_home(home)
    found = home / "demo"
    found.mkdir(mode=0o700, exist_ok=True)
    with (found / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            raise Refused(f"a demo is running already: stop it, or wait for its end ({found})") from busy
        yield found


def recall(place: Path, seed: int | None, scale: Scale | None, *, fresh: bool) -> Memory:
    """The demo in `place`, or a new one. Raises Refused where another seed or scale is asked for than it has."""
    path = place / "demo.json"
    if fresh or not path.exists():
        return Memory(22 if seed is None else seed, scale or "district", accounts.new_password())
    found = Memory(**json.loads(path.read_text(encoding="utf-8")))
    if seed not in {None, found.seed} or scale not in {None, found.scale}:
        raise Refused(
            f"there is a demo of seed {found.seed} and scale {found.scale}: leave both out and it goes on, "
            "or begin anew with --fresh"
        )
    return found


def known_scale(scale: str | None) -> Scale | None:
    """A scale by its name. Raises Refused where there is none of this name."""
    for known in SCALES:
        if scale == known:
            return known
    if scale is not None:
        raise Refused(f"there is no scale {scale}: take one of {', '.join(SCALES)}")
    return None


def forget(place: Path) -> None:
    """Remove all that a demo of before has left, its phones with what waits on them."""
    for old in place.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        elif old.name != "lock":
            old.unlink()


def keep(place: Path, memory: Memory) -> None:
    """Remember a demo, for its owner's eyes alone."""
    draft = place / "demo.json.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(memory), file)
    draft.replace(place / "demo.json")


def digest(city: City, fieldwork: Fieldwork) -> str:
    """Names a month: another version of the demo may make another one of the same seed."""
    made = hashlib.blake2b(digest_size=16)
    made.update("\n".join([*city.blocks.code, *fieldwork.household_id]).encode())
    for values in (*vars(fieldwork.visits).values(), fieldwork.sync_enumerator, fieldwork.sync_at):
        made.update(values.tobytes())
    return made.hexdigest()
