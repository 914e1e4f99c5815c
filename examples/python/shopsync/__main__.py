"""The command line."""

import argparse
import os

from . import OdooClient, Shop, Sync

parser = argparse.ArgumentParser(prog="shopsync", description="Sends the customers and orders of a shop to Odoo, and takes back what changed.")
parser.add_argument("shop", help="the shop's SQLite file")
parser.add_argument("--url", default="http://127.0.0.1:8069")
parser.add_argument("--db", default="odoo")
parser.add_argument("--login", default="shop")
parser.add_argument("--password", default=os.environ.get("ODOO_PASSWORD", ""))
args = parser.parse_args()

shop = Shop(args.shop)
try:
    Sync(OdooClient(args.url, args.db, args.login, args.password), shop).run()
finally:
    shop.close()
