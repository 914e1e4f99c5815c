"""What can go wrong here."""

from __future__ import annotations

from typing import Optional

__all__ = ["OdooError", "Refusal", "StartError", "StubError", "WiredooError"]


class WiredooError(Exception):
    """Whatever this package raises, but for the ``AssertionError`` of its assertions."""


class StartError(WiredooError):
    """The server's program was not found, or ended before it was ready."""


class Refusal(WiredooError):
    """The server refuses what it was asked for; the text says what to write instead."""

    def __init__(self, status: int, message: str, at: Optional[str] = None) -> None:
        super().__init__(f"{message} (at {at})" if at else message)
        #: The HTTP status: 404 for what is not there, 409 for a name that is taken, 422 for what is wrong.
        self.status = status
        #: What is wrong, and what to write instead.
        self.message = message
        #: Where in what was sent: ``match.where``, ``effect.http``.
        self.at = at


class OdooError(WiredooError):
    """A call of :meth:`wiredoo.Database.execute` was answered with an error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        #: The exception of the server: ``odoo.exceptions.UserError``.
        self.name = name
        #: Its text.
        self.message = message


class StubError(WiredooError):
    """Raised by the function of a stub, to answer with an error."""

    def __init__(self, error: str = "user_error", message: Optional[str] = None) -> None:
        super().__init__(message or error)
        #: ``user_error``, ``access_error``, ``validation_error``, ``missing_error``, ``access_denied``, …
        self.error = error
        #: Its text; Odoo's usual one where there is none.
        self.message = message
