"""A server, started here or elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from datetime import date, datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Type, Union
from urllib.parse import urlsplit

from . import fixtures as files
from .callback import Receiver
from .client import Client, plain
from .clock import Clock, Time, written
from .database import Database
from .errors import WiredooError
from .fixtures import Fixture
from .journal import Journal
from .process import Process
from .rules import Faults, Stubs

__all__ = ["Server", "connect", "start"]


def start(
    series: str = "19.0",
    *,
    fixtures: Union[Fixture, Iterable[Fixture]] = (),
    clock: Optional[Time] = None,
    seed: Optional[int] = None,
    db_auto: Optional[str] = None,
    args: Sequence[str] = (),
    executable: Union[str, PathLike[str], None] = None,
    env: Optional[Mapping[str, str]] = None,
    timeout: float = 30.0,
) -> Server:
    """Starts a server on a free port of 127.0.0.1, with its databases in memory, and the database ``odoo`` in it.

    :param series: the series of Odoo to be: 15.0, 16.0, 17.0, 18.0 or 19.0
    :param fixtures: what the database ``odoo`` is filled with
    :param clock: the time that it shows at first; as text also ``fixed:TIME`` and ``tick:TIME``
    :param seed: makes chance repeatable: session ids, keys, salts, and the ``probability`` of faults
    :param db_auto: databases of such names (``test_*``) are made when they are first asked for
    :param args: further arguments of the program, see ``wiredoo --help``
    :param executable: the program; where it is not said, see :func:`find_executable`
    :param env: environment variables for it; those of this process that begin with ``WIREDOO_`` do not concern it, but
        for ``WIREDOO_LOG``
    :param timeout: how many seconds it may take to be ready

    Raises :class:`StartError`, with the server's log, if it does not get ready.
    """
    key = secrets.token_hex(20) if seed is None else hashlib.sha1(b"wiredoo %d" % seed).hexdigest()
    settings = {"WIREDOO_ADMIN_API_KEY": key, **(env or {})}
    arguments = ["--ephemeral", "--port", "0", "--series", series]
    if clock is not None:
        arguments += ["--clock", written(clock) if isinstance(clock, (datetime, date)) else clock]
    if seed is not None:
        arguments += ["--seed", str(seed)]
    if db_auto is not None:
        arguments += ["--db-auto", db_auto]
    with tempfile.TemporaryDirectory(prefix="wiredoo-") as folder:
        for number, fixture in enumerate(files.several(fixtures)):
            arguments += ["--fixture", _file(fixture, Path(folder), number)]
        process = Process([*arguments, *args], executable, settings, timeout)
    return Server(
        process.ready["url"],
        _last(args, "--double-token") or settings.get("WIREDOO_DOUBLE_TOKEN"),
        password=_last(args, "--admin-password") or settings.get("WIREDOO_ADMIN_PASSWORD") or "admin",
        api_key=_last(args, "--admin-api-key") or settings["WIREDOO_ADMIN_API_KEY"],
        process=process,
    )


def _file(fixture: Fixture, folder: Path, number: int) -> str:
    """A fixture as a file or folder."""
    if not isinstance(fixture, Mapping):
        return str(files.find(fixture))
    path = folder / f"fixture-{number}.json"
    path.write_text(json.dumps(fixture, default=plain), encoding="utf-8")
    return str(path)


def _last(args: Sequence[str], name: str) -> Optional[str]:
    """The value of an argument, as ``--name value`` or ``--name=value``."""
    values = [value for flag, value in zip(args, args[1:]) if flag == name]
    values += [text.partition("=")[2] for text in args if text.startswith(f"{name}=")]
    return values[-1] if values else None


def connect(
    url: Optional[str] = None, token: Optional[str] = None, *, password: str = "admin", api_key: Optional[str] = None
) -> Server:
    """A server that runs already, with ``--double`` or ``--ephemeral``.

    Where they are not said, the URL is that of ``WIREDOO_URL`` and the token that of ``WIREDOO_DOUBLE_TOKEN``.
    """
    address = url or os.environ.get("WIREDOO_URL")
    if not address:
        raise WiredooError("say the server's address: wiredoo.connect('http://127.0.0.1:8069'), or set WIREDOO_URL")
    return Server(address, token or os.environ.get("WIREDOO_DOUBLE_TOKEN"), password=password, api_key=api_key)


class Server:
    """A server. As a context manager it is stopped at the end, if it was started here."""

    def __init__(
        self,
        url: str,
        token: Optional[str] = None,
        *,
        password: str = "admin",
        api_key: Optional[str] = None,
        process: Optional[Process] = None,
    ) -> None:
        self._process = process
        self._receiver = Receiver()
        self._client = Client(url, token, process.explain if process else None)
        self._password = password
        self._api_key = api_key
        try:
            about: Dict[str, Any] = self._client.get("/")
        except WiredooError:
            self.stop()
            raise
        #: Where clients connect to: ``http://127.0.0.1:40001``.
        self.url = self._client.url
        self.host = self._client.host
        self.port = self._client.port
        #: The series that it is: ``19.0``.
        self.series: str = about["series"]
        #: The version of wiredoo.
        self.version: str = about["version"]
        self._about = about
        #: Of all databases.
        self.journal = Journal(self._client)
        self.faults = Faults(self._client)
        self.stubs = Stubs(self._client, self._receiver)
        self.clock = Clock(self._client)

    connect = staticmethod(connect)

    @property
    def pid(self) -> Optional[int]:
        """The id of its process, if it was started here."""
        return int(self._process.ready["pid"]) if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether its process is there; of a server that was not started here it is believed."""
        return self._process is None or self._process.is_running()

    @property
    def log(self) -> str:
        """What it has logged, if it was started here."""
        return self._process.log() if self._process else ""

    @property
    def databases(self) -> List[str]:
        """The names of its databases."""
        return [listed["name"] for listed in self._client.get("/databases")]

    @property
    def default(self) -> Database:
        """The database that it was started with."""
        name = self._about.get("default_db")
        if not name:
            raise WiredooError("this server was started without a database; make one with database()")
        return self.use(name)

    def use(self, name: str, *, login: Optional[str] = None, password: Optional[str] = None) -> Database:
        """A database that is there, or is made when it is first asked for (``db_auto``)."""
        login = login or self._about.get("login") or "admin"
        return Database(self, name, login, password or self._password, self._api_key)

    def database(
        self,
        name: Optional[str] = None,
        prefix: Optional[str] = None,
        *,
        origin: Optional[str] = None,
        fixtures: Union[Fixture, Iterable[Fixture]] = (),
    ) -> Database:
        """Makes a database.

        :param name: its name; where it is not said, a new one that begins with ``prefix`` (``test_``)
        :param origin: the database that it is a copy of; where it is not said, it is as a fresh server has it
        :param fixtures: what it is filled with: files, folders, or what would be in a file

        Raises :class:`Refusal`: the name is taken or none, or a fixture cannot be loaded; then nothing is made.
        """
        said = {"name": name, "prefix": prefix, "from": origin, "fixtures": files.read(fixtures) or None}
        made = self._client.post("/databases", {key: value for key, value in said.items() if value is not None})
        key = made.get("api_key") or self._api_key
        return Database(self, made["name"], made["login"], made["password"], key, made.get("ids"))

    def stop(self) -> None:
        """Stops it, if it was started here; and lets go of what belongs to it."""
        self._receiver.close()
        self._client.close()
        if self._process:
            self._process.stop()

    def _path(self, path: str) -> str:
        return urlsplit(self.url).path.rstrip("/") + path

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<wiredoo {self.series} at {self.url}>"
