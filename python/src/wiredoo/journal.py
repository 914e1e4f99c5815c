"""The journal: every call that the server got, and what came of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Union

from .client import Client
from .matching import Match, Options, Patterns, as_match, matching

if TYPE_CHECKING:
    from typing_extensions import Literal, Unpack

    Outcome = Literal["ok", "error", "cut"]

    class Found(Options, total=False):
        """What is asked of calls, and which of them."""

        outcome: Outcome
        since: int
        limit: int


__all__ = ["Difference", "Entry", "Journal", "NearMiss", "Problem", "User", "Verdict", "moment"]

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?")


def moment(text: str) -> datetime:
    """A time as the server writes it."""
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"'{text}' is no time")
    day, time, fraction, zone = found.groups()
    read = datetime.fromisoformat(f"{day}T{time}.{(fraction or '0')[:6].ljust(6, '0')}")
    if zone in (None, "Z"):
        return read.replace(tzinfo=timezone.utc)
    return datetime.fromisoformat(f"{read.isoformat()}{zone}").astimezone(timezone.utc)


@dataclass(frozen=True)
class User:
    """Who called."""

    id: int
    login: str


@dataclass(frozen=True)
class Problem:
    """Why a call was answered with an error."""

    #: The exception: ``odoo.exceptions.UserError``.
    name: str
    message: str


@dataclass(frozen=True)
class Entry:
    """A call in the journal. Passwords, keys and session ids are ``"***"`` in it."""

    #: Counts the calls of a server, from 1 on.
    id: int
    #: When it began, by the system's clock.
    time: datetime
    db: Optional[str]
    dialect: str
    #: Of the request.
    path: str
    #: ``object``, ``common``, ``db``, ``session``.
    service: str
    user: Optional[User]
    model: Optional[str]
    method: Optional[str]
    #: The records that the method was called on.
    ids: List[Any]
    #: The arguments by the names of the parameters, whichever way they came.
    args: Dict[str, Any]
    context: Dict[str, Any]
    #: ``ok``, ``error``, or ``cut`` where the client got no whole answer.
    outcome: str
    error: Optional[Problem]
    #: The HTTP status of the answer.
    status: Optional[int]
    duration_ms: float
    #: The id of the fault or stub that answered.
    rule: Optional[int]
    #: The bodies, where the journal keeps them (:meth:`Journal.keep_bodies`).
    request: Any = None
    response: Any = None
    #: All that the server says of it.
    raw: Dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Entry:
        """An entry as the server writes it; a call as it sends it to the function of a stub."""
        user, error = raw.get("user"), raw.get("error")
        return cls(
            id=raw.get("id", 0),
            time=moment(raw["time"]) if raw.get("time") else datetime.now(timezone.utc),
            db=raw.get("db"),
            dialect=raw.get("dialect", "web"),
            path=raw.get("path", ""),
            service=raw.get("service", ""),
            user=User(user["id"], user["login"]) if user else None,
            model=raw.get("model"),
            method=raw.get("method"),
            ids=list(raw.get("ids") or ()),
            args=dict(raw.get("args") or {}),
            context=dict(raw.get("context") or {}),
            outcome=raw.get("outcome", "ok"),
            error=Problem(error["name"], error["message"]) if error else None,
            status=raw.get("status"),
            duration_ms=raw.get("duration_ms", 0.0),
            rule=raw.get("rule"),
            request=raw.get("request"),
            response=raw.get("response"),
            raw=dict(raw),
        )

    @property
    def call(self) -> str:
        """``res.partner.create``, ``common.login``, or the path of the request."""
        return ".".join(part for part in (self.model or self.service, self.method) if part) if self.method else self.path

    def __str__(self) -> str:
        given = [str(self.ids)] if self.ids else []
        given += [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in self.args.items()]
        text = f"#{self.id} {self.dialect} {self.call}({_short(', '.join(given), 160)})"
        if self.user:
            text += f" by {self.user.login}"
        if self.error:
            text += f": {self.error.name} {_short(self.error.message, 100)}".rstrip()
        else:
            text += ": no answer" if self.outcome == "cut" else f": {self.outcome}"
        if self.rule is not None:
            text += f" (rule {self.rule})"
        return f"{text}, {self.duration_ms:.1f} ms"


def _short(text: str, length: int) -> str:
    text = text.splitlines()[0] if text else ""
    return text if len(text) <= length else f"{text[: length - 1]}…"


@dataclass(frozen=True)
class Difference:
    """A wanted value that a call did not have."""

    #: ``model``, ``args.vals.name``.
    at: str
    wanted: Any
    was: Any


@dataclass(frozen=True)
class NearMiss:
    """A call that is nearly what was expected."""

    entry: Entry
    differences: List[Difference]


@dataclass(frozen=True)
class Verdict:
    """Whether the calls were as expected; true if so."""

    ok: bool
    #: How many calls were as described.
    count: int
    #: Why not, with the nearest misses.
    message: str
    entries: List[Entry]
    nearest: List[NearMiss]

    def __bool__(self) -> bool:
        return self.ok

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Verdict:
        """A verdict as the server writes it."""
        nearest = [
            NearMiss(
                Entry.read(miss["entry"]),
                [Difference(found["at"], found.get("wanted"), found.get("was")) for found in miss["differences"]],
            )
            for miss in raw.get("nearest") or ()
        ]
        entries = [Entry.read(entry) for entry in raw.get("entries") or ()]
        return cls(raw["ok"], raw["count"], raw.get("message") or "", entries, nearest)


class Journal:
    """The calls in one database, or of a whole server."""

    def __init__(self, client: Client, db: Optional[str] = None) -> None:
        self._client = client
        self._db = db

    def entries(self, model: Patterns = None, method: Patterns = None, **match: Unpack[Found]) -> List[Entry]:
        """The calls that are meant, oldest first.

        Beside what :class:`Options` has: ``outcome``, ``since`` (the id of an entry) and ``limit`` (of the newest).
        """
        said: Dict[str, Any] = {"model": model, "method": method, **match}
        query = {name: said.pop(name, None) for name in ("outcome", "since", "limit")}
        body = {"db": said.get("db", self._db), **query, "match": matching(said)}
        found = self._client.post("/journal/search", {name: value for name, value in body.items() if value is not None})
        return [Entry.read(entry) for entry in found]

    @property
    def last(self) -> Optional[Entry]:
        """The newest call, if there is one."""
        entries = self.entries(limit=1)
        return entries[0] if entries else None

    def __len__(self) -> int:
        return len(self.entries())

    def __bool__(self) -> bool:
        return True

    def verify(
        self,
        model: Patterns = None,
        method: Patterns = None,
        *,
        exactly: Optional[int] = None,
        at_least: Optional[int] = None,
        at_most: Optional[int] = None,
        never: bool = False,
        since: Optional[int] = None,
        **match: Unpack[Options],
    ) -> Verdict:
        """Whether there were so many calls as described; at least one where nothing is said of the number."""
        return Verdict.read(
            self._client.post(
                "/journal/verify",
                self._expectation({"model": model, "method": method, **match}, exactly, at_least, at_most, never, since),
            )
        )

    def assert_called(
        self,
        model: Patterns = None,
        method: Patterns = None,
        *,
        exactly: Optional[int] = None,
        at_least: Optional[int] = None,
        at_most: Optional[int] = None,
        since: Optional[int] = None,
        **match: Unpack[Options],
    ) -> List[Entry]:
        """Fails, with the nearest misses, unless there were so many calls as described. Answers with the calls."""
        __tracebackhide__ = True
        verdict = self.verify(
            model, method, exactly=exactly, at_least=at_least, at_most=at_most, since=since, **match
        )
        return _accept(verdict)

    def assert_not_called(
        self, model: Patterns = None, method: Patterns = None, *, since: Optional[int] = None, **match: Unpack[Options]
    ) -> None:
        """Fails if there was any call as described."""
        __tracebackhide__ = True
        _accept(self.verify(model, method, never=True, since=since, **match))

    def assert_in_order(self, *calls: Union[Match, Sequence[str], str]) -> List[Entry]:
        """Fails unless there were these calls one after the other, whatever else was between them.

        A call is ``"res.partner.create"``, ``("res.partner", "create")`` or a dictionary as :class:`Match`.
        """
        __tracebackhide__ = True
        expected = self._body({"in_order": [matching(as_match(call)) for call in calls]})
        return _accept(Verdict.read(self._client.post("/journal/verify", expected)))

    def wait_for(
        self,
        model: Patterns = None,
        method: Patterns = None,
        *,
        timeout: float = 1.0,
        count: int = 1,
        since: Optional[int] = None,
        **match: Unpack[Options],
    ) -> List[Entry]:
        """Waits until there are at least ``count`` calls as described; fails after ``timeout`` seconds."""
        __tracebackhide__ = True
        said = {"model": model, "method": method, **match}
        body = self._expectation(said, None, count, None, False, since)
        body["timeout_ms"] = int(timeout * 1000)
        verdict = Verdict.read(self._client.post("/journal/wait", body, patience=timeout))
        if not verdict.ok:
            raise AssertionError(f"{verdict.message}\nafter {timeout:g} s")
        return verdict.entries

    def clear(self) -> None:
        """Forgets the calls."""
        self._client.ask("DELETE", "/journal", {"db": self._db})

    def keep_bodies(self, keep: bool = True, *, size: Optional[int] = None) -> None:
        """Whether entries have the bodies of requests and answers, and how many are kept. For the whole server."""
        settings = {"bodies": keep, "size": size}
        self._client.ask("PUT", "/journal/settings", body={k: v for k, v in settings.items() if v is not None})

    def export_jsonl(self, path: Union[str, PathLike[str]]) -> Path:
        """Writes the calls into a file, a line of JSON each."""
        return self._export("/journal.jsonl", path)

    def export_har(self, path: Union[str, PathLike[str]]) -> Path:
        """Writes the calls into a file as an HTTP archive, which browsers and proxies open."""
        return self._export("/journal.har", path)

    def _export(self, source: str, path: Union[str, PathLike[str]]) -> Path:
        target = Path(path)
        target.write_bytes(self._client.fetch("GET", source, {"db": self._db}))
        return target

    def _body(self, said: Mapping[str, Any]) -> Dict[str, Any]:
        body = {"db": self._db, **said}
        return {name: value for name, value in body.items() if value is not None}

    def _expectation(
        self,
        said: Mapping[str, Any],
        exactly: Optional[int],
        at_least: Optional[int],
        at_most: Optional[int],
        never: bool,
        since: Optional[int],
    ) -> Dict[str, Any]:
        return self._body(
            {
                "match": matching(said),
                "exactly": exactly,
                "at_least": at_least,
                "at_most": at_most,
                "never": never or None,
                "since": since,
            }
        )


def _accept(verdict: Verdict) -> List[Entry]:
    __tracebackhide__ = True
    if not verdict.ok:
        raise AssertionError(verdict.message)
    return verdict.entries
