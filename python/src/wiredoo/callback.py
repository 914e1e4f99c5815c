"""The functions of stubs: a small HTTP server of this process, which wiredoo asks."""

from __future__ import annotations

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from .client import dumps

__all__ = ["Receiver"]

Function = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Receiver:
    """Takes what wiredoo asks, and gives it to functions. Listens from the first function on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._functions: Dict[str, Tuple[Function, Optional[str]]] = {}
        self._failures: List[Tuple[Optional[str], Exception]] = []
        self._server: Optional[ThreadingHTTPServer] = None
        self._numbers = itertools.count(1)

    def take(self, function: Function, db: Optional[str]) -> str:
        """The URL under which a function is asked, which belongs to a database."""
        with self._lock:
            if self._server is None:
                self._server = self._listen()
            path = f"/{next(self._numbers)}"
            self._functions[path] = (function, db)
            return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def failures(self, db: Optional[str]) -> List[Exception]:
        """What the functions of a database have raised unexpectedly; of all, where none is said."""
        with self._lock:
            return [error for of, error in self._failures if db is None or of == db]

    def forget(self, db: str) -> None:
        """Drops the functions of a database."""
        with self._lock:
            self._functions = {path: known for path, known in self._functions.items() if known[1] != db}
            self._failures = [failure for failure in self._failures if failure[0] != db]

    def close(self) -> None:
        """Stops listening."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def respond(self, path: str, call: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the function at a path says to a call."""
        with self._lock:
            function, db = self._functions.get(path, (None, None))
        if function is None:
            return {"error": "user_error", "message": "The function of this stub is gone."}
        try:
            answer = function(call)
            dumps(answer)
            return answer
        except Exception as error:
            with self._lock:
                self._failures.append((db, error))
            return {"error": "user_error", "message": f"The function of a stub failed: {type(error).__name__}: {error}"}

    def _listen(self) -> ThreadingHTTPServer:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = dumps(receiver.respond(self.path, json.loads(self.rfile.read(length) or b"{}")))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), name="wiredoo stubs", daemon=True).start()
        return server
