"""The pytest plugin, in sessions of its own."""

from __future__ import annotations

import pytest
from wiredoo import Server


@pytest.fixture
def session(pytester: pytest.Pytester, wiredoo: Server, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder for a session of pytest that uses this session's server."""
    monkeypatch.setenv("WIREDOO_URL", wiredoo.url)
    return pytester


def test_each_test_has_a_database_of_its_own(session: pytest.Pytester, wiredoo: Server) -> None:
    before = wiredoo.databases
    session.makepyfile(
        """
        import pytest, wiredoo as package

        seen = set()

        @pytest.mark.parametrize("number", range(3))
        def test_it(odoo, number):
            assert odoo.db not in seen and odoo.db.startswith("test_it_")
            seen.add(odoo.db)
            odoo.execute("res.partner", "create", {"name": "Acme"})
            assert odoo.execute("res.partner", "search_count", [("name", "=", "Acme")]) == 1

        def test_server(wiredoo):
            assert isinstance(wiredoo, package.Server)
            assert not seen & set(wiredoo.databases)
        """
    )
    session.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=4)
    assert wiredoo.databases == before


def test_marks_and_options(session: pytest.Pytester) -> None:
    session.makeini("[pytest]\nwiredoo_fixtures = all.yaml\nwiredoo_series = 19.0\n")
    for name in ("all", "module", "own"):
        session.makefile(".yaml", **{name: f"records: {{res.partner: [{{id: {name}, name: Partner {name}}}]}}"})
    session.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.odoo(fixtures="module.yaml")

        def names(odoo):
            found = odoo.execute("res.partner", "search_read", [("name", "like", "Partner")], ["name"], order="id")
            return [partner["name"] for partner in found]

        def test_all(odoo):
            assert names(odoo) == ["Partner all", "Partner module"]
            assert odoo.series == "19.0"

        @pytest.mark.odoo(fixtures=["own.yaml", "all.yaml", {"records": {"res.partner": [{"name": "Partner inline"}]}}])
        def test_own(odoo):
            assert names(odoo) == ["Partner all", "Partner module", "Partner own", "Partner inline"]

        @pytest.mark.odoo(origin="odoo", clock="fixed:2026-01-01T00:00:00Z")
        def test_origin(odoo, wiredoo_series):
            assert odoo.clock.now().year == 2026 and wiredoo_series == "19.0"
        """
    )
    session.runpytest_inprocess("-p", "no:xdist", "--strict-markers").assert_outcomes(passed=3)


def test_each_test_has_its_fixtures_as_they_are_written(session: pytest.Pytester, wiredoo: Server) -> None:
    before = wiredoo.databases
    session.makefile(".yaml", shop="records: {res.partner: [{id: acme, name: Acme}]}")
    session.makepyfile(
        """
        import pytest

        @pytest.mark.odoo(fixtures="shop.yaml")
        @pytest.mark.parametrize("number", range(3))
        def test_it(odoo, number):
            acme = odoo.ref("acme")
            odoo.journal.assert_not_called()
            assert odoo.execute("res.partner", "read", [acme], ["name"])[0]["name"] == "Acme"
            odoo.execute("res.partner", "write", [acme], {"name": "Changed"})
            odoo.reset()
            assert odoo.execute("res.partner", "read", [acme], ["name"])[0]["name"] == "Acme"
            odoo.execute("res.partner", "write", [acme], {"name": "Changed"})
        """
    )
    session.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=3)
    assert wiredoo.databases == before


def test_a_fixture_that_is_wrong(session: pytest.Pytester, wiredoo: Server) -> None:
    before = wiredoo.databases
    session.makefile(".yaml", shop="records: {res.partner: [{id: acme, nmae: Acme}]}")
    session.makepyfile(
        """
        import pytest

        @pytest.mark.odoo(fixtures="shop.yaml")
        def test_it(odoo):
            pass
        """
    )
    result = session.runpytest_inprocess("-p", "no:xdist")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Refusal: shop.yaml:1: *nmae*"])
    assert wiredoo.databases == before


def test_what_a_test_has_dropped_is_dropped(session: pytest.Pytester) -> None:
    session.makepyfile("def test_it(odoo): odoo.drop()")
    session.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=1)


def test_a_server_that_a_test_has_ended_is_started_anew(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, pytest, signal

        pytestmark = pytest.mark.odoo(fixtures={"records": {"res.partner": [{"id": "acme", "name": "Acme"}]}})

        def test_end(odoo):
            os.kill(odoo.server.pid, signal.SIGKILL)
            while odoo.server.is_running:
                pass

        def test_other(odoo):
            assert odoo.ref("acme")
        """
    )
    pytester.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=2, errors=1)


def test_several_series(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.odoo(series=["17.0", "19.0"])
        def test_both(odoo):
            assert ("mobile" in odoo.execute("res.partner", "fields_get")) == (odoo.series == "17.0")

        @pytest.mark.odoo("18.0")
        def test_one(odoo):
            assert odoo.series == "18.0"

        def test_default(odoo, wiredoo):
            assert odoo.series == wiredoo.series == "17.0"
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:xdist", "--wiredoo-series", "17.0", "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_both?17.0? PASSED*", "*test_both?19.0? PASSED*"])


def test_a_failure_shows_the_last_calls(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        def test_it(odoo):
            odoo.execute("res.partner", "create", {"name": "Acne"})
            odoo.journal.assert_called("res.partner", "create", where={"args.vals_list.name": "Acme"})
        """
    )
    result = session.runpytest_inprocess("-p", "no:xdist")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ['*args.vals_list.name: wanted "Acme", was "Acne"*', "*Odoo calls in test_it_*", "#* jsonrpc res.partner.create(*Acne*"]
    )
    # The frames of the package are not shown.
    result.stdout.no_fnmatch_line("*journal.py*")


def test_an_unused_stub_is_a_warning(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        def test_it(odoo):
            odoo.stubs.answer("sale.order", "action_confirm", True)
        """
    )
    result = session.runpytest_inprocess("-p", "no:xdist", "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*UnusedStubWarning: no call has used*action_confirm*"])


def test_a_function_of_a_stub_that_fails_fails_the_test(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import pytest, wiredoo

        def test_it(odoo):
            def check(call):
                assert call.args["vals_list"] == "never"
            odoo.stubs.callback("res.partner", "create", check)
            with pytest.raises(wiredoo.OdooError):
                odoo.execute("res.partner", "create", {"name": "Acme"})
        """
    )
    session.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=1, errors=1)


def test_a_mark_that_is_wrong(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import pytest

        @pytest.mark.odoo(sereis="17.0")
        def test_it(odoo):
            pass
        """
    )
    result = session.runpytest_inprocess("-p", "no:xdist")
    assert result.ret != 0
    (result.stdout.str() + result.stderr.str()).index("takes series, fixtures, origin, clock, not sereis")


def test_workers_have_servers_of_their_own(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(
        """
        import os, pathlib, pytest

        @pytest.mark.parametrize("number", range(12))
        def test_it(odoo, number, tmp_path_factory):
            odoo.execute("res.partner", "create", {"name": "Acme"})
            odoo.journal.assert_called("res.partner", "create", exactly=1)
            (tmp_path_factory.getbasetemp().parent / f"server-{odoo.server.pid}").touch()
        """
    )
    result = pytester.runpytest_subprocess("-n", "2", f"--basetemp={pytester.path / 'temp'}")
    result.assert_outcomes(passed=12)
    assert 1 <= len(list((pytester.path / "temp").glob("server-*"))) <= 2


def test_the_given_program_is_used(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(odoo): pass")
    result = pytester.runpytest_inprocess("-p", "no:xdist", "--wiredoo-bin", "/nowhere/wiredoo")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*StartError: '/nowhere/wiredoo' is no program that can be run*"])
