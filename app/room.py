"""Room on the disk of the private database.

A full disk stops the server, and with it the maps: so uploads are put off before that, while there is
room for what was taken.
"""

import os

from app.settings import Settings
from geo.errors import NotReady


def require(settings: Settings) -> None:
    """Raise NotReady (`no-room`) where less of the disk is free than `least_free_percent`.

    An outside server's disk is not seen from here.
    """
    if settings.database_url is not None or not settings.least_free_percent:
        return
    data = settings.home / "data"
    disk = os.statvfs(data if data.exists() else settings.home)
    usable = disk.f_blocks - disk.f_bfree + disk.f_bavail  # as df counts: what is kept for root is neither
    if disk.f_bavail * 100 < settings.least_free_percent * usable:
        raise NotReady("the disk is nearly full: keep what you have and send it again later", code="no-room")
