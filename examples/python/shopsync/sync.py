"""What goes from the shop to Odoo, and back."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Optional, TypeVar

from .client import LostError, OdooClient, OdooError, chunks
from .shop import Customer, Order, Shop

T = TypeVar("T")


def country(customer: Customer) -> str:
    """The external id of a customer's country."""
    return f"base.{customer.country.lower()}" if customer.country else ""


class Sync:
    """Keeps a shop and an Odoo in step. Whatever it does can be done again without harm."""

    def __init__(self, client: OdooClient, shop: Shop, *, batch: int = 100, tries: int = 3) -> None:
        self._client = client
        self._shop = shop
        self._batch = batch
        self._tries = tries
        self._mobile: Optional[str] = None

    def run(self) -> None:
        """Everything."""
        self.push_customers()
        self.push_orders()
        self.pull_partners()

    def push_customers(self) -> int:
        """Sends the customers that have changed. They have external ids, so none is made twice."""
        changed = self._shop.customers(changed=True)
        for batch in chunks(changed, self._batch):
            ids = self._again(partial(self._load, batch))
            for customer, partner in zip(batch, ids):
                self._shop.is_sent(customer.id, partner)
        return len(changed)

    def _load(self, customers: List[Customer]) -> List[int]:
        columns = ["id", "name", "email", "country_id/id", self._mobile_field()]
        rows = [
            [f"shop.customer_{who.id}", who.name, who.email or "", country(who), who.mobile or ""] for who in customers
        ]
        answer: Dict[str, Any] = self._client.call("res.partner", "load", columns, rows)
        if not answer["ids"]:
            raise OdooError("load", "; ".join(message["message"] for message in answer["messages"]))
        return list(answer["ids"])

    def _mobile_field(self) -> str:
        """Where mobile numbers are: 19.0 has no field `mobile` any more."""
        if self._mobile is None:
            fields = self._client.call("res.partner", "fields_get", ["mobile", "phone"], ["type"])
            self._mobile = "mobile" if "mobile" in fields else "phone"
        return self._mobile

    def push_orders(self) -> int:
        """Sends the orders that Odoo does not have."""
        orders = self._shop.orders()
        for order in orders:
            # If the answer of `create` is lost, the next try finds what it has made.
            found = self._again(partial(self._send, order))
            self._shop.is_ordered(order.number, found)
        return len(orders)

    def _send(self, order: Order) -> int:
        return self._find(order) or self._create(order)

    def _find(self, order: Order) -> Optional[int]:
        found = self._client.call("sale.order", "search", [["client_order_ref", "=", order.number]], limit=1)
        return found[0] if found else None

    def _create(self, order: Order) -> int:
        customer = next(customer for customer in self._shop.customers() if customer.id == order.customer)
        values = {"client_order_ref": order.number, "partner_id": customer.partner, "amount_total": order.total}
        made = self._client.call("sale.order", "create", [values])
        return int(made[0] if isinstance(made, list) else made)

    def pull_partners(self) -> int:
        """Takes what has changed in Odoo since the last time; answers with how many customers that were."""
        since = self._shop.progress("partners") or "1970-01-01 00:00:00"
        newest, last, taken = since, 0, 0
        while True:
            # By the last id and not by an offset: what comes and goes meanwhile moves no page.
            domain = [["write_date", ">=", since], ["id", ">", last]]
            page = self._client.call(
                "res.partner", "search_read", domain, ["name", "email", "write_date"], order="id", limit=self._batch
            )
            for partner in page:
                taken += self._take(partner)
                newest = max(newest, partner["write_date"])
            if len(page) < self._batch:
                break
            last = page[-1]["id"]
        self._shop.advance("partners", newest)
        return taken

    def _take(self, partner: Dict[str, Any]) -> bool:
        customer = self._shop.customer_of(partner["id"])
        email = partner["email"] or None
        if customer is None or (customer.name, customer.email) == (partner["name"], email):
            return False
        self._shop.rename(customer.id, partner["name"], email)
        return True

    def _again(self, step: Callable[[], T]) -> T:
        """Does a step until its answer arrives; it must be one that can be done twice."""
        for attempt in range(1, self._tries):
            try:
                return step()
            except LostError:
                self._client.pause(attempt)
        return step()
