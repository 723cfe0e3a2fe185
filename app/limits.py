"""How often one account may ask, how many maps it may keep open, and how often one address may fail.

So that nobody takes the service from the others. Counted in memory, in this process. What is over the limit gets 429
with `Retry-After`; a device keeps what it has and sends again. Failures are counted by address, and successes are not:
a whole office shares one.
"""

import asyncio
import ipaddress
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from app.settings import Settings
from geo.errors import CakupanError


class TooMany(CakupanError):
    """Too many requests; `seconds` says when to try again."""

    code = "too-many-requests"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many requests: try again in {seconds} s")
        self.seconds = seconds


#: Passwords held against their hashes at once: each takes a connection, memory and a tenth of a second.
AT_ONCE = 2


class TooManyStreams(TooMany):
    """As many maps of one account are open as may be."""

    code = "too-many-streams"

    def __init__(self, most: int) -> None:
        super().__init__(REDIAL_SECONDS)
        self.args = (f"{most} maps of this account are open already: close one",)


#: After so many seconds a map that was refused may ask again.
REDIAL_SECONDS = 10


class Limits:
    """The counters of one process. Log-ins are let in a few at a time (`entering`), lest uploads wait for them."""

    def __init__(self, settings: Settings) -> None:
        self.entering = asyncio.Semaphore(AT_ONCE)
        self._counters = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._asked = _a_minute(settings.requests_per_minute)
        self._failed = _a_minute(settings.failures_per_minute)
        self._streams = settings.streams_per_account
        self._open = Counter[int]()

    def asked(self, account: int) -> None:
        """Count a request of an account. Raises TooMany."""
        if self._asked and not self._counters.hit(self._asked, "asked", str(account)):
            raise TooMany(self._seconds(self._asked, "asked", str(account)))

    def visited(self, request: Request) -> None:
        """Count a request of the public, by address. Raises TooMany."""
        address = _address(request)
        if self._asked and not self._counters.hit(self._asked, "visited", address):
            raise TooMany(self._seconds(self._asked, "visited", address))

    def may_watch(self, account: int) -> None:
        """Before a stream is opened. Raises TooManyStreams."""
        if self._streams and self._open[account] >= self._streams:
            raise TooManyStreams(self._streams)

    @contextmanager
    def watching(self, account: int) -> Iterator[None]:
        """Count a stream while it is open."""
        self._open[account] += 1
        try:
            yield
        finally:
            self._open[account] -= 1
            if not self._open[account]:
                del self._open[account]

    def may_fail(self, request: Request) -> None:
        """Before a secret is looked at. Raises TooMany where too many from the same address were wrong."""
        address = _address(request)
        if self._failed and not self._counters.test(self._failed, "failed", address):
            raise TooMany(self._seconds(self._failed, "failed", address))

    def failed(self, request: Request) -> None:
        """Count a secret that was wrong."""
        if self._failed:
            self._counters.hit(self._failed, "failed", _address(request))

    def _seconds(self, limit: RateLimitItem, *key: str) -> int:
        until = self._counters.get_window_stats(limit, *key).reset_time
        return min(max(math.ceil(until - time.time()), 1), 60)


def of(request: Request) -> Limits:
    """The counters of the process that answers."""
    found: Limits = request.app.state.limits
    return found


def _a_minute(times: int) -> RateLimitItem | None:
    return RateLimitItemPerMinute(times) if times else None


def _address(request: Request) -> str:
    """Where a request comes from; a whole /64 of IPv6 is one subscriber, however its zeros are written."""
    host = request.client.host if request.client else ""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:  # a name, or a socket that has no address
        return host
    if found.version == 4:
        return host
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))
