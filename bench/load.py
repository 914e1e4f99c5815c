#!/usr/bin/env python3
"""The calls that are measured, and how: wrk makes the load, this logs in, makes the requests and the records that they need,
looks at one answer of each call before it is measured, and puts together what came out.

    load.py URL_A DB_A [URL_B DB_B] [options]      (see --help; bench/compare.sh and bench/run.sh use it)

Works with any server that speaks Odoo's protocols, 15.0 to 19.0. Standard library only, and wrk.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import xmlrpc.client
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

PARTNERS = 1000
# Calls that take long, since passwords are hashed.
LOGINS = ("authenticate", "REST login")
BENCH = "Bench record"
ATTRIBUTES = ["string", "type", "required", "readonly", "relation", "help", "store", "sortable"]

# What all requests have: answers are counted if they are errors, where they are looked at.
HEAD = """
local threads = {}
function setup(thread) thread:set("number", #threads + 1) table.insert(threads, thread) end
function init(args) wrong = 0 sample = "" end
function done(summary, latency, requests)
  local wrong, sample = 0, ""
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong")
    if sample == "" then sample = thread:get("sample") end
  end
  local errors = summary.errors
  io.write(string.format(
    '\\n@{"requests": %d, "us": %d, "p50": %d, "p99": %d, "status": %d, "socket": %d, "wrong": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, wrong))
  if wrong > 0 then io.write("#" .. sample:sub(1, 500):gsub("\\n", " ") .. "\\n") end
end
"""
# Errors of JSON-RPC and faults of XML-RPC have the status 200.
LOOK = """
local function look(status, body)
  local start = body:sub(1, 200)
  if status ~= 200 or start:find('"error"', 1, true) or body:find("<fault>", 1, true) then
    wrong = wrong + 1
    if sample == "" then sample = body end
  end
end
"""


class Failed(Exception):
    """What ends the measuring: one line."""


class Call:
    """A request that is sent again and again. `bodies` is Lua that makes the next body where it differs."""

    def __init__(self, path, body, headers, bodies=None, response=None, part=1.0, clean=False):
        self.path, self.body, self.bodies, self.response = path, body, bodies, response
        self.headers, self.part, self.clean = headers, part, clean

    def script(self, looking):
        lua = [HEAD, 'wrk.method = "POST"', f"wrk.path = {quoted(self.path)}", f"wrk.body = {quoted(self.body)}"]
        lua += [f"wrk.headers[{quoted(name)}] = {quoted(value)}" for name, value in self.headers.items()]
        if self.bodies:
            lua.append(self.bodies)
        if self.response or looking:
            lua.append(LOOK if looking else "local function look() end")
            own = self.response or "local function took() end"
            lua.append(f"{own}\nfunction response(status, headers, body) look(status, body) took(body) end")
        return "\n".join(lua)


def quoted(text):
    """A text as Lua has it."""
    return '"' + "".join(f"\\{byte:03d}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte) for byte in text.encode()) + '"'


class Server:
    """A server under test, and a session on it."""

    def __init__(self, url, db, login="admin", password="admin", key=None):
        self.url, self.db, self.login, self.password, self.key = url.rstrip("/"), db, login, password, key
        self.address = urlsplit(self.url)
        info = self.rpc("/web/session/authenticate", {"db": db, "login": login, "password": password}, keep=True)
        if not info.get("uid"):
            raise Failed(f"{url}: cannot log in to {db} as {login}")
        self.uid = info["uid"]
        self.version = info.get("server_version", "?")
        self.major = int(re.search(r"\d+", self.version + "0").group())

    # --- single requests ----------------------------------------------------------------------

    def send(self, path, body, headers, keep=False):
        kind = http.client.HTTPSConnection if self.address.scheme == "https" else http.client.HTTPConnection
        connection = kind(self.address.netloc, timeout=600)
        connection.request("POST", path, body.encode(), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if keep:
            cookies = [value for name, value in answer.getheaders() if name.lower() == "set-cookie"]
            sids = [cookie.split(";")[0] for cookie in cookies if cookie.startswith("session_id=")]
            self.cookie = sids[-1] if sids else ""
        connection.close()
        return answer.status, text

    def rpc(self, path, params, keep=False):
        headers = {"Content-Type": "application/json"}
        if not keep and getattr(self, "cookie", ""):
            headers["Cookie"] = self.cookie
        status, text = self.send(path, envelope(params), headers, keep)
        answer = json.loads(text) if status == 200 else {}
        if "result" not in answer:
            raise Failed(f"{self.url}{path}: {status} {text[:500]}")
        return answer["result"]

    def kw(self, model, method, *args, **kwargs):
        return self.rpc("/web/dataset/call_kw", {"model": model, "method": method, "args": args, "kwargs": kwargs})

    # --- what the calls need ------------------------------------------------------------------

    def prepare(self):
        """A thousand partners at least, and records to write to."""
        count = self.kw("res.partner", "search_count", [])
        for first in range(count, PARTNERS, 200):
            self.kw("res.partner", "create", [self.partner(number) for number in range(first, min(first + 200, PARTNERS))])
        self.one = self.kw("res.partner", "search", [], limit=1, order="id desc")[0]
        self.clean()
        new = [{"name": f"{BENCH} for writing {number}"} for number in range(64)]
        self.written = [self.kw("res.partner", "create", values) for values in new]
        if self.major >= 19 and not self.key:
            self.key = self.make_key()
        self.is_wiredoo = self.send("/session/auth/login", "{}", {"Content-Type": "application/json"})[0] == 400

    @staticmethod
    def partner(number):
        return {"name": f"Partner {number:04d}", "email": f"partner{number}@example.com", "phone": f"+32 81 {number:06d}",
                "city": "Namur", "is_company": number % 5 == 0}

    def clean(self, what=""):
        """Removes the records that were made for the calls, or only those that the calls have made (`what` is "made")."""
        name = f"{BENCH} {what}%" if what else f"{BENCH}%"
        failures = 0
        while ids := self.kw("res.partner", "search", [["name", "=like", name]], limit=500):
            try:
                self.kw("res.partner", "unlink", ids)
            except Failed:
                # The server may still be at what it was asked for before wrk hung up.
                failures += 1
                if failures > 10:
                    raise

    def make_key(self):
        """An API key as a user makes one; none where the server does not let them."""
        try:
            wizard = self.kw("res.users.apikeys.description", "create", {"name": "bench", "duration": "1"})
            action = self.kw("res.users.apikeys.description", "make_key", [wizard])
            if action.get("res_model") == "res.users.identitycheck":
                check = action["res_id"]
                context = {"password": self.password}
                self.kw("res.users.identitycheck", "write", [check], {"password": self.password})
                action = self.kw("res.users.identitycheck", "run_check", [check], context=context)
            return action.get("context", {}).get("default_key")
        except Failed:
            return None

    def calls(self):
        """The calls by name. Those that the server has not are missing."""
        plain = {"Content-Type": "application/json"}
        cookie = dict(plain, Cookie=self.cookie)
        credentials = {"db": self.db, "login": self.login, "password": self.password}

        def route(path, params, headers=cookie):
            return Call(path, envelope(params), headers)

        def kw(method, *args, **kwargs):
            params = {"model": "res.partner", "method": method, "args": args, "kwargs": kwargs}
            return route("/web/dataset/call_kw", params)

        fields = ["name", "email", "phone"]
        service = [self.db, self.uid, self.password, "res.partner", "read", [[self.one], fields]]
        calls = {
            "authenticate": route("/web/session/authenticate", credentials, plain),
            "get_session_info": route("/web/session/get_session_info", {}),
            "version_info": route("/web/webclient/version_info", {}),
            "fields_get": kw("fields_get", attributes=ATTRIBUTES),
            "search_read 80 x 5": kw("search_read", [], ["name", "email", "phone", "city", "is_company"], limit=80),
            "search_read 1000 x 3": kw("search_read", [], ["name", "email", "city"], limit=1000),
            "read of one": kw("read", [self.one], fields),
            "search_count": kw("search_count", []),
            "create": self.making(kw("create", {"name": f"{BENCH} made @"})),
            "write": self.writing(kw("write", ["@"], {"function": "job #"})),
            "create and unlink": self.making_and_unlinking(kw("create", {"name": f"{BENCH} made @"}), kw("unlink", ["@"])),
            "/jsonrpc execute_kw": route("/jsonrpc", {"service": "object", "method": "execute_kw", "args": service}, plain),
            "XML-RPC execute_kw": Call("/xmlrpc/2/object", xmlrpc.client.dumps(tuple(service), "execute_kw"),
                                       {"Content-Type": "text/xml"}),
        }
        if self.major >= 19 and self.key:
            body = json.dumps({"ids": [self.one], "fields": fields})
            headers = dict(plain, Authorization=f"bearer {self.key}", **{"X-Odoo-Database": self.db})
            calls["JSON-2 read"] = Call("/json/2/res.partner/read", body, headers)
        if self.is_wiredoo:
            calls["REST login"] = Call("/session/auth/login", json.dumps(credentials), plain)
        return calls

    @staticmethod
    def making(call):
        """Each record has a name of its own."""
        before, after = call.body.split("@")
        call.bodies = f"""
local made = 0
function request()
  made = made + 1
  return wrk.format(nil, nil, nil, {quoted(before)} .. number .. "-" .. made .. {quoted(after)})
end"""
        call.clean = True
        return call

    def writing(self, call):
        """One of 64 records after the other, always with another value."""
        start, rest = call.body.split('"@"')
        middle, after = rest.split("#")
        call.body = start + str(self.written[0]) + middle + "0" + after
        call.bodies = f"""
local ids = {{{", ".join(map(str, self.written))}}}
local turn
function request()
  turn = (turn or number * 32) + 1
  local id = ids[turn % #ids + 1]
  return wrk.format(nil, nil, nil, {quoted(start)} .. id .. {quoted(middle)} .. turn .. {quoted(after)})
end"""
        return call

    @staticmethod
    def making_and_unlinking(make, unlink):
        """Each record that was made is deleted with the next request: half of the requests are pairs."""
        before, after = make.body.split("@")
        start, end = unlink.body.split('"@"')
        make.bodies = f"""
local made, waiting = 0, {{}}
function request()
  local id = table.remove(waiting)
  if id then return wrk.format(nil, nil, nil, {quoted(start)} .. id .. {quoted(end)}) end
  made = made + 1
  return wrk.format(nil, nil, nil, {quoted(before)} .. number .. "-" .. made .. {quoted(after)})
end
local function took(body)
  local id = body:match('"result":%s*%[?(%d+)')
  if id then table.insert(waiting, id) end
end"""
        make.response = " "
        make.part = 0.5
        make.clean = True
        return make

    # --- load ---------------------------------------------------------------------------------

    def check(self, name, call):
        """One answer, which must be a success."""
        body = call.body.replace("@", "0")
        status, text = self.send(call.path, body, call.headers)
        if call.path.startswith("/xmlrpc"):
            try:
                xmlrpc.client.loads(text)
                return
            except (xmlrpc.client.Error, ExpatError) as error:
                raise Failed(f"{name}: {status} {error} {text[:500]}") from error
        answer = json.loads(text) if status == 200 else None
        if status != 200 or isinstance(answer, dict) and "error" in answer:
            raise Failed(f"{name}: {status} {text[:500]}")

    def load(self, call, seconds, connections, looking=False):
        """What wrk says of so many seconds of a call."""
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(call.script(looking))
            script.flush()
            threads = str(min(connections, os.cpu_count() or 1, 2))
            command = ["wrk", "-t", threads, "-c", str(connections), "-d", str(seconds), "--timeout", "30", "-s", script.name]
            done = subprocess.run(command + [self.url + call.path], capture_output=True, text=True, check=False)
        line = [line for line in done.stdout.splitlines() if line.startswith("@")]
        if not line:
            raise Failed(f"wrk: {done.stderr or done.stdout}")
        told = json.loads(line[0][1:])
        if told["status"] or told["socket"] or told["wrong"]:
            sample = [line[1:] for line in done.stdout.splitlines() if line.startswith("#")]
            raise Failed(f"{call.path}: {told} {''.join(sample)}")
        if call.clean:
            self.clean("made")
        return told


def envelope(params):
    return json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": params})


class Figure:
    """What was measured of a call."""

    def __init__(self, runs, part):
        self.rate = sum(run["requests"] for run in runs) / sum(run["us"] for run in runs) * 1e6 * part
        self.p50 = statistics.median(run["p50"] for run in runs) / 1000
        self.p99 = statistics.median(run["p99"] for run in runs) / 1000

    def latency(self):
        return f"{self.p50:.2f} / {self.p99:.2f}"


def measure(servers, connections, seconds, rounds, only=None, tell=lambda line: None):
    """`{(name, connections): [figure of each server]}`: in each round all servers have their turn. A call that a server has
    not, or that fails, is None."""
    calls = [server.calls() for server in servers]
    figures = {}
    for name in dict.fromkeys(name for of_server in calls for name in of_server):
        if only and not any(part in name for part in only):
            continue
        usable = []
        for server, of_server in zip(servers, calls):
            try:
                if name in of_server:
                    server.check(name, of_server[name])
                    # This warms up, too; and errors that have the status 200 are looked for here only, since that takes time.
                    server.load(of_server[name], 1, max(connections), looking=True)
                    usable.append(True)
                    continue
            except Failed as failed:
                tell(f"{server.url}: {failed}")
            usable.append(False)
        for count in connections:
            runs = [[] for _ in servers]
            for _ in range(rounds):
                for index, server in enumerate(servers):
                    if usable[index]:
                        try:
                            time = max(seconds, 5) if name in LOGINS else seconds
                            runs[index].append(server.load(calls[index][name], time, count))
                        except Failed as failed:
                            tell(f"{server.url}: {name}: {failed}")
                            usable[index] = False
            row = [Figure(runs[index], calls[index][name].part) if usable[index] else None for index in range(len(servers))]
            row = [figure if figure and figure.rate else None for figure in row]
            figures[name, count] = row
            tell(f"{name}, {count}: " + ", ".join(f"{figure.rate:,.1f}/s" if figure else "-" for figure in row))
    return figures


def compare(figures, names):
    """A table of two servers side by side."""
    lines = [f"| call | connections | {names[0]}/s | {names[1]}/s | ratio | p50 / p99 ms | p50 / p99 ms |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for (name, count), row in figures.items():
        rates = [f"{figure.rate:,.1f}" if figure else "-" for figure in row]
        ratio = f"{row[0].rate / row[1].rate:.2f}" if all(row) and row[1].rate else "-"
        latencies = [figure.latency() if figure else "-" for figure in row]
        lines.append(f"| {name} | {count} | {' | '.join(rates)} | {ratio} | {' | '.join(latencies)} |")
    return "\n".join(lines)


def arguments():
    parser = argparse.ArgumentParser(description="The same calls on two servers, by turns; prints rates and ratios.")
    parser.add_argument("url_a", metavar="URL_A")
    parser.add_argument("db_a", metavar="DB_A")
    parser.add_argument("url_b", metavar="URL_B")
    parser.add_argument("db_b", metavar="DB_B")
    parser.add_argument("--login", default="admin")
    parser.add_argument("--password", default="admin")
    parser.add_argument("--login-b", help="where it is another one")
    parser.add_argument("--password-b", help="where it is another one")
    parser.add_argument("--key-a", help="API key for JSON-2; else one is made where the server allows it")
    parser.add_argument("--key-b")
    parser.add_argument("--seconds", type=int, default=2, help="of a call, in each round (default: 2)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: 3)")
    parser.add_argument("--connections", default="1,16", help="(default: 1,16)")
    parser.add_argument("--only", action="append", help="calls whose names have this in them; can be given several times")
    return parser.parse_args()


def main():
    given = arguments()
    servers = [
        Server(given.url_a, given.db_a, given.login, given.password, given.key_a),
        Server(given.url_b, given.db_b, given.login_b or given.login, given.password_b or given.password, given.key_b),
    ]
    for server in servers:
        server.prepare()
    connections = [int(count) for count in given.connections.split(",")]
    figures = measure(servers, connections, given.seconds, given.rounds, given.only, lambda line: print(line, file=sys.stderr))
    for letter, server in zip("AB", servers):
        print(f"{letter}: {server.url} {server.db} ({server.version}{', wiredoo' if server.is_wiredoo else ''})")
        server.clean()
    print(compare(figures, "AB"))


if __name__ == "__main__":
    try:
        main()
    except (Failed, OSError) as error:
        sys.exit(f"load.py: {error}")
