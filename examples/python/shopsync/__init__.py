"""A shop that keeps its customers and orders in step with Odoo."""

from .client import CredentialsError, LostError, OdooClient, OdooError
from .shop import Customer, Order, Shop
from .sync import Sync

__all__ = ["CredentialsError", "Customer", "LostError", "OdooClient", "OdooError", "Order", "Shop", "Sync"]
