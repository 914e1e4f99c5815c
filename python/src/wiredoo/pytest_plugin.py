"""Fixtures for pytest: a server for the session, a database for each test.

Each worker of pytest-xdist has servers of its own. One for all workers would have to be found, counted and stopped by
processes that come, go and crash; and faults, stubs and clocks of the whole server would be everybody's. A start takes
less time than the lock would be worth. Who wants one server for all starts it beforehand and sets ``WIREDOO_URL``.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any, Dict, Generator, Iterator, List, Optional, Tuple

import pytest

from . import server as servers
from .database import Database
from .errors import Refusal, WiredooError
from .fixtures import Fixture, read, several
from .server import Server

#: How many calls a report shows.
SHOWN = 20

MARK = (
    "odoo(series, fixtures, origin, clock): the database that the fixture `odoo` gives: series is '17.0' or a list, of which "
    "the test runs with each; fixtures are files, folders or dictionaries; origin is a database to copy; clock is a time, "
    "'fixed:TIME' or 'tick:TIME'"
)


class UnusedStubWarning(UserWarning):
    """A test has set up a stub that no call has used."""


class Servers:
    """The servers of a session, by series, started when they are first asked for."""

    def __init__(self, executable: Optional[str]) -> None:
        self._executable = executable
        self._running: Dict[str, Server] = {}

    def of(self, series: str) -> Server:
        """The server of a series."""
        found = self._running.get(series)
        if found is not None and not found.is_running:
            # One test may end its server; that shall not fail all others.
            found.stop()
            found = None
        if found is None:
            found = self._running[series] = self._begin(series)
        return found

    def _begin(self, series: str) -> Server:
        if not os.environ.get("WIREDOO_URL"):
            return servers.start(series, executable=self._executable)
        shared = servers.connect()
        if shared.series != series:
            raise WiredooError(f"the server at {shared.url} (WIREDOO_URL) is a {shared.series}, and the test wants {series}")
        return shared

    def database(self, series: str, prefix: str, fixtures: List[Dict[str, Any]], origin: Optional[str]) -> Database:
        """A new database of a series. The server loads fixtures that many tests share once."""
        return self.of(series).database(prefix=prefix, origin=origin, fixtures=fixtures)

    def stop(self) -> None:
        """Stops all of them."""
        while self._running:
            self._running.popitem()[1].stop()


class Wanted:
    """What a test says with its marks: those nearer to it go before, fixtures are loaded outside first."""

    def __init__(self, node: pytest.Item) -> None:
        self.options: Dict[str, Any] = {}
        self.fixtures: List[Tuple[Fixture, List[Path]]] = []
        root = node.config.rootpath if node.config.inipath is None else node.config.inipath.parent
        for fixture in node.config.getini("wiredoo_fixtures"):
            self.fixtures.append((fixture, [root]))
        for mark in reversed(list(node.iter_markers("odoo"))):
            said = options(mark)
            for fixture in several(said.pop("fixtures", ())):
                self.fixtures.append((fixture, [node.path.parent, root]))
            self.options.update(said)

    def read(self) -> List[Dict[str, Any]]:
        """The fixtures, each of them once."""
        found: List[Dict[str, Any]] = []
        for fixture, folders in self.fixtures:
            found.extend(one for one in read([fixture], folders) if one not in found)
        return found


def options(mark: pytest.Mark) -> Dict[str, Any]:
    """What a mark says."""
    known = ("series", "fixtures", "origin", "clock")
    said = dict(mark.kwargs)
    if len(mark.args) == 1:
        said.setdefault("series", mark.args[0])
    unknown = [name for name in said if name not in known]
    if unknown or len(mark.args) > 1:
        wrong = ", ".join(unknown) or "more than one argument without a name"
        raise pytest.UsageError(f"@pytest.mark.odoo takes {', '.join(known)}, not {wrong}")
    return said


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("wiredoo", "a test double for Odoo")
    group.addoption("--wiredoo-bin", metavar="PATH", help="the program wiredoo, where it is not the one of the wheel")
    group.addoption("--wiredoo-series", metavar="SERIES", help="the series of Odoo to be, in the place of wiredoo_series")
    parser.addini("wiredoo_series", "the series of Odoo to be", default="19.0")
    parser.addini("wiredoo_fixtures", "files or folders that each test's database is filled with", type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)
    config.stash[_servers] = Servers(config.getoption("--wiredoo-bin"))


def pytest_unconfigure(config: pytest.Config) -> None:
    running = config.stash.get(_servers, None)
    if running is not None:
        running.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "wiredoo_series" not in metafunc.fixturenames:
        return
    for mark in metafunc.definition.iter_markers("odoo"):
        series = options(mark).get("series")
        if series is not None:
            if not isinstance(series, str):
                metafunc.parametrize("wiredoo_series", list(series), scope="function")
            return


def pytest_report_header(config: pytest.Config) -> Optional[str]:
    program = config.getoption("--wiredoo-bin")
    shared = os.environ.get("WIREDOO_URL")
    return f"wiredoo: {shared or program}" if shared or program else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    if report.failed:
        item.stash[_failed] = True
    database = getattr(item, "funcargs", {}).get("odoo")
    if report.failed and call.when != "teardown" and isinstance(database, Database):
        report.sections.append((f"Odoo calls in {database.db}", last_calls(database)))


def last_calls(database: Database) -> str:
    """The newest calls as lines."""
    try:
        entries = database.journal.entries(limit=SHOWN)
    except WiredooError as error:
        return str(error)
    return "\n".join(str(entry) for entry in entries) or "none"


_servers: pytest.StashKey[Servers] = pytest.StashKey()
_failed: pytest.StashKey[bool] = pytest.StashKey()


def default_series(config: pytest.Config) -> str:
    """The series where no mark says another."""
    return str(config.getoption("--wiredoo-series") or config.getini("wiredoo_series"))


@pytest.fixture(scope="session")
def wiredoo(pytestconfig: pytest.Config) -> Server:
    """A server, for the whole session (in each worker of pytest-xdist one)."""
    return pytestconfig.stash[_servers].of(default_series(pytestconfig))


@pytest.fixture
def wiredoo_series(request: pytest.FixtureRequest) -> str:
    """The series of the test's database."""
    for mark in request.node.iter_markers("odoo"):
        series = options(mark).get("series")
        if isinstance(series, str):
            return series
    return default_series(request.config)


@pytest.fixture
def odoo(request: pytest.FixtureRequest, wiredoo_series: str) -> Iterator[Database]:
    """A database of the test's own: url, db, login, password, api_key, journal, faults, stubs, clock, load, …"""
    wanted = Wanted(request.node)
    database = request.config.stash[_servers].database(
        wiredoo_series, prefix(request.node.name), wanted.read(), wanted.options.get("origin")
    )
    try:
        if wanted.options.get("clock") is not None:
            set_clock(database, wanted.options["clock"])
        yield database
        if not request.node.stash.get(_failed, False):
            tell_unused(database)
        database.stubs.check()
    finally:
        drop(database)


def drop(database: Database) -> None:
    """Removes a database, if the test has not."""
    try:
        database.drop()
    except Refusal as refusal:
        if refusal.status != 404:
            raise


def set_clock(database: Database, clock: Any) -> None:
    """Sets the clock as the mark says."""
    if isinstance(clock, str):
        database.clock.preset(clock)
    else:
        database.clock.set(clock)


def tell_unused(database: Database) -> None:
    """Warns of the stubs that were not used."""
    for stub in database.stubs.unused():
        warnings.warn(UnusedStubWarning(f"no call has used {stub}"), stacklevel=2)


def prefix(name: str) -> str:
    """How the name of a test's database begins."""
    return (re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "test")[:40] + "_"
