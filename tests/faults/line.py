"""A bad line between devices and service: a TCP proxy on loopback that swallows answers and cuts connections."""

import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

#: Bytes moved at once.
_PIECE = 65536

#: Seconds after which a silent connection is given up.
_SILENCE = 30.0


class Line:
    """Passes connections on to whatever port `target` names at the moment, and spoils some of them.

    `drop`, `half`, `cut`: the share of connections whose answer is swallowed, whose answer breaks off, whose request
    breaks off. What was done is counted in `done`.
    """

    def __init__(
        self, target: Callable[[], int | None], seed: int, *, drop: float = 0.2, half: float = 0.05, cut: float = 0.05
    ) -> None:
        self._target = target
        self._chance = random.Random(seed)  # noqa: S311 -- luck, not secrecy
        self._shares = {"drop": drop, "half": half, "cut": cut, "pass": 1 - drop - half - cut}
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._closing = threading.Event()
        self.done: Counter[str] = Counter()
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            fate = self._chance.choices(list(self._shares), list(self._shares.values()))[0]
            after = self._chance.randrange(1, 4000)
            threading.Thread(target=self._connect, args=(near, fate, after), daemon=True).start()

    def _connect(self, near: socket.socket, fate: str, after: int) -> None:
        port = self._target()
        with near, suppress(OSError):
            if port is None:
                return
            with socket.create_connection(("127.0.0.1", port), timeout=_SILENCE) as far:
                near.settimeout(_SILENCE)
                self.done[fate] += 1
                asking = threading.Thread(target=_pump, args=(near, far, after if fate == "cut" else None), daemon=True)
                asking.start()
                if fate == "drop":
                    far.recv(_PIECE)  # the service has answered, hence it is through; nobody hears it
                    near.shutdown(socket.SHUT_RDWR)
                else:
                    _pump(far, near, 40 + after % 100 if fate == "half" else None)
                asking.join(_SILENCE)

    def close(self) -> None:
        """Take no more connections."""
        self._closing.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


def _pump(source: socket.socket, sink: socket.socket, most: int | None) -> None:
    """Move bytes until the source ends, or `most` of them have been moved; then close both ways."""
    moved = 0
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            piece = piece if most is None else piece[: most - moved]
            sink.sendall(piece)
            moved += len(piece)
            if most is not None and moved >= most:
                break
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def line(target: Callable[[], int | None], seed: int, **shares: float) -> Iterator[Line]:
    """A bad line for the time of the block."""
    made = Line(target, seed, **shares)
    try:
        yield made
    finally:
        made.close()
