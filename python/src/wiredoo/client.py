"""Questions to a server's ``/__wiredoo/…``."""

from __future__ import annotations

import base64
import http.client
import json
import os
import threading
from datetime import date, datetime, timezone
from pathlib import PurePath
from typing import Any, Callable, Mapping, Optional, Tuple
from urllib.parse import quote, urlencode, urlsplit

from .errors import Refusal, WiredooError

__all__ = ["Client", "dumps", "segment"]

ROOT = "/__wiredoo"
#: How long an answer may take, in seconds.
PATIENCE = 60.0


def plain(value: object) -> Any:
    """Values that JSON does not have, as Odoo writes them."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo is None else value.astimezone(timezone.utc)
        return moment.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON: {value!r}")


def dumps(value: object) -> bytes:
    """A value as JSON."""
    return json.dumps(value, default=plain, ensure_ascii=False).encode("utf-8")


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="")


class _Held:
    """A connection of this process, closed when nobody holds it any more."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection
        self.owner = os.getpid()

    def __del__(self) -> None:
        self.connection.close()


class _Connections(threading.local):
    """The connection of a thread."""

    held: Optional[_Held] = None


class Client:
    """Speaks with a server, over a connection that is kept open for each thread."""

    def __init__(self, url: str, token: Optional[str] = None, why_not: Optional[Callable[[], str]] = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WiredooError(f"'{url}' is no address of a server; write it as http://127.0.0.1:8069")
        self.url = url.rstrip("/")
        self.host: str = parts.hostname
        self.port: int = parts.port or (443 if parts.scheme == "https" else 80)
        self._prefix = parts.path.rstrip("/")
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._why_not = why_not
        self._local = _Connections()

    def get(self, path: str, query: Optional[Mapping[str, object]] = None) -> Any:
        """What is at a path."""
        return self.ask("GET", path, query)

    def post(self, path: str, body: object = None, query: Optional[Mapping[str, object]] = None, patience: float = 0) -> Any:
        """What a path answers to a body; it may take ``patience`` longer than usual."""
        return self.ask("POST", path, query, body, patience)

    def ask(
        self,
        method: str,
        path: str,
        query: Optional[Mapping[str, object]] = None,
        body: object = None,
        patience: float = 0,
    ) -> Any:
        """The JSON that a path answers; ``None`` where it answers nothing.

        Raises :class:`Refusal`, or :class:`WiredooError` where the server cannot be reached.
        """
        content = self.fetch(method, path, query, body, patience)
        return json.loads(content) if content else None

    def fetch(
        self,
        method: str,
        path: str,
        query: Optional[Mapping[str, object]] = None,
        body: object = None,
        patience: float = 0,
    ) -> bytes:
        """As :meth:`ask`, without reading the answer."""
        said = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{self._prefix}{ROOT}{path}" + (f"?{urlencode(said)}" if said else "")
        headers = dict(self._headers)
        sent = None
        if body is not None:
            sent = dumps(body)
            headers["Content-Type"] = "application/json"
        status, content = self.exchange(method, target, sent, headers, PATIENCE + patience)
        if status >= 400:
            raise self._refusal(status, content, method, target)
        return content

    def exchange(
        self, method: str, target: str, body: Optional[bytes], headers: Mapping[str, str], timeout: float
    ) -> Tuple[int, bytes]:
        """Sends a request, and answers with status and body."""
        local = self._local
        reused = local.held is not None and local.held.owner == os.getpid()
        if local.held is None or not reused:
            local.held = _Held(self._kind(self.host, self.port, timeout=timeout))
        connection = local.held.connection
        try:
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            # A server may close a connection that nobody uses; then the request was never read.
            self.close()
            if reused:
                return self.exchange(method, target, body, headers, timeout)
            raise self._unreachable(error) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error) from error

    def close(self) -> None:
        """Closes the connection of this thread."""
        held, self._local.held = self._local.held, None
        if held is not None:
            held.connection.close()

    def _unreachable(self, error: Exception) -> WiredooError:
        why = self._why_not() if self._why_not else ""
        return WiredooError(f"wiredoo does not answer at {self.url}: {error or type(error).__name__}{why}")

    @staticmethod
    def _refusal(status: int, content: bytes, method: str, target: str) -> Refusal:
        try:
            error = json.loads(content)["error"]
            return Refusal(status, error["message"], error.get("at"))
        except (ValueError, KeyError, TypeError):
            pass
        if status == 404:
            return Refusal(status, f"{method} {target} is not served: start wiredoo with --double or --ephemeral")
        return Refusal(status, f"{method} {target} answered with status {status}: {content[:200]!r}")
