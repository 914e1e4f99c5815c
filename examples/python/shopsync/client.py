"""Odoo over its web session."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from typing import Any, Callable, Dict, List, Optional

#: Methods that change nothing, so that a call whose answer was lost can simply be made again.
READING = {"search", "search_read", "search_count", "read", "fields_get"}


class OdooError(Exception):
    """Odoo has answered with an error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class CredentialsError(OdooError):
    """Login or password are wrong; trying again is no use."""


class LostError(Exception):
    """There is no answer. Whether the call has run, nobody knows."""


class OdooClient:
    """Calls methods of models. Logs in when it has to, waits where it is told to, repeats what is safe to repeat."""

    def __init__(
        self,
        url: str,
        db: str,
        login: str,
        password: str,
        *,
        tries: int = 4,
        timeout: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._credentials = {"db": db, "login": login, "password": password}
        self._tries = tries
        self._timeout = timeout
        self._sleep = sleep
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._is_logged_in = False

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """What a method answers.

        Raises :class:`OdooError`, or :class:`LostError` where a method that may have changed something has no answer.
        """
        params = {"model": model, "method": method, "args": list(args), "kwargs": kwargs}
        for attempt in range(1, self._tries + 1):
            try:
                if not self._is_logged_in:
                    self.log_in()
                return self._post("/web/dataset/call_kw", params)
            except OdooError as error:
                # An expired session has run nothing.
                if error.name != "odoo.http.SessionExpiredException" or attempt == self._tries:
                    raise
                self._is_logged_in = False
            except LostError:
                if method not in READING or attempt == self._tries:
                    raise
                self.pause(attempt)
        raise AssertionError("the last attempt returns or raises")

    def log_in(self) -> None:
        """Begins a session."""
        try:
            self._post("/web/session/authenticate", dict(self._credentials))
        except OdooError as error:
            if error.name == "odoo.exceptions.AccessDenied":
                raise CredentialsError(error.name, str(error)) from error
            raise
        self._is_logged_in = True

    def pause(self, attempt: int) -> None:
        """Waits, the longer the more attempts there were."""
        self._sleep(0.5 * 2 ** (attempt - 1))

    def _post(self, path: str, params: Dict[str, Any]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}).encode()
        request = urllib.request.Request(self._url + path, body, {"Content-Type": "application/json"})
        for _ in range(self._tries):
            try:
                with self._opener.open(request, timeout=self._timeout) as answer:
                    return self._result(json.loads(answer.read()))
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != 429:
                        raise LostError(f"{path} answered with status {error.code}") from error
                    # Too many requests: this one was not let through, so it can be made again.
                    self._sleep(float(error.headers.get("Retry-After") or 1))
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise LostError(f"{path} has not answered: {error}") from error
        raise LostError(f"{path} lets nobody through")

    @staticmethod
    def _result(answer: Dict[str, Any]) -> Any:
        error: Optional[Dict[str, Any]] = answer.get("error")
        if error:
            raise OdooError(error["data"]["name"], error["data"]["message"])
        return answer.get("result")


def chunks(items: List[Any], size: int) -> List[List[Any]]:
    """Lists of at most ``size`` items."""
    return [items[start : start + size] for start in range(0, len(items), size)]
