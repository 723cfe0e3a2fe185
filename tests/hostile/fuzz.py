"""A target for atheris, guided by coverage: `python -m tests.hostile.fuzz -runs=100000`. Needs no database.

The first byte chooses format and compression. Anything else than `BadInput` and `Fault` ends the run.
"""

import contextlib
import sys
from datetime import UTC, datetime

import atheris
import orjson

PARSERS = ["app.bodies", "geo.intake.submissions", "geo.intake.files", "geo.ground.workbooks"]
with atheris.instrument_imports(include=PARSERS):
    from app import bodies
    from geo.intake import submissions

from geo.errors import BadInput  # noqa: E402  # what is imported before is not guided by
from geo.intake.reasons import Fault  # noqa: E402  # for the same reason

LIMITS = submissions.Limits(datetime(2022, 10, 24, 9, tzinfo=UTC), datetime(2022, 10, 14, 16, tzinfo=UTC), UTC)


def one(data: bytes) -> None:
    """Understand a body, parse its rows, and keep those that are no good."""
    if not data:
        return
    kind = bodies.MEDIA_TYPES[data[0] % len(bodies.MEDIA_TYPES)]
    try:
        found = bodies.understand(bodies.Sent(data[1:], "gzip" if data[0] > 200 else "identity", kind))
    except BadInput:
        return
    for number, raw in enumerate(found.rows):
        with contextlib.suppress(Fault):
            if not isinstance(raw, Fault):
                submissions.parse(number, raw, LIMITS).digest()
        orjson.dumps(submissions.mask({"fault": raw.detail} if isinstance(raw, Fault) else raw))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
