#!/usr/bin/env python3
"""A balancer without affinity: each request goes to the next of several servers, whatever connection it came on.

    balancer.py URL URL…

It listens on a free port of 127.0.0.1, writes its address to standard output, and runs until it is ended. Requests are
sent on as they came, answers come back as they are. Only what the recorded conversations and bench/ need: bodies with a
length or in chunks, no upgrades.
"""

import asyncio
import itertools
import sys
from urllib.parse import urlsplit

LIMIT = 1 << 20


async def read_message(reader, is_answer, method=b""):
    """One message, as bytes: head, then body; nothing where the other side has closed. Tells the method and status too."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None, b"", False
    lines = head.split(b"\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        fields.setdefault(name.strip().lower(), value.strip())
    words = lines[0].split(b" ")
    closes = fields.get(b"connection", b"").lower() == b"close"
    if is_answer and (method == b"HEAD" or words[1] in (b"204", b"304") or words[1].startswith(b"1")):
        return head, words[1], closes
    if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
        body = b""
        while True:
            size = await reader.readuntil(b"\r\n")
            body += size
            if int(size.split(b";")[0], 16) == 0:
                # What follows the last chunk ends with an empty line.
                while True:
                    line = await reader.readuntil(b"\r\n")
                    body += line
                    if line == b"\r\n":
                        return head + body, words[0], closes
            body += await reader.readexactly(int(size.split(b";")[0], 16) + 2)
    length = fields.get(b"content-length")
    if length is not None:
        return head + await reader.readexactly(int(length)), words[0], closes
    if is_answer:
        return head + await reader.read(), words[0], True
    return head, words[0], closes


class Balancer:
    def __init__(self, servers):
        self.turns = itertools.cycle(range(len(servers)))
        self.servers = servers

    async def serve(self, reader, writer):
        connections = {}
        try:
            while True:
                request, method, closes = await read_message(reader, False)
                if request is None:
                    break
                turn = next(self.turns)
                answer, ended = await self.ask(connections, turn, request, method)
                writer.write(answer)
                await writer.drain()
                if closes or ended:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            for _, other in connections.values():
                other.close()
            writer.close()

    async def ask(self, connections, turn, request, method):
        """Sends a request to the server whose turn it is, on a connection of this client's."""
        for fresh in (False, True):
            if fresh or turn not in connections:
                connections[turn] = await asyncio.open_connection(*self.servers[turn], limit=LIMIT)
            reader, writer = connections[turn]
            try:
                writer.write(request)
                await writer.drain()
                answer, _, ended = await read_message(reader, True, method)
            except ConnectionError:
                answer = None
            if answer is not None:
                if ended:
                    del connections[turn]
                return answer, ended
            # It was closed while it waited; only an idle one can have been.
            del connections[turn]
            if fresh:
                break
        return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", True


async def main(urls):
    servers = [(url.hostname, url.port) for url in map(urlsplit, urls)]
    server = await asyncio.start_server(Balancer(servers).serve, "127.0.0.1", 0, limit=LIMIT)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1:]))
    except KeyboardInterrupt:
        pass
