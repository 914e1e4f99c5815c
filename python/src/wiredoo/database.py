"""A database of a server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple, Type

from . import fixtures as files
from .clock import Clock
from .client import PATIENCE, Client, dumps, segment
from .errors import OdooError, WiredooError
from .fixtures import Fixture
from .journal import Journal
from .rules import Faults, Stubs

if TYPE_CHECKING:
    from .server import Server

__all__ = ["Database", "Loaded"]


@dataclass(frozen=True)
class Loaded:
    """What fixtures have brought."""

    records: int
    users: int
    #: Model and id by external id.
    ids: Dict[str, Tuple[str, int]]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Loaded:
        """What was loaded, as the server writes it."""
        return cls(raw.get("records", 0), raw.get("users", 0), _ids(raw.get("ids")))


def _ids(raw: Optional[Mapping[str, Any]]) -> Dict[str, Tuple[str, int]]:
    return {name: (model, number) for name, (model, number) in (raw or {}).items()}


class Database:
    """A database, how to log in to it, and all that a test can do to it.

    As a context manager it is dropped at the end.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        login: str,
        password: str,
        api_key: Optional[str] = None,
        ids: Optional[Mapping[str, Any]] = None,
    ) -> None:
        #: The server that it is on.
        self.server = server
        #: Where clients connect to: ``http://127.0.0.1:40001``.
        self.url = server.url
        self.host = server.host
        self.port = server.port
        #: The series of the server: ``19.0``.
        self.series = server.series
        #: Its name, which clients log in with.
        self.db = name
        self.login = login
        self.password = password
        #: An API key of the same user; ``None`` where the server was started without one.
        self.api_key = api_key
        #: Model and id of the records of fixtures, by external id.
        self.ids: Dict[str, Tuple[str, int]] = _ids(ids)
        client = server._client
        self.journal = Journal(client, name)
        self.faults = Faults(client, name)
        self.stubs = Stubs(client, server._receiver, name)
        self.clock = Clock(client, name)
        self._client = client
        self._path = f"/databases/{segment(name)}"
        self._uid: Optional[int] = None

    def load(self, *fixtures: Fixture) -> Loaded:
        """Loads fixtures: files, folders, or what would be in a file. All of them, or nothing.

        Raises :class:`Refusal`, which names file, line, record and field.
        """
        loaded = Loaded.read(self._client.post(f"{self._path}/fixtures", files.read(fixtures)))
        self.ids.update(loaded.ids)
        return loaded

    def ref(self, external_id: str) -> int:
        """The id of a record by its external id: of a fixture without its module, of others as ``base.be``.

        One that no fixture has brought is looked for by a call of :meth:`execute`.
        """
        if external_id in self.ids:
            return self.ids[external_id][1]
        whole = external_id if "." in external_id else f"fixture.{external_id}"
        module, _, name = whole.partition(".")
        domain = [["module", "=", module], ["name", "=", name]]
        found = self.execute("ir.model.data", "search_read", domain, ["model", "res_id"])
        if not found:
            raise WiredooError(f"there is no record '{external_id}' in {self.db}")
        self.ids[external_id] = (found[0]["model"], found[0]["res_id"])
        return int(found[0]["res_id"])

    def execute(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Calls a method as the administrator, over ``/jsonrpc``, to see or change what is in the database.

        It is a call as any other: the journal has it, faults and stubs apply. Raises :class:`OdooError`.
        """
        if self._uid is None:
            self._uid = self._call("common", "login", [self.db, self.login, self.password]) or None
            if self._uid is None:
                raise OdooError("odoo.exceptions.AccessDenied", f"{self.login} cannot log in to {self.db}")
        return self._call("object", "execute_kw", [self.db, self._uid, self.password, model, method, list(args), kwargs])

    def _call(self, service: str, method: str, args: List[Any]) -> Any:
        params = {"service": service, "method": method, "args": args}
        body = dumps({"jsonrpc": "2.0", "id": 1, "method": "call", "params": params})
        headers = {"Content-Type": "application/json"}
        # A connection of its own, because calls over one that is reused are repeated where it was closed.
        client = Client(self.url)
        try:
            status, content = client.exchange("POST", self.server._path("/jsonrpc"), body, headers, PATIENCE)
        finally:
            client.close()
        try:
            answer = json.loads(content)
        except ValueError:
            raise OdooError(f"HTTP {status}", content[:200].decode("utf-8", "replace")) from None
        if "error" in answer:
            data = answer["error"].get("data") or {}
            raise OdooError(data.get("name") or "", data.get("message") or answer["error"].get("message") or "")
        return answer.get("result")

    def reset(self) -> None:
        """Puts it back to what it was when it was made, with its fixtures."""
        self._client.post(f"{self._path}/reset")

    def snapshot(self, name: str) -> None:
        """Keeps aside, under a name, what is in it now."""
        self._client.post(f"{self._path}/snapshots", {"name": name})

    def restore(self, name: str) -> None:
        """Puts it back to a snapshot, which stays."""
        self._client.post(f"{self._path}/snapshots/{segment(name)}/restore")

    def forget(self, name: str) -> None:
        """Removes a snapshot."""
        self._client.ask("DELETE", f"{self._path}/snapshots/{segment(name)}")

    @property
    def snapshots(self) -> List[str]:
        """The names of its snapshots."""
        return list(self._client.get(f"{self._path}/snapshots"))

    def copy(self, name: Optional[str] = None, prefix: Optional[str] = None) -> Database:
        """A new database with all that is in this one."""
        made = self.server.database(name, prefix, origin=self.db)
        made.ids = dict(self.ids)
        return made

    def drop(self) -> None:
        """Removes it, and with it its journal, faults, stubs and clock."""
        self._client.ask("DELETE", self._path)
        self.server._receiver.forget(self.db)

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.drop()

    def __repr__(self) -> str:
        return f"<Odoo {self.series} database {self.db!r} at {self.url}>"
