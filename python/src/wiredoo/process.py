"""The server's program: where it is, and how it is run."""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import weakref
from os import PathLike
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union

from .errors import StartError

__all__ = ["Process", "find_executable"]

#: Runs the server beside a shell that waits for the end of its input, which comes with the end of this process, however
#: it ends; then it stops the server. The shell gives up the output, so that its end is the end of the server.
WATCH = '"$@" & server=$!; exec >/dev/null; read -r line; kill "$server" 2>/dev/null; wait "$server"'
#: Settings from the environment that do not concern what a test sees.
KEPT = ("WIREDOO_LOG", "WIREDOO_LOG_FORMAT")
#: How long a server that did not answer may take to end, in seconds, to be told from one that is there.
GRACE = 1.0
IS_POSIX = os.name == "posix"


def find_executable(executable: Union[str, PathLike[str], None] = None) -> str:
    """The server's program: the given one, that of ``WIREDOO_BIN``, that of the wheel, or the one on the ``PATH``.

    Raises :class:`StartError` where there is none.
    """
    said = os.fspath(executable) if executable is not None else os.environ.get("WIREDOO_BIN")
    if said:
        found = shutil.which(said)
        if not found:
            raise StartError(f"'{said}' is no program that can be run")
        return found
    for candidate in _installed():
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    on_path = shutil.which("wiredoo")
    if on_path:
        return on_path
    raise StartError(
        "the program 'wiredoo' was not found: install the wheel, or set WIREDOO_BIN to the program, or put it on the PATH"
    )


def _installed() -> Iterator[Path]:
    name = "wiredoo" + (sysconfig.get_config_var("EXE") or "")
    user = f"{os.name}_user"
    yield Path(sysconfig.get_path("scripts")) / name
    if user in sysconfig.get_scheme_names():
        yield Path(sysconfig.get_path("scripts", scheme=user)) / name
    # `pip install --target DIR` and the like put scripts beside the packages.
    packages = Path(__file__).resolve().parent.parent
    yield packages / ("Scripts" if os.name == "nt" else "bin") / name
    yield Path(sys.executable).parent / name


class Process:
    """A server that was started here."""

    def __init__(
        self,
        arguments: Sequence[str],
        executable: Union[str, PathLike[str], None] = None,
        env: Optional[Mapping[str, str]] = None,
        timeout: float = 30.0,
    ) -> None:
        program = [find_executable(executable), *arguments]
        self._log: IO[bytes] = tempfile.TemporaryFile()
        if IS_POSIX:
            program = ["/bin/sh", "-c", WATCH, "wiredoo", *program]
        # A session of its own: an interrupt from the terminal is for the tests, which then stop the server.
        self._child = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(env),
            start_new_session=IS_POSIX,
        )
        self._stopped = False
        self._owner = os.getpid()
        _running.add(self)
        #: The line that the server wrote when it was ready: ``url``, ``db``, ``series``, ``pid``.
        self.ready: Dict[str, Any] = self._await(timeout)

    def log(self) -> str:
        """What the server has logged so far."""
        if self._log.closed:
            return ""
        length = os.fstat(self._log.fileno()).st_size
        if IS_POSIX:
            content = os.pread(self._log.fileno(), length, 0)
        else:
            self._log.seek(0)
            content = self._log.read()
        return content.decode("utf-8", "replace")

    def is_running(self) -> bool:
        """Whether the server is there."""
        return not self._ends_within(0)

    def _ends_within(self, seconds: float) -> bool:
        """Whether the server has ended, or does before the time is over."""
        if self._stopped or self._child.poll() is not None:
            return True
        if not IS_POSIX:
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                return False
            return True
        output = self._child.stdout
        assert output is not None
        return bool(select.select([output], [], [], seconds)[0]) and os.read(output.fileno(), 4096) == b""

    def explain(self) -> str:
        """A text for errors: whether it is there, and the end of its log.

        A process that is being ended cuts its connections before it is gone, so it is given a moment.
        """
        state = "\nits process has ended" if self._ends_within(GRACE) else ""
        last = self.log().splitlines()[-20:]
        return state + ("\nits log ends with\n  " + "\n  ".join(last) if last else "")

    def stop(self, timeout: float = 10.0) -> None:
        """Ends the server, and waits for it."""
        if self._stopped or self._owner != os.getpid():
            return
        self._stopped = True
        _running.discard(self)
        child = self._child
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()
        if not IS_POSIX:
            child.terminate()
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            if IS_POSIX:
                os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()
            child.wait()
        self._log.close()

    def _await(self, timeout: float) -> Dict[str, Any]:
        line: List[bytes] = []
        output = self._child.stdout
        assert output is not None
        reader = threading.Thread(target=lambda: line.append(output.readline()), daemon=True)
        reader.start()
        reader.join(timeout)
        late = reader.is_alive()
        try:
            ready = json.loads(line[0]) if line and line[0] else None
        except ValueError:
            ready = None
        if isinstance(ready, dict) and ready.get("ready"):
            return ready
        log = self.log().strip()
        if late:
            # The reader has the stream: the server has to end first.
            if IS_POSIX:
                os.killpg(self._child.pid, signal.SIGKILL)
            else:
                self._child.kill()
            reader.join()
        self.stop()
        why = f"was not ready within {timeout:g} s" if late else "ended before it was ready"
        raise StartError(f"wiredoo {why}" + (f":\n{log}" if log else "; it has logged nothing"))


def _environment(env: Optional[Mapping[str, str]]) -> Dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WIREDOO_") or name in KEPT}
    return {**inherited, **(env or {})}


_running: weakref.WeakSet[Process] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for process in list(_running):
        process.stop()
