"""What can go wrong below `app`, as a small family. HTTP and exit codes are the callers' business.

`CakupanError`
    `NotFound`      what was asked for does not exist, or lies outside the caller's scope
    `Refused`       the request contradicts what is stored, or a rule of the design
    `BadInput`      what was sent or read cannot be understood
    `NotReady`      the database lacks what the request needs (schema, campaign, edition)
"""


class CakupanError(Exception):
    """Root of the family. `code` is stable and documented; the message says what to do."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code:
            self.code = code


class NotFound(CakupanError):
    """What was asked for does not exist, or lies outside the caller's scope."""

    code = "not-found"


class Refused(CakupanError):
    """The request contradicts what is stored, or a rule of the design."""

    code = "refused"


class BadInput(CakupanError):
    """What was sent or read cannot be understood."""

    code = "bad-input"


class NotReady(CakupanError):
    """The database lacks what the request needs: a current schema, a campaign, an edition."""

    code = "not-ready"
