"""What people write beside their decisions: short, printable, and without numbers of identities."""

from geo.errors import BadInput
from geo.identities import identity_number

#: Characters of a note.
LONGEST = 500


def kept(note: str | None, code: str) -> str | None:
    """A note as it may be kept, None for an empty one. Raises BadInput (`code`, `identity-number`) where it may not."""
    text = "".join(c if c.isprintable() else " " for c in note or "").strip()
    if len(text) > LONGEST:
        raise BadInput(f"a note has at most {LONGEST} characters", code=code)
    if identity_number(text):
        raise BadInput(
            "the note holds what looks like a national or family-card number: take it out", code="identity-number"
        )
    return text or None
