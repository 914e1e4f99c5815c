"""A test double for Odoo: a server that speaks Odoo's protocols, with a database for each test.

>>> import wiredoo
>>> with wiredoo.start("17.0") as server, server.database() as odoo:
...     print(odoo.url, odoo.db, odoo.login, odoo.password)

The manual is ``docs/python.md`` in the repository; :mod:`wiredoo.pytest_plugin` has the fixtures for pytest.
"""

from __future__ import annotations

from .clock import Clock, Time
from .database import Database, Loaded
from .errors import OdooError, Refusal, StartError, StubError, WiredooError
from .fixtures import Fixture
from .journal import Difference, Entry, Journal, NearMiss, Problem, User, Verdict
from .matching import Match, Options, RuleOptions, Where
from .process import find_executable
from .rules import PASS, Faults, Rule, Stubs
from .server import Server, connect, start

__all__ = [
    "PASS",
    "Clock",
    "Database",
    "Difference",
    "Entry",
    "Faults",
    "Fixture",
    "Journal",
    "Loaded",
    "Match",
    "NearMiss",
    "OdooError",
    "Options",
    "Problem",
    "Refusal",
    "Rule",
    "RuleOptions",
    "Server",
    "StartError",
    "StubError",
    "Stubs",
    "Time",
    "User",
    "Verdict",
    "Where",
    "WiredooError",
    "connect",
    "find_executable",
    "start",
]
