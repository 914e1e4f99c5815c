"""Faults and stubs: what happens to calls, instead of or beside what would."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Type

from .callback import Receiver
from .client import Client
from .errors import Refusal, StubError
from .journal import Entry
from .matching import Patterns, RuleOptions, matching

if TYPE_CHECKING:
    from typing_extensions import Literal, Unpack

    ErrorKind = Literal[
        "session_expired",
        "access_denied",
        "access_error",
        "user_error",
        "validation_error",
        "missing_error",
        "serialization_failure",
    ]
    Connection = Literal["cut_before", "cut_after", "truncated", "malformed", "slow"]

__all__ = ["PASS", "Faults", "Rule", "Stubs"]


class _Pass:
    def __repr__(self) -> str:
        return "wiredoo.PASS"


#: What the function of a stub returns to let the call run.
PASS = _Pass()

class Rule:
    """A fault or stub in force. As a context manager it is removed at the end."""

    def __init__(self, client: Client, kind: str, raw: Mapping[str, Any]) -> None:
        self._client = client
        self._path = f"/{kind}/{raw['id']}"
        self.id: int = raw["id"]
        self.name: Optional[str] = raw.get("name")
        #: To which calls.
        self.match: Dict[str, Any] = dict(raw.get("match") or {})
        #: All that the server says of it.
        self.raw: Dict[str, Any] = dict(raw)

    @property
    def hits(self) -> int:
        """To how many calls it has happened so far."""
        self.raw = dict(self._client.get(self._path))
        return int(self.raw["hits"])

    def remove(self) -> None:
        """Takes it out of force."""
        self._client.ask("DELETE", self._path)

    def __enter__(self) -> Rule:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            self.remove()
        except Refusal as refusal:
            # Somebody has removed it already, or its database.
            if refusal.status != 404:
                raise

    def __repr__(self) -> str:
        said = {name: value for name, value in self.raw.items() if name not in ("id", "hits")}
        return f"<rule {self.id}: {said}>"


class _Rules:
    """What faults and stubs have in common."""

    _kind: str

    def __init__(self, client: Client, db: Optional[str] = None) -> None:
        self._client = client
        self._db = db

    def _add(self, model: Patterns, method: Patterns, said: Mapping[str, Any], does: Mapping[str, Any]) -> Rule:
        rule: Dict[str, Any] = {"match": matching({"model": model, "method": method, **said}, self._db), **does}
        return Rule(self._client, self._kind, self._client.post(f"/{self._kind}", rule))

    def list(self) -> List[Rule]:
        """The rules in force here, oldest first."""
        return [Rule(self._client, self._kind, raw) for raw in self._client.get(f"/{self._kind}", {"db": self._db})]

    def clear(self) -> None:
        """Removes the rules of this database, or all of the server."""
        self._client.ask("DELETE", f"/{self._kind}", {"db": self._db})


class Faults(_Rules):
    """What goes wrong on demand, in one database or in all.

    Every method takes a model and a method (patterns with ``*``, or lists; any where they are not said) and, by name, the
    rest of a :class:`RuleOptions`: ``where``, ``user``, ``dialect``, ``service``, ``path``, ``times``, ``nth``,
    ``probability``. Of several faults for a call the newest happens.
    """

    _kind = "faults"

    def add(
        self,
        model: Patterns = None,
        method: Patterns = None,
        *,
        error: Optional[ErrorKind] = None,
        message: Optional[str] = None,
        retried: Optional[int] = None,
        http: Optional[int] = None,
        retry_after: Optional[int] = None,
        body: Optional[str] = None,
        connection: Optional[Connection] = None,
        bytes_per_second: Optional[int] = None,
        restart: Optional[float] = None,
        delay: Optional[float] = None,
        name: Optional[str] = None,
        **match: Unpack[RuleOptions],
    ) -> Rule:
        """Puts a fault in force: a ``delay``, and at most one of ``error``, ``http``, ``connection`` and ``restart``."""
        effect = {
            "delay_ms": None if delay is None else int(delay * 1000),
            "error": error,
            "message": message,
            "retried": retried,
            "http": http,
            "retry_after": retry_after,
            "body": body,
            "connection": connection,
            "bytes_per_second": bytes_per_second,
            "restart": None if restart is None else {"down_ms": int(restart * 1000)},
        }
        does: Dict[str, Any] = {"effect": {key: value for key, value in effect.items() if value is not None}}
        if name is not None:
            does["name"] = name
        return self._add(model, method, match, does)

    def session_expired(self, model: Patterns = None, method: Patterns = None, **match: Unpack[RuleOptions]) -> Rule:
        """The session is said to be over, as the dialect says it."""
        return self.add(model, method, error="session_expired", **match)

    def access_denied(self, model: Patterns = None, method: Patterns = None, **match: Unpack[RuleOptions]) -> Rule:
        """Login and password, or the key, are refused."""
        return self.add(model, method, error="access_denied", **match)

    def access_error(
        self, model: Patterns = None, method: Patterns = None, message: Optional[str] = None, **match: Unpack[RuleOptions]
    ) -> Rule:
        """The user may not do that."""
        return self.add(model, method, error="access_error", message=message, **match)

    def user_error(
        self, model: Patterns = None, method: Patterns = None, message: Optional[str] = None, **match: Unpack[RuleOptions]
    ) -> Rule:
        """The server refuses for a reason of business."""
        return self.add(model, method, error="user_error", message=message, **match)

    def validation_error(
        self, model: Patterns = None, method: Patterns = None, message: Optional[str] = None, **match: Unpack[RuleOptions]
    ) -> Rule:
        """A constraint does not hold."""
        return self.add(model, method, error="validation_error", message=message, **match)

    def missing_error(
        self, model: Patterns = None, method: Patterns = None, message: Optional[str] = None, **match: Unpack[RuleOptions]
    ) -> Rule:
        """The record is gone."""
        return self.add(model, method, error="missing_error", message=message, **match)

    def serialization_failure(
        self, model: Patterns = None, method: Patterns = None, retried: Optional[int] = None, **match: Unpack[RuleOptions]
    ) -> Rule:
        """Two transactions were at odds; with ``retried`` the server tries again, in vain so often, and succeeds."""
        return self.add(model, method, error="serialization_failure", retried=retried, **match)

    def http(
        self,
        status: int,
        model: Patterns = None,
        method: Patterns = None,
        *,
        retry_after: Optional[int] = None,
        body: Optional[str] = None,
        **match: Unpack[RuleOptions],
    ) -> Rule:
        """A proxy answers in the server's place: 413, 429, 500, 502, 503 or 504, with a page."""
        return self.add(model, method, http=status, retry_after=retry_after, body=body, **match)

    def rate_limited(
        self, model: Patterns = None, method: Patterns = None, *, retry_after: int = 1, **match: Unpack[RuleOptions]
    ) -> Rule:
        """429, with ``Retry-After``."""
        return self.add(model, method, http=429, retry_after=retry_after, **match)

    def cut_before(self, model: Patterns = None, method: Patterns = None, **match: Unpack[RuleOptions]) -> Rule:
        """The connection is closed and the call not run."""
        return self.add(model, method, connection="cut_before", **match)

    def cut_after(self, model: Patterns = None, method: Patterns = None, **match: Unpack[RuleOptions]) -> Rule:
        """The call is run and kept, and the connection closed without an answer."""
        return self.add(model, method, connection="cut_after", **match)

    def truncated(self, model: Patterns = None, method: Patterns = None, **match: Unpack[RuleOptions]) -> Rule:
        """The call is run, half of the answer sent, and the connection closed."""
        return self.add(model, method, connection="truncated", **match)

    def malformed(self, model: Patterns = None, method: Patterns = None, **match: Unpack[RuleOptions]) -> Rule:
        """The call is run, and the answer cannot be read."""
        return self.add(model, method, connection="malformed", **match)

    def slow(
        self, model: Patterns = None, method: Patterns = None, *, bytes_per_second: int = 100, **match: Unpack[RuleOptions]
    ) -> Rule:
        """The call is run, and the answer trickles in."""
        return self.add(model, method, connection="slow", bytes_per_second=bytes_per_second, **match)

    def delay(
        self, seconds: float, model: Patterns = None, method: Patterns = None, **match: Unpack[RuleOptions]
    ) -> Rule:
        """The call waits before it is run."""
        return self.add(model, method, delay=seconds, **match)

    def restart(
        self, model: Patterns = None, method: Patterns = None, *, down: float = 0.0, **match: Unpack[RuleOptions]
    ) -> Rule:
        """The server goes down before the call is run, and answers nobody for ``down`` seconds."""
        return self.add(model, method, restart=down, **match)


class Stubs(_Rules):
    """Answers in the place of the database's own, in one database or in all.

    A stub needs no such model in the database. Of several stubs for a call the newest answers.
    """

    _kind = "stubs"

    def __init__(self, client: Client, receiver: Receiver, db: Optional[str] = None) -> None:
        super().__init__(client, db)
        self._receiver = receiver

    def answer(self, model: Patterns, method: Patterns, value: Any, **match: Unpack[RuleOptions]) -> Rule:
        """Always answers with ``value``."""
        return self._add(model, method, match, {"answer": value})

    def answers(self, model: Patterns, method: Patterns, values: Sequence[Any], **match: Unpack[RuleOptions]) -> Rule:
        """Answers with one value after the other; the last one stays."""
        return self._add(model, method, match, {"answers": list(values)})

    def template(self, model: Patterns, method: Patterns, value: Any, **match: Unpack[RuleOptions]) -> Rule:
        """Answers with ``value``, in which ``{{args.vals.name}}`` is replaced by what the call has there."""
        return self._add(model, method, match, {"template": value})

    def error(
        self,
        model: Patterns,
        method: Patterns,
        error: ErrorKind = "user_error",
        message: Optional[str] = None,
        **match: Unpack[RuleOptions],
    ) -> Rule:
        """Answers with an error, as the dialect and the series write it."""
        does = {"error": error} if message is None else {"error": error, "message": message}
        return self._add(model, method, match, does)

    def callback(
        self, model: Patterns, method: Patterns, function: Callable[[Entry], Any], **match: Unpack[RuleOptions]
    ) -> Rule:
        """Answers with what ``function`` returns for the call.

        It runs in a thread of this process. Where it returns :data:`PASS`, the call runs; where it raises a
        :class:`StubError`, the call is answered with that error. What else it raises is a user error for the client, and
        is raised by :meth:`check`.
        """

        def answer(call: Mapping[str, Any]) -> Dict[str, Any]:
            try:
                value = function(Entry.read(call))
            except StubError as refused:
                return {"error": refused.error, **({"message": refused.message} if refused.message else {})}
            return {"pass": True} if value is PASS else {"answer": value}

        url = self._receiver.take(answer, self._db)
        return self._add(model, method, match, {"callback": url})

    def unused(self) -> List[Rule]:
        """The stubs that have answered no call."""
        return [Rule(self._client, self._kind, raw) for raw in self._client.get("/stubs/unused", {"db": self._db})]

    def check(self) -> None:
        """Raises what the functions of stubs have raised unexpectedly, the first of it."""
        for error in self._receiver.failures(self._db):
            raise error
