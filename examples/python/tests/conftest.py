"""A shop, and a client that does not really wait."""

from typing import Iterator, List

import pytest
from shopsync import Customer, OdooClient, Order, Shop, Sync
from wiredoo import Database


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    shop.add(
        Customer(1, "Ann", "ann@example.com", "+32 470 00 00 01", "BE"),
        Customer(2, "Bob", "bob@example.com"),
        Customer(3, "Cid", mobile="+32 470 00 00 03"),
        Order("W-1", 1, 99.5),
        Order("W-2", 3, 12.0),
    )
    yield shop
    shop.close()


@pytest.fixture
def pauses() -> List[float]:
    """How long the client has waited."""
    return []


@pytest.fixture
def client(odoo: Database, pauses: List[float]) -> OdooClient:
    return OdooClient(odoo.url, odoo.db, "shop", "secret", sleep=pauses.append, timeout=10)


@pytest.fixture
def sync(client: OdooClient, shop: Shop) -> Sync:
    return Sync(client, shop)
