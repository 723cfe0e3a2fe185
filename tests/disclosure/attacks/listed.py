"""All attacks, in the order of the table."""

from tests.disclosure.attacks import arithmetic, places, planning, watching, words
from tests.disclosure.attacks.knowledge import Attack

ATTACKS = [
    found
    for module in (watching, arithmetic, places, words, planning)
    for found in vars(module).values()
    if isinstance(found, Attack)
]
