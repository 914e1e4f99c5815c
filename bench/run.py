#!/usr/bin/env python3
"""What bench/run.sh does: see there. Standard library only."""

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from load import LOGINS, Call, Failed, Figure, Server, envelope, measure

MARKS = ("<!-- what follows is written by bench/run.sh -->", "<!-- up to here -->")
KEY = "0123456789abcdef0123456789abcdef01234567"

# What one worker of the real server does with one client on a machine of this kind, as the targets take it.
REAL = {
    "authenticate": 2.3, "get_session_info": 98, "version_info": 377, "search_read 80 x 5": 126, "search_read 1000 x 3": 34,
    "read of one": 292, "search_count": 288, "create and unlink": 52, "fields_get": 212, "/jsonrpc execute_kw": 225,
}
# Calls of which no rate of the real server is known are measured against one of the same kind.
LIKE = {"create": "create and unlink", "write": "create and unlink", "XML-RPC execute_kw": "/jsonrpc execute_kw",
        "JSON-2 read": "/jsonrpc execute_kw"}
# How many times as fast: on SQLite, on PostgreSQL.
# Hashing is what takes the time of a login; it is measured beside a bare loop.
TIMES = {name: (30, 20) for name in [*REAL, *LIKE]}
TIMES |= {name: (50, 30) for name in ("get_session_info", "version_info", "fields_get")}
TIMES |= {name: (30, 10) for name in ("create", "write", "create and unlink")}

# What there is to a request without any server: a socket from which something is read, and to which the same is always written.
BARE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def answer_all(listener):
    """Answers what comes over sockets, a thread for each."""
    def answer(connection):
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while connection.recv(65536):
                connection.sendall(BARE)

    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def bare(seconds, rounds):
    """How many requests one client can make at all: no server is faster than this on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        child = os.fork()
        if child == 0:
            answer_all(listener)
    try:
        nobody = object.__new__(Server)
        nobody.url = f"http://127.0.0.1:{port}"
        call = Call("/", envelope({}), {"Content-Type": "application/json"})
        return Figure([nobody.load(call, seconds, 1) for _ in range(rounds)], 1)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


class Process:
    """A server that runs on its own."""

    def __init__(self, binary, *arguments):
        command = [binary, "--port", "0", "--log", "warn", *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WIREDOO_")}
        begun = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment)
        line = self.process.stdout.readline()
        self.started = (time.perf_counter() - begun) * 1000
        if not line:
            raise Failed(f"{' '.join(command)} does not start")
        self.ready = json.loads(line)

    def resident(self):
        """MB of memory; nothing where the system does not tell."""
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
                return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
        except OSError:
            return float("nan")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Store:
    """Where databases are kept while they are measured."""

    def __init__(self, name, binary, url=None):
        self.name, self.binary, self.url = name, binary, url
        self.folder = tempfile.mkdtemp(prefix="wiredoo-bench.", dir=os.environ.get("BENCH_DIR")) if name == "SQLite" else None
        self.db = f"wiredoo_bench_{os.getpid()}"

    def arguments(self):
        if self.folder:
            return ["--data-dir", self.folder, "--db", self.db]
        return ["--database-url", self.url, "--db", self.db] if self.url else ["--ephemeral", "--db", self.db]

    def start(self, *more):
        return Process(self.binary, *self.arguments(), "--admin-api-key", KEY, *more)

    def drop(self):
        if self.folder or self.url:
            place = ["--data-dir", self.folder] if self.folder else ["--database-url", self.url]
            subprocess.run([self.binary, "db", "drop", self.db, *place], check=False, capture_output=True)

    def finish(self):
        self.drop()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def starts(store, *more):
    """The median of ms until a server with a fresh database is ready."""
    times = []
    for _ in range(5):
        server = store.start(*more)
        server.stop()
        store.drop()
        times.append(server.started)
    return statistics.median(times)


def mixed(server, process, wanted, tell):
    """How many requests were sent, and MB of memory in their course, about ten times: so many requests of all kinds, logins aside."""
    calls = {name: call for name, call in server.calls().items() if name not in LOGINS}
    resident = []
    sent = 0
    part = max(wanted // 10, 1)
    while sent < wanted:
        for name, call in calls.items():
            sent += server.load(call, 1, 16)["requests"]
        if sent >= part * (len(resident) + 1) or sent >= wanted:
            resident.append(process.resident())
        tell(f"{sent:,} mixed requests: {process.resident():.0f} MB")
    return sent, resident


def logins(tell):
    """What `cargo bench --bench logins` prints."""
    if not shutil.which("cargo"):
        return []
    tell("logins beside a bare loop")
    done = subprocess.run(["cargo", "bench", "--bench", "logins"], capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if "/s" in line]


def machine():
    model = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model or platform.processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.release()}"


def commit():
    told = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def verdict(reached):
    return "reached" if reached else "**not reached**"


class Report:
    def __init__(self, given, floor):
        self.given, self.floor = given, floor
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        self.lines = [f"{today}, commit {commit()}; {machine()}. Load before it began: {load:.1f}. wrk runs on the same machine."]
        self.lines += [f"Each figure is of {given.rounds} times {given.seconds} s. A socket with no server behind it, which answers "
                       f"always the same, is asked {floor.rate:,.0f} times a second by one client (p50 {floor.p50:.2f} ms): "
                       "targets above that are beyond this machine.", ""]
        self.missed, self.beyond = [], []

    def target(self, store, what, reached):
        if not reached:
            self.missed.append(f"{store}: {what}")
        return verdict(reached)

    def store(self, store, figures, facts):
        self.lines += [f"### {store.name}", "", "| call | 1 client | p50 / p99 ms | target | | 16 clients | p50 / p99 ms | of one client's |",
                       "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |"]
        for name in dict.fromkeys(name for name, _ in figures):
            one, many = (figures.get((name, count), [None])[0] for count in (1, 16))
            if not one or not many:
                self.lines.append(f"| {name} | failed | | | | | | |")
                continue
            target, word = "", ""
            if name in TIMES and name not in LOGINS:
                times = TIMES[name][1 if store.name == "PostgreSQL" else 0]
                real = REAL.get(name) or REAL[LIKE[name]]
                target = f"{times} x {real:g} = {times * real:,.0f}"
                word = self.target(store.name, name, one.rate >= times * real)
                if one.rate < times * real and times * real > self.floor.rate:
                    word = f"beyond the bare socket ({one.rate / self.floor.rate:.0%} of it)"
                    self.beyond.append(self.missed.pop())
            self.lines.append(f"| {name} | {one.rate:,.1f}/s | {one.latency()} | {target} | {word} | {many.rate:,.1f}/s | "
                              f"{many.latency()} | {many.rate / one.rate:.2f} |")
        self.lines += ["", "| what | measured | target | |", "| --- | ---: | ---: | --- |"]
        for what, measured, target, reached in facts:
            word = "" if reached is None else self.target(store.name, what, reached)
            self.lines.append(f"| {what} | {measured} | {target} | {word} |")
        self.lines.append("")

    def text(self):
        told = [f"Not reached: {'; '.join(self.missed)}." if self.missed else "All targets that can be are reached."]
        if self.beyond:
            told += ["", f"Beyond what a bare socket does: {'; '.join(self.beyond)}."]
        return "\n".join([*self.lines, *told])


def facts(store, given, figures, tell):
    """What is told of a store beside its calls, and its calls into `figures`."""
    limit = 1000 if store.name == "PostgreSQL" else 100
    tell(f"== {store.name}: starts")
    default = starts(store)
    rows = [("start with a fresh database", f"{default:.0f} ms", f"<= {limit} ms", default <= limit)]
    if store.name != "memory":
        quick = starts(store, "--pbkdf2-rounds", "1000")
        rows.append(("the same where the password's hash has 1,000 rounds", f"{quick:.0f} ms", "", None))
    process = store.start()
    try:
        time.sleep(5)  # What is free goes back to the system within some seconds.
        idle = process.resident()
        rows.append(("resident, idle", f"{idle:.0f} MB", "<= 40 MB", idle <= 40))
        server = Server(process.ready["url"], store.db, key=KEY)
        server.prepare()
        figures |= measure([server], [1, 16], given.seconds, given.rounds, given.only, tell)
        own = [name for name, _ in figures if name not in LOGINS]
        of = {name: (figures[name, 1][0], figures[name, 16][0]) for name in dict.fromkeys(own)}
        of = {name: pair for name, pair in of.items() if all(pair)}
        below = [f"{name} {many.rate / one.rate:.2f}" for name, (one, many) in of.items() if many.rate < 1.7 * one.rate]
        slow = [f"{name} {many.p99 / many.p50:.1f}" for name, (_, many) in of.items() if many.p99 > 5 * many.p50]
        rows.append(("16 clients: calls below 1.7 of one client's rate", ", ".join(below) or "none", "none", not below))
        rows.append(("16 clients: calls whose p99 is above 5 medians", ", ".join(slow) or "none", "none", not slow))
        if given.mixed:
            server.clean()
            server.prepare()
            sent, resident = mixed(server, process, given.mixed, tell)
            server.clean()
            # What is remembered grows at first; after that, nothing may.
            flat = resident[-1] <= resident[min(2, len(resident) - 1)] * 1.1 + 2
            told = ", ".join(f"{mb:.0f}" for mb in resident)
            rows.append((f"resident in the course of {sent:,} mixed requests", f"{told} MB", "flat", flat))
    finally:
        process.stop()
    return rows


def arguments():
    parser = argparse.ArgumentParser(description="Measures wiredoo and prints a table beside the targets.")
    parser.add_argument("binary")
    parser.add_argument("--update", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--mixed", type=int, default=1_000_000, help="requests before memory is looked at again; 0 for none")
    parser.add_argument("--seconds", type=int, default=3, help="of a call, in each round (default: 3)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: 3)")
    parser.add_argument("--stores", default="memory,SQLite,PostgreSQL", help="(default: all that there are)")
    parser.add_argument("--only", action="append", help="calls whose names have this in them; can be given several times")
    parser.add_argument("--no-logins", action="store_true", help="no comparison with a bare loop, which needs cargo")
    parser.add_argument("--quick", action="store_true", help="one second once, 10,000 mixed requests, no logins")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.rounds, given.mixed, given.no_logins = 1, 1, 10_000, True
    return given


def main():
    given = arguments()
    report = Report(given, bare(given.seconds, given.rounds))

    def tell(line):
        print(line, file=sys.stderr, flush=True)

    url = os.environ.get("WIREDOO_TEST_POSTGRES")
    for name in given.stores.split(","):
        if name == "PostgreSQL" and not url:
            tell("WIREDOO_TEST_POSTGRES is not set: nothing is measured on PostgreSQL")
            continue
        store = Store(name, given.binary, url if name == "PostgreSQL" else None)
        try:
            figures = {}
            rows = facts(store, given, figures, tell)
            report.store(store, figures, rows)
        finally:
            store.finish()
    if not given.no_logins:
        told = logins(tell)
        report.lines += ["### Logins", "", *(f"- {line}" for line in told or ["not measured"]), ""]
        part = re.search(r"([\d.]+) of the bare loop", " ".join(told))
        if part:
            report.lines += [f"Target: 0.95 of the bare loop; {report.target('logins', 'rate', float(part[1]) >= 0.95)}.", ""]
    text = report.text()
    print(text)
    if given.update:
        path = "docs/performance.md"
        with open(path, encoding="utf-8") as file:
            before, rest = file.read().split(MARKS[0])
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    try:
        main()
    except (Failed, OSError) as error:
        sys.exit(f"run.py: {error}")
