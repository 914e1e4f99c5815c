"""Which calls are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, TypedDict, Union

if TYPE_CHECKING:
    from typing_extensions import Literal

    Dialect = Literal["web", "jsonrpc", "xmlrpc", "json2", "rest"]

__all__ = ["Match", "Options", "Patterns", "RuleOptions", "Where", "as_match", "matching"]

#: Conditions on ``ids``, ``args`` and ``context``: a domain such as ``[("args.vals.name", "=", "Acme")]``, with ``&``,
#: ``|`` and ``!``, or a dictionary of what must be equal.
Where = Union[Mapping[str, Any], Sequence[Any]]
#: A name with ``*`` and ``?``, several of which one must fit, or any.
Patterns = Union[str, Sequence[str], None]


class Options(TypedDict, total=False):
    """What a call must have, beside model and method; all that is said must hold."""

    db: str
    dialect: Union[Dialect, Sequence[Dialect]]
    #: Login or id.
    user: Union[str, int]
    service: Union[str, Sequence[str]]
    path: str
    where: Where


class Match(Options, total=False):
    """What a call must have. ``service``, ``model`` and ``method`` are patterns with ``*`` and ``?``, or lists of such."""

    model: Union[str, Sequence[str]]
    method: Union[str, Sequence[str]]


class RuleOptions(Options, total=False):
    """What a call must have beside model and method, and to which of these calls the rule applies."""

    #: Only the n-th of the calls that are meant, from 1 on.
    nth: int
    #: Only so many of them.
    times: int
    #: Only this part of them.
    probability: float


def conditions(where: Where) -> List[Any]:
    """Conditions as the server takes them."""
    if isinstance(where, Mapping):
        return [[path, "=", value] for path, value in where.items()]
    return list(where)


def matching(said: Mapping[str, Any], db: Optional[str] = None) -> Dict[str, Any]:
    """A match as the server takes it, of what is said of it, and of a database unless another is said."""
    match = {name: value for name, value in said.items() if value is not None}
    if "where" in match:
        match["where"] = conditions(match["where"])
    if db is not None:
        match.setdefault("db", db)
    return match


def as_match(said: Union[Match, Sequence[str], str]) -> Mapping[str, Any]:
    """A match of ``("res.partner", "create")``, ``"res.partner.create"`` or a dictionary."""
    if isinstance(said, str):
        model, _, method = said.rpartition(".")
        if not model:
            raise ValueError(f"write '{said}' with a model and a method, as in 'res.partner.create'")
        return {"model": model, "method": method}
    if isinstance(said, Mapping):
        return said
    model, method, *rest = said
    if rest:
        raise ValueError(f"write {said!r} as (model, method), or as a dictionary")
    return {"model": model, "method": method}
