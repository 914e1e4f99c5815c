"""Starting, finding, stopping."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import pytest
import wiredoo as package
from wiredoo import Server, StartError, WiredooError


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that nobody has waited for yet is there, but does nothing.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pid: int) -> None:
    until = time.monotonic() + 15
    while is_alive(pid):
        assert time.monotonic() < until, f"process {pid} is still there"
        time.sleep(0.02)


def test_a_server_of_each_kind() -> None:
    with package.start("17.0", clock="fixed:2026-01-01T00:00:00Z", seed=7, db_auto="auto_*") as server:
        assert server.series == "17.0"
        assert server.databases == ["odoo"]
        assert server.clock.mode == "fixed"
        assert server.clock.now().isoformat() == "2026-01-01T00:00:00+00:00"
        with urllib.request.urlopen(f"{server.url}/web/health") as answer:
            assert answer.status == 200
        pid = server.pid
        assert pid is not None and is_alive(pid)
        assert "17.0" in repr(server)
        assert server.use("auto_1").execute("res.users", "search_count", []) > 0
        assert "auto_1" in server.databases
    wait_until_gone(pid)


def test_the_default_database_has_the_fixtures_of_the_start(data: Path) -> None:
    with package.start(fixtures=[data / "shop.yaml", {"records": {"res.partner": [{"id": "beta", "name": "Beta"}]}}]) as server:
        names = [partner["name"] for partner in server.default.execute("res.partner", "search_read", [], ["name"])]
        assert {"Acme", "Beta"} <= set(names)
        assert server.default.api_key


def test_a_seed_makes_keys_repeatable() -> None:
    with package.start(seed=3) as one, package.start(seed=3) as other:
        assert one.default.api_key == other.default.api_key
        assert one.url != other.url


def test_wrong_arguments_are_told_with_what_the_program_says() -> None:
    with pytest.raises(StartError, match="12.0"):
        package.start("12.0")


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StartError, match="no program"):
        package.start(executable="/nowhere/wiredoo")
    monkeypatch.setenv("WIREDOO_BIN", "/nowhere/other")
    with pytest.raises(StartError, match="/nowhere/other"):
        package.find_executable()


def test_a_program_that_is_not_wiredoo() -> None:
    with pytest.raises(StartError, match="ended before it was ready"):
        package.start(executable=sys.executable)


def test_settings_of_the_environment_do_not_concern_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREDOO_SERIES", "16.0")
    monkeypatch.setenv("WIREDOO_DATA_DIR", "/nowhere")
    with package.start() as server:
        assert server.series == "19.0"
    with package.start(env={"WIREDOO_ADMIN_PASSWORD": "other"}) as server:
        assert server.database().password == "other"


def test_a_server_that_runs_already(wiredoo: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server = package.connect(wiredoo.url)
    assert server.series == wiredoo.series and server.pid is None
    with server.database() as odoo:
        assert odoo.execute("res.users", "search_count", []) > 0
    server.stop()
    assert wiredoo.databases
    monkeypatch.setenv("WIREDOO_URL", wiredoo.url)
    assert Server.connect().url == wiredoo.url
    monkeypatch.delenv("WIREDOO_URL")
    with pytest.raises(WiredooError, match="WIREDOO_URL"):
        package.connect()
    with pytest.raises(WiredooError, match="no address"):
        package.connect("127.0.0.1")


def test_a_token_is_sent() -> None:
    with package.start(args=["--double-token", "sesame"]) as server:
        assert server.databases == ["odoo"]
        with pytest.raises(package.Refusal, match="double-token"):
            package.connect(server.url)
        assert package.connect(server.url, "sesame").databases == ["odoo"]


def test_it_tells_that_the_server_has_died() -> None:
    with package.start() as server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        # At once, while the process is on its way out: its connections are cut before it is gone.
        with pytest.raises(WiredooError, match="its process has ended"):
            while server.databases:
                pass


@pytest.mark.skipif(os.name != "posix", reason="kill")
@pytest.mark.parametrize("how", ["end", "exception", "exit", "kill"])
def test_the_server_ends_with_the_process_that_started_it(how: str) -> None:
    program = f"""
        import os, signal, sys, wiredoo
        server = wiredoo.start()
        print(server.pid, flush=True)
        if "{how}" == "exception": raise ValueError("on purpose")
        if "{how}" == "exit": os._exit(3)
        if "{how}" == "kill": os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    wait_until_gone(int(done.stdout))
