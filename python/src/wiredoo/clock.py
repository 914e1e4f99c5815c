"""The clock that sessions, defaults and expiry follow."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any, Dict, Optional, Union

from .client import Client
from .journal import moment

__all__ = ["Clock", "Time"]

#: A time: ``"2026-01-31T08:00:00Z"``, a ``datetime`` (UTC where it has no zone) or a ``date``.
Time = Union[str, datetime, date]


def written(time: Time) -> str:
    """A time as the server reads it."""
    if isinstance(time, str):
        return time
    if not isinstance(time, datetime):
        return time.isoformat()
    aware = time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
    return aware.isoformat().replace("+00:00", "Z")


class Clock:
    """The clock of a database, or of all that have none of their own."""

    def __init__(self, client: Client, db: Optional[str] = None) -> None:
        self._client = client
        self._query = {"db": db}

    def set(self, time: Time) -> None:
        """Shows this time, and goes on from there."""
        self._put({"now": written(time)})

    def fix(self, time: Optional[Time] = None) -> None:
        """Shows this time, or the time that it shows, and stands."""
        self._put({"fixed": written(self.now() if time is None else time)})

    def tick(self, time: Optional[Time] = None, seconds: float = 1.0) -> None:
        """Shows this time, or the time that it shows, and each call moves it."""
        self._put({"now": written(self.now() if time is None else time), "tick_seconds": seconds})

    def advance(
        self, seconds: Union[float, timedelta] = 0.0, *, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0
    ) -> None:
        """Puts it forward."""
        span = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        span += timedelta(minutes=minutes, hours=hours, days=days)
        self._client.post("/clock/advance", {"seconds": span.total_seconds()}, self._query)

    def now(self) -> datetime:
        """What it shows, in UTC."""
        return moment(self._client.get("/clock", self._query)["now"])

    @property
    def mode(self) -> str:
        """``running``, ``fixed`` or ``ticking``."""
        return str(self._client.get("/clock", self._query)["mode"])

    def reset(self) -> None:
        """Shows the system's time again."""
        self._put({})

    def _put(self, setting: Dict[str, Any]) -> None:
        self._client.ask("PUT", "/clock", self._query, setting)

    def preset(self, text: str) -> None:
        """Sets it as ``--clock`` does: ``TIME``, ``fixed:TIME`` or ``tick:TIME``."""
        how, _, time = text.partition(":")
        if how == "fixed":
            self.fix(time)
        elif how == "tick":
            self.tick(time)
        else:
            self.set(text)
