#!/usr/bin/env python3
"""Kills wiredoo under write load, again and again, and looks whether all that it had acknowledged is there.

    bench/kill.py BINARY [--rounds 100] [--writers 4] [--seed N]

In each round several writers create three records a call, with names that no other call uses, each on a connection of its
own that it keeps. At a random moment the process gets SIGKILL. It is started anew, and of each call that was answered all
three records must be there with the ids that were told, of each other call all three or none. At the end the records of
all rounds are looked at once more.

It runs on a folder of SQLite files, and on the PostgreSQL server at WIREDOO_TEST_POSTGRES where that is set. There only
wiredoo is killed: what PostgreSQL does when it is killed itself is its own promise.
"""

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

PER_CALL = 3


class Server:
    """A process that serves a store."""

    def __init__(self, binary, arguments):
        command = [binary, "--port", "0", "--log", "error", "--pbkdf2-rounds", "1000", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"it does not start again: {' '.join(command)}")
        ready = json.loads(line)
        self.host, self.db = ready["url"].removeprefix("http://"), ready["db"]

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()
        self.process.stdout.close()


class Client:
    """A connection that is kept, with a session."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection(server.host, timeout=60)
        self.sid = ""
        login = {"db": server.db, "login": "admin", "password": "admin"}
        self.post("/web/session/authenticate", login)

    def post(self, path, params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "params": params})
        headers = {"Content-Type": "application/json", "Cookie": f"session_id={self.sid}"}
        self.connection.request("POST", path, body, headers)
        answer = self.connection.getresponse()
        cookie = answer.getheader("Set-Cookie") or ""
        content = json.loads(answer.read())
        if cookie.startswith("session_id="):
            self.sid = cookie.split(";")[0].removeprefix("session_id=")
        if "error" in content:
            raise RuntimeError(content["error"]["data"]["name"])
        return content["result"]

    def call(self, model, method, *args, **kwargs):
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        return self.post("/web/dataset/call_kw", params)


def write(client, prefix, calls, begun):
    """Creates records until the server is gone, and notes in `calls` the ids that were told, or that none were."""
    number = 0
    while True:
        name = f"{prefix}n{number}."
        number += 1
        calls[name] = None
        begun.set()
        try:
            calls[name] = client.call("res.partner", "create", [{"name": f"{name}{i}"} for i in range(PER_CALL)])
        except (OSError, http.client.HTTPException, ValueError):
            return


def check(server, prefix, calls):
    """Complains of what is not as it was told. Answers how many calls are there that nobody was told of."""
    rows = Client(server).call("res.partner", "search_read", [["name", "=like", f"{prefix}%"]], ["name"])
    there = {}
    for row in rows:
        name, _, _ = row["name"].rpartition(".")
        there.setdefault(f"{name}.", []).append(row["id"])
    wrong, untold = [], 0
    for name, ids in calls.items():
        found = sorted(there.pop(name, []))
        if ids is None:
            untold += bool(found)
            if len(found) not in (0, PER_CALL):
                wrong.append(f"{name}: half a call, {found}")
        elif found != sorted(ids):
            wrong.append(f"{name}: {ids} were acknowledged, {found} are there")
    wrong += [f"{name}: nobody asked for {ids}" for name, ids in there.items()]
    if wrong:
        sys.exit("\n".join(wrong))
    return untold


def run(binary, arguments, store, options, chance):
    everything = {}
    untold = 0
    server = Server(binary, arguments)
    for number in range(options.rounds):
        prefix = f"k{options.seed}r{number}"
        calls = [{} for _ in range(options.writers)]
        threads, begun = [], []
        for writer in range(options.writers):
            client = Client(server)
            begun.append(threading.Event())
            arguments_of_writer = (client, f"{prefix}w{writer}", calls[writer], begun[-1])
            threads.append(threading.Thread(target=write, args=arguments_of_writer))
        for thread in threads:
            thread.start()
        for event in begun:
            event.wait()
        time.sleep(chance.uniform(0, 0.4))
        server.end(signal.SIGKILL)
        for thread in threads:
            thread.join()
        server = Server(binary, arguments)
        of_round = {name: ids for of_writer in calls for name, ids in of_writer.items()}
        untold += check(server, f"{prefix}w", of_round)
        everything |= of_round
    check(server, f"k{options.seed}r", everything)
    server.end(signal.SIGTERM)
    told = sum(ids is not None for ids in everything.values())
    print(f"{store}: {options.rounds} kills, {told} acknowledged calls of {PER_CALL} records are all there;"
          f" of {len(everything) - told} that were cut off {untold} are there as a whole, the others not at all")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        run(options.binary, ["--data-dir", folder], "SQLite", options, chance)
    url = os.environ.get("WIREDOO_TEST_POSTGRES")
    if url:
        db = f"wiredoo_kill_{options.seed}"
        arguments = ["--database-url", url, "--db", db, "--db-filter", f"^{db}$"]
        try:
            run(options.binary, arguments, "PostgreSQL", options, chance)
        finally:
            subprocess.run([options.binary, "db", "drop", db, "--database-url", url], check=False)


if __name__ == "__main__":
    main()
