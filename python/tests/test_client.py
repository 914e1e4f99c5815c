"""The connection to a server, with a server that behaves as no wiredoo does."""

from __future__ import annotations

import socket
import threading
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO, Iterator, List, Sequence

import pytest
from wiredoo.client import Client, dumps
from wiredoo.errors import Refusal, WiredooError


class Scripted:
    """Answers each request of each connection with the next of its answers; ``b""`` closes the connection."""

    def __init__(self, *connections: List[bytes]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: List[str] = []
        self._thread = threading.Thread(target=self._run, args=(connections,), daemon=True)
        self._thread.start()

    def _run(self, connections: Sequence[List[bytes]]) -> None:
        with self._listener:
            for answers in connections:
                connection, _ = self._listener.accept()
                with connection, connection.makefile("rb") as received:
                    for answer in answers:
                        self.requests.append(self._read(received))
                        if answer:
                            connection.sendall(answer)
                        else:
                            break

    @staticmethod
    def _read(received: BinaryIO) -> str:
        lines = [line.decode().strip() for line in iter(received.readline, b"\r\n")]
        lengths = [int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:")]
        received.read(sum(lengths))
        return lines[0].partition(" HTTP")[0]

    def finish(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def clients() -> Iterator[List[Client]]:
    used: List[Client] = []
    yield used
    for client in used:
        client.close()


def test_a_connection_is_kept_and_made_anew_when_it_was_closed(clients: List[Client]) -> None:
    server = Scripted([answer(b"1"), answer(b"2")], [answer(b"3")])
    client = Client(server.url)
    clients.append(client)
    assert [client.get("/databases", {"db": "a b", "none": None}) for _ in range(3)] == [1, 2, 3]
    client.close()
    server.finish()
    assert server.requests == ["GET /__wiredoo/databases?db=a+b"] * 3


def test_a_new_connection_that_is_closed_is_an_error(clients: List[Client]) -> None:
    server = Scripted([b""])
    clients.append(Client(server.url, why_not=lambda: "\nno reason"))
    with pytest.raises(WiredooError, match="does not answer at(.|\n)*no reason"):
        clients[0].post("/databases", {})
    server.finish()
    assert len(server.requests) == 1


def test_refusals_are_read_and_others_are_told(clients: List[Client]) -> None:
    server = Scripted(
        [
            answer(b'{"error": {"message": "write this", "at": "match.where"}}', "422 Unprocessable Entity"),
            answer(b"<h1>Not Found</h1>", "404 Not Found"),
            answer(b"oh", "500 Internal Server Error"),
            answer(b"", "204 No Content"),
        ]
    )
    client = Client(server.url)
    clients.append(client)
    with pytest.raises(Refusal) as refused:
        client.post("/faults", {})
    assert (refused.value.status, refused.value.message, refused.value.at) == (422, "write this", "match.where")
    assert str(refused.value) == "write this (at match.where)"
    with pytest.raises(Refusal, match="start wiredoo with --double"):
        client.get("/")
    with pytest.raises(Refusal, match="status 500: b'oh'"):
        client.get("/")
    assert client.ask("DELETE", "/faults") is None
    client.close()
    server.finish()


def test_addresses() -> None:
    assert (Client("https://odoo.example/sub/").port, Client("https://odoo.example/sub/").url) == (443, "https://odoo.example/sub")
    for wrong in ("127.0.0.1:8069", "ftp://x", ""):
        with pytest.raises(WiredooError, match="no address"):
            Client(wrong)
    with pytest.raises(WiredooError, match="does not answer"):
        Client("http://127.0.0.1:9").get("/")


def test_values_are_written_as_odoo_writes_them() -> None:
    value = {
        "when": datetime(2026, 1, 31, 8, 0),
        "there": datetime(2026, 1, 31, 9, 0, tzinfo=timezone(timedelta(hours=1))),
        "day": date(2026, 1, 31),
        "file": b"abc",
        "path": Path("a/b"),
        "ids": {3, 1},
        "pair": (1, "é"),
    }
    expected = (
        '{"when": "2026-01-31 08:00:00", "there": "2026-01-31 08:00:00", "day": "2026-01-31", "file": "YWJj", '
        '"path": "a/b", "ids": [1, 3], "pair": [1, "é"]}'
    )
    assert dumps(value).decode() == expected
    with pytest.raises(TypeError, match="object cannot be sent as JSON"):
        dumps(object())
