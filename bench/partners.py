#!/usr/bin/env python3
"""What bench/partners.sh does: see there. Standard library only."""

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

from load import Call, Failed, Figure, Server, envelope
from run import Process, commit, machine

FIELDS = ["name", "email", "phone", "city", "country_id"]
FEW = 1000
# Reads and indexed searches may take this much longer with many partners than with few.
FLAT = 2.0

# Statements as the calls send them, to see which way the database goes: what is active, and the rule by which partners of
# other companies are not seen. `:word`, `:ref` and `:id` are values.
COMPANIES = ("WITH RECURSIVE above (id) AS (SELECT res_company.id FROM res_company WHERE res_company.id IN (1) UNION SELECT "
             "higher.parent_id FROM res_company AS higher JOIN above ON higher.id = above.id WHERE higher.parent_id IS NOT NULL) "
             "SELECT above.id FROM above")
SEEN = (f"res_partner.active = TRUE AND (res_partner.partner_share IS NULL OR res_partner.partner_share = FALSE OR "
        f"res_partner.company_id IN ({COMPANIES}) OR (1 = 2 OR res_partner.company_id IS NULL))")
ORDER = "ORDER BY res_partner.complete_name ASC NULLS LAST, res_partner.id DESC NULLS FIRST"
BELOW = ("WITH RECURSIVE below (id) AS (SELECT res_partner.id FROM res_partner WHERE res_partner.id IN (:id) UNION SELECT "
         "lower.id FROM res_partner AS lower JOIN below ON lower.parent_id = below.id) SELECT below.id FROM below")
SELECT = "SELECT res_partner.id FROM res_partner"
NAMED = "res_partner.name {ilike} '%:word%'"
PLANS = {
    "read of one": f"{SELECT} WHERE res_partner.id IN (:id)",
    "search by ref": f"{SELECT} WHERE res_partner.ref = ':ref' AND {SEEN} {ORDER}",
    "child_of": f"{SELECT} WHERE res_partner.id IN ({BELOW}) AND {SEEN} {ORDER}",
    "search_count": f"SELECT count(*) FROM res_partner WHERE {SEEN}",
    "page 1 of 80": f"{SELECT} WHERE {SEEN} {ORDER} LIMIT 80",
    "page 1,000 of 80, or the last": f"{SELECT} WHERE {SEEN} {ORDER} LIMIT 80 OFFSET 79920",
    "search by name, ilike": f"{SELECT} WHERE {NAMED} AND {SEEN} {ORDER} LIMIT 80",
    "search_count by name, ilike": f"SELECT count(*) FROM res_partner WHERE {NAMED} AND {SEEN}",
    "read_group by country": "SELECT g.country, count(*) FROM (SELECT res_partner.id, res_partner.country_id AS country, "
                             "j.name ->> 'en_US' AS name, j.id AS own FROM res_partner LEFT JOIN res_country AS j ON "
                             f"res_partner.country_id = j.id WHERE {SEEN}) AS g GROUP BY g.country, g.name, g.own "
                             "ORDER BY g.name ASC NULLS LAST, g.own ASC NULLS LAST",
}
INDEXED = ("read of one", "search by ref", "child_of")


class Filled:
    """A store with two databases, few and many."""

    def __init__(self, name, binary, url, given):
        self.name, self.binary, self.url, self.given = name, binary, url, given
        self.folder = given.keep or tempfile.mkdtemp(prefix="wiredoo-bench.", dir=os.environ.get("BENCH_DIR"))
        self.place = ["--database-url", url] if url else ["--data-dir", self.folder]
        self.names = {FEW: f"bench_few_{os.getpid()}", given.many: f"bench_many_{os.getpid()}"}
        if not url and given.keep:
            self.names = {FEW: "bench_few", given.many: f"bench_{given.many}"}

    def fill(self, tell):
        times = {}
        for partners, db in self.names.items():
            if not self.url and os.path.exists(f"{self.folder}/{db}.sqlite3"):
                continue
            users = self.given.users if partners != FEW else 10
            amounts = ["--partners", str(partners), "--users", str(users), "--categories", "200"]
            begun = time.perf_counter()
            subprocess.run([self.binary, "db", "generate", db, *amounts, *self.place], check=True, stderr=sys.stderr)
            times[partners] = time.perf_counter() - begun
            tell(f"{self.name}: {partners:,} partners and {users:,} users in {times[partners]:.0f} s")
            if self.url and shutil.which("psql"):
                subprocess.run(["psql", "-qd", self.at(db), "-c", "ANALYZE"], check=False)
        return times

    def at(self, db):
        start, _, _ = self.url.rpartition("/")
        return f"{start}/{db}"

    def plan(self, name, values):
        """The steps that the database would take for the call of that name."""
        statement = PLANS[name].replace("{ilike}", "ILIKE" if self.url else "LIKE")
        for key, value in values.items():
            statement = statement.replace(f":{key}", str(value))
        db = self.names[self.given.many]
        path = f"{self.folder}/{db}.sqlite3"
        if self.given.sqlite3 and not self.url:
            command = [self.given.sqlite3, path, f"EXPLAIN QUERY PLAN {statement}"]
            return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        if not self.url:
            with sqlite3.connect(path) as connection:
                return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        if not shutil.which("psql"):
            return ["psql is not there"]
        done = subprocess.run(["psql", "-qAtd", self.at(db), "-c", f"EXPLAIN {statement}"], capture_output=True, text=True, check=False)
        return done.stdout.splitlines()

    def finish(self):
        if self.url:
            for db in self.names.values():
                subprocess.run([self.binary, "db", "drop", db, *self.place], check=False, capture_output=True)
        if not self.given.keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def calls(server, partners):
    """The calls by name, and the values that are in them."""
    company = server.kw("res.partner", "search", [["is_company", "=", True], ["child_ids", "!=", False]], limit=1, order="id")[0]
    one = server.kw("res.partner", "search", [], limit=1, order="id desc")[0]
    found = server.kw("res.partner", "search_read", [["ref", "!=", False]], ["ref"], limit=1, order="id desc")
    values = {"word": "Kowalski", "id": company, "ref": found[0]["ref"]}
    headers = {"Content-Type": "application/json", "Cookie": server.cookie}

    def kw(method, *args, **kwargs):
        params = {"model": "res.partner", "method": method, "args": args, "kwargs": kwargs}
        return Call("/web/dataset/call_kw", envelope(params), headers)

    if server.major >= 19:
        group = kw("formatted_read_group", [], groupby=["country_id"], aggregates=["__count"])
    else:
        group = kw("read_group", [], ["country_id"], ["country_id"])
    last = min(80 * 999, partners // 80 * 80 - 80)
    return {
        "read of one": kw("read", [one], FIELDS),
        "search by ref": kw("search", [["ref", "=", values["ref"]]]),
        "child_of": kw("search", [["id", "child_of", company]]),
        "search_count": kw("search_count", []),
        "page 1 of 80": kw("search_read", [], FIELDS, limit=80),
        "page 1,000 of 80, or the last": kw("search_read", [], FIELDS, limit=80, offset=last),
        "search by name, ilike": kw("search", [["name", "ilike", "kowalski"]], limit=80),
        "search_count by name, ilike": kw("search_count", [["name", "ilike", "kowalski"]]),
        "read_group by country": group,
    }, values


def figure(server, call, seconds):
    """What is measured of a call, also where one takes longer than that."""
    while not (told := server.load(call, seconds, 1))["requests"] and seconds < 120:
        seconds *= 4
    return Figure([told], 1.0)


def store(filled, tell):
    """The lines of one store."""
    times = filled.fill(tell)
    measured, values = {}, {}
    for partners, db in filled.names.items():
        process = Process(filled.binary, *filled.place, "--db", db)
        try:
            server = Server(process.ready["url"], db)
            own, values[partners] = calls(server, partners)
            for name, call in own.items():
                server.check(name, call)
                server.load(call, 1, 1, looking=True)
                measured[name, partners] = figure(server, call, filled.given.seconds)
                tell(f"{filled.name}, {partners:,}: {name}: {measured[name, partners].rate:,.1f}/s")
            tell(f"{filled.name}, {partners:,}: resident {process.resident():.0f} MB")
        finally:
            process.stop()
    many = filled.given.many
    lines = [f"### {filled.name}", "", f"| one client | {FEW:,} partners | p50 / p99 ms | {many:,} partners | p50 / p99 ms | growth of p50 | |",
             "| --- | ---: | ---: | ---: | ---: | ---: | --- |"]
    grown = []
    for name in PLANS:
        few, more = measured[name, FEW], measured[name, many]
        growth = more.p50 / few.p50 if few.p50 and more.p50 else float("inf")
        word = ""
        if name in INDEXED:
            word = "flat" if growth <= FLAT else "**not flat**"
        if growth > FLAT:
            grown.append(name)
        lines.append(f"| {name} | {few.rate:,.1f}/s | {few.latency()} | {more.rate:,.1f}/s | {more.latency()} | {growth:.1f} | {word} |")
    lines += ["", *(f"{partners:,} partners were made in {seconds:.0f} s." for partners, seconds in times.items()), ""]
    if grown:
        planner = f" by SQLite {sqlite3.sqlite_version}" if not filled.url and not filled.given.sqlite3 else ""
        lines += [f"What grows, and the plan of its statement{planner}:", ""]
    for name in grown:
        lines += [f"- {name}", "", "  ```text", *(f"  {line}" for line in filled.plan(name, values[many])), "  ```", ""]
    return lines


def main():
    parser = argparse.ArgumentParser(description="Measures what grows with the number of partners.")
    parser.add_argument("binary")
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--stores", default="SQLite,PostgreSQL")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the SQLite files here, and take those that are here")
    parser.add_argument("--sqlite3", metavar="PROGRAM", help="shell of SQLite that tells the plans: one of the version that wiredoo "
                        "has, since others plan otherwise (default: what is in Python)")
    given = parser.parse_args()
    url = os.environ.get("WIREDOO_TEST_POSTGRES")
    lines = [f"Commit {commit()}; {machine()}.", ""]
    for name in given.stores.split(","):
        if name == "PostgreSQL" and not url:
            continue
        filled = Filled(name, given.binary, url if name == "PostgreSQL" else None, given)
        try:
            lines += store(filled, lambda line: print(line, file=sys.stderr, flush=True))
        finally:
            filled.finish()
    print("\n".join(lines))


if __name__ == "__main__":
    try:
        main()
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"partners.py: {error}")
