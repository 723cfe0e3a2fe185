"""The process in which `app.analysis` calculates: it takes calls over a socket and answers each in JSON.

It holds no connection to the database, no secret and no household: only published figures come in, and only what was
made of them goes out. It ends with the service, which holds the other end of the socket.
"""

import contextlib
import importlib
import os
import socket
import sys
from multiprocessing.connection import Connection

import orjson

from geo.errors import CakupanError

#: What an answer begins with: it is one, or an error of ours, or an error nobody foresaw.
ANSWER, ERROR, BROKEN = b"+", b"-", b"!"

#: Uploads come first: whatever else runs on the machine goes before calculations.
_NICE = 5


def answer(module: str, name: str, arguments: tuple[object, ...]) -> bytes:
    """What a function gives, as JSON of its dataclasses and arrays; or the error that it ends with."""
    try:
        made = getattr(importlib.import_module(module), name)(*arguments)
        return ANSWER + orjson.dumps(made, option=orjson.OPT_SERIALIZE_NUMPY)
    except CakupanError as error:
        said = {"kind": type(error).__name__, "code": error.code, "message": str(error)}
        return ERROR + orjson.dumps(said)
    except Exception as error:
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = "" if frame is None else f"{os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}"
        return BROKEN + orjson.dumps({"kind": type(error).__name__, "where": where})


def main(handle: int) -> None:
    """Answer calls until the other end is closed."""
    os.nice(_NICE)
    with Connection(socket.socket(fileno=handle).detach()) as service, contextlib.suppress(EOFError, OSError):
        while True:
            module, name, arguments = service.recv()
            service.send_bytes(answer(module, name, arguments))


if __name__ == "__main__":
    main(int(sys.argv[1]))
