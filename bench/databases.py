#!/usr/bin/env python3
"""How long databases of the test double take: a thousand made one after the other, fifty at once, a reset with ten
thousand changed records; and what memory is left afterwards.

    cargo build --release && bench/databases.py target/release/wiredoo
"""

import concurrent.futures
import http.client
import json
import statistics
import subprocess
import sys
import time
from urllib.parse import urlsplit


class Server:
    def __init__(self, binary):
        command = [binary, "--ephemeral", "--port", "0", "--log", "warn"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        ready = json.loads(self.process.stdout.readline())
        self.address = urlsplit(ready["url"]).netloc

    def connect(self):
        return http.client.HTTPConnection(self.address)

    def resident(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


def ask(connection, method, path, body=None):
    connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status < 300, (answer.status, text)
    return json.loads(text) if text else None


def timed(*call):
    begun = time.perf_counter()
    answer = ask(*call)
    return (time.perf_counter() - begun) * 1000, answer


def tell(what, times):
    times = sorted(times)
    print(f"{what}: median {statistics.median(times):.2f} ms, p99 {times[int(len(times) * 0.99) - 1]:.2f} ms")


def main():
    server = Server(sys.argv[1])
    connection = server.connect()
    print(f"resident at the start: {server.resident()} MB")
    made = [timed(connection, "POST", "/__wiredoo/databases", {}) for _ in range(1000)]
    tell("1000 databases, one after the other", [time for time, _ in made])
    print(f"resident with them: {server.resident()} MB")
    tell("dropping them", [timed(connection, "DELETE", f"/__wiredoo/databases/{new['name']}")[0] for _, new in made])
    print(f"resident without them: {server.resident()} MB")

    def one(_):
        return timed(server.connect(), "POST", "/__wiredoo/databases", {})

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        made = list(pool.map(one, range(50)))
    tell("50 databases at once", [time for time, _ in made])
    name = made[0][1]["name"]
    values = [{"name": f"Partner {number}"} for number in range(10_000)]
    call = {"service": "object", "method": "execute_kw", "args": [name, 2, "admin", "res.partner", "create", [values]]}
    ask(connection, "POST", "/jsonrpc", {"params": call})
    resets = [timed(connection, "POST", f"/__wiredoo/databases/{name}/reset")[0]]
    resets += [timed(connection, "POST", f"/__wiredoo/databases/{name}/reset")[0] for _ in range(20)]
    print(f"reset with 10,000 records made: {resets[0]:.2f} ms")
    tell("reset again", resets[1:])
    server.process.terminate()
    server.process.wait()


main()
