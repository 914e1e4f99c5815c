"""The shop: customers and orders in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import List, Optional

TABLES = """
CREATE TABLE IF NOT EXISTS customer (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, mobile TEXT, country TEXT,
    changed INTEGER NOT NULL DEFAULT 1, partner INTEGER
);
CREATE TABLE IF NOT EXISTS purchase (
    number TEXT PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customer, total REAL NOT NULL, odoo INTEGER
);
CREATE TABLE IF NOT EXISTS progress (what TEXT PRIMARY KEY, until TEXT NOT NULL);
"""


@dataclass
class Customer:
    """Somebody who buys."""

    id: int
    name: str
    email: Optional[str] = None
    mobile: Optional[str] = None
    #: Two letters.
    country: Optional[str] = None
    #: The id of the partner in Odoo, once there is one.
    partner: Optional[int] = None


@dataclass
class Order:
    """What somebody has bought."""

    number: str
    customer: int
    total: float
    #: The id of the order in Odoo, once there is one.
    odoo: Optional[int] = None


class Shop:
    """The shop's database."""

    def __init__(self, path: str = ":memory:") -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(TABLES)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def add(self, *things: object) -> None:
        """Adds customers and orders."""
        for thing in things:
            if isinstance(thing, Customer):
                row = (thing.id, thing.name, thing.email, thing.mobile, thing.country)
                self._db.execute("INSERT INTO customer (id, name, email, mobile, country) VALUES (?, ?, ?, ?, ?)", row)
            elif isinstance(thing, Order):
                order = (thing.number, thing.customer, thing.total)
                self._db.execute("INSERT INTO purchase (number, customer, total) VALUES (?, ?, ?)", order)

    def customers(self, changed: bool = False) -> List[Customer]:
        """All customers, or those that Odoo does not have as they are."""
        which = " WHERE changed" if changed else ""
        rows = self._db.execute(f"SELECT id, name, email, mobile, country, partner FROM customer{which} ORDER BY id")
        return [Customer(*row) for row in rows]

    def customer_of(self, partner: int) -> Optional[Customer]:
        """The customer of a partner."""
        return next((customer for customer in self.customers() if customer.partner == partner), None)

    def rename(self, customer: int, name: str, email: Optional[str]) -> None:
        """Takes what Odoo has."""
        self._db.execute("UPDATE customer SET name = ?, email = ? WHERE id = ?", (name, email, customer))

    def is_sent(self, customer: int, partner: int) -> None:
        """Odoo has the customer as it is."""
        self._db.execute("UPDATE customer SET changed = 0, partner = ? WHERE id = ?", (partner, customer))

    def orders(self) -> List[Order]:
        """The orders that Odoo does not have."""
        rows = self._db.execute("SELECT number, customer, total, odoo FROM purchase WHERE odoo IS NULL ORDER BY number")
        return [Order(*row) for row in rows]

    def is_ordered(self, number: str, odoo: int) -> None:
        """Odoo has the order."""
        self._db.execute("UPDATE purchase SET odoo = ? WHERE number = ?", (odoo, number))

    def progress(self, what: str) -> Optional[str]:
        """Until when something is done."""
        row = self._db.execute("SELECT until FROM progress WHERE what = ?", (what,)).fetchone()
        return row[0] if row else None

    def advance(self, what: str, until: str) -> None:
        """Something is done until then."""
        self._db.execute("INSERT OR REPLACE INTO progress VALUES (?, ?)", (what, until))
