"""What databases are filled with."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Union

from .errors import WiredooError

__all__ = ["Fixture", "read", "several"]

#: A file (YAML, JSON, or CSV named by its model), a folder of such, or what would be in a file.
Fixture = Union[str, "PathLike[str]", Mapping[str, Any]]

KINDS = (".yaml", ".yml", ".json", ".csv")


def several(fixtures: Union[Fixture, Iterable[Fixture]]) -> List[Fixture]:
    """One fixture or several as a list."""
    if isinstance(fixtures, (str, PathLike, Mapping)):
        return [fixtures]
    return list(fixtures)


def read(fixtures: Union[Fixture, Iterable[Fixture]], folders: Sequence[Path] = ()) -> List[Dict[str, Any]]:
    """Fixtures as the server takes them. A file is looked for in each of ``folders``, then where the process is."""
    found: List[Dict[str, Any]] = []
    for fixture in several(fixtures):
        if isinstance(fixture, Mapping):
            found.append(dict(fixture))
        else:
            found.extend({"name": file.name, "content": _text(file)} for file in files(find(fixture, folders)))
    return found


def find(path: Union[str, PathLike[str]], folders: Sequence[Path] = ()) -> Path:
    """The file or folder of that name."""
    wanted = Path(path)
    tried = [folder / wanted for folder in folders] + [wanted]
    for candidate in tried:
        if candidate.exists():
            return candidate
    raise WiredooError(f"there is no fixture {', nor '.join(str(candidate) for candidate in tried)}")


def files(path: Path) -> List[Path]:
    """A file, or the files of a folder by name."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in KINDS)
    if not found:
        raise WiredooError(f"there is no {', '.join(KINDS)} file in {path}")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise WiredooError(f"{path} is not written in UTF-8: {error}") from error
