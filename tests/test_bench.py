"""`manage.py bench`: a run of very few calls, from the empty server to the audit."""

import json
import re
import signal
import socket
import sys
import tempfile
import threading
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from automator.bench import audit, report, summary
from automator.bench.arena import Arena
from automator.bench.generator import at
from automator.bench.measuring import Turn, ratios
from automator.bench.mix import Mix
from automator.bench.proxy import Proxy
from automator.bench.run import in_turn
from automator.bench.services import contestants
from automator.postgres.sockets import SOCKET
from automator.speed import charts, page
from tests.support.programs import CHECKOUT, Program, alive, processes_in, wait_until

FEW = (
    *("--rounds", "1", "--seconds", "1", "--tickets", "100000", "--loads", "spread"),
    *("--counted", "0", "--latency-seconds", "1", "--quick"),
)


def bench(*options: object) -> Program:
    return Program(sys.executable, "manage.py", "bench", *options)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], Path]:
    """What a run printed, its results, and the folder of its charts."""
    folder = tmp_path_factory.mktemp("bench")
    options = ("--only", "project,bare,pgbench", "--json", folder / "j", "--charts", folder)
    with bench(*FEW, *options) as program:
        code = program.end()
        assert code == 0, program.output
    return program.output, json.loads((folder / "j").read_text()), folder


def test_run_prints_the_figures_of_each_contestant_and_the_ratios(
    measured: tuple[str, dict[str, Any], Path],
) -> None:
    output, _, _ = measured

    assert "spread over all groups: medians of 1 rounds of 1 s" in output
    for name in ("bare", "pgbench"):
        assert f"project : {name} = " in output
    assert "[1/5] spread 1 project" in output, "it shows how far it has come"
    assert "[5/5] latency 1 " in output


def test_results_have_what_each_call_costs(measured: tuple[str, dict[str, Any], Path]) -> None:
    _, results, _ = measured
    (load,) = results["loads"]
    rows = {row["contestant"]: row for row in load["rows"]}

    assert rows.keys() == {"project", "bare", "pgbench"}
    for row in rows.values():
        assert row["unexpected"] == 0
        assert row["calls"] > 0
        assert row["postgres_ms"]["median"] > 0
        assert row["wal_bytes"]["median"] > 0
    assert rows["pgbench"]["python_ms"]["median"] == 0 < rows["bare"]["python_ms"]["median"]
    assert {row["contestant"] for row in results["latencies"]} == {"project", "bare"}
    assert all(0 < row["p50"]["median"] <= row["p99"]["median"] for row in results["latencies"])


def test_a_call_of_one_function_is_one_statement_and_one_trip() -> None:
    bare = contestants(CHECKOUT, None)["bare"]
    with Arena(say=lambda _: None) as arena:
        arena.fill(bare, 1000)
        costs, hot_updates = arena.count(bare, 1)
        differences = audit.differences(arena, bare)

    assert [(cost.kind, cost.statements, cost.trips) for cost in costs] == [
        ("hold", 1, 1),
        ("release", 1, 1),
        ("invoice", 1, 1),
    ]
    assert all(cost.blocks > 0 for cost in costs)
    assert hot_updates["ticket_group"] > 0
    assert differences == []


def test_audit_of_the_other_contestants_finds_what_is_wrong() -> None:
    bare = contestants(CHECKOUT, None)["bare"]
    with Arena(say=lambda _: None) as arena:
        arena.fill(bare, 100)
        with arena.database.connect(bare.database) as connection:
            connection.execute("UPDATE ticket_group SET held = 1 WHERE remote_id = 'g-1'")
        assert audit.differences(arena, bare) == [
            "1 counters of groups that differ from their holds"
        ]


def test_audit_agrees_afterwards(measured: tuple[str, dict[str, Any], Path]) -> None:
    output, results, _ = measured

    assert results["differences"] == {name: [] for name in ("project", "bare", "pgbench")}
    assert output.count(": everything agrees.") == 3


def test_charts_are_files_that_need_no_other(measured: tuple[str, dict[str, Any], Path]) -> None:
    _, _, folder = measured

    assert {path.name for path in folder.glob("*.svg")} == {
        "ladder.svg",
        "latency.svg",
    }
    for path in folder.glob("*.svg"):
        drawing = ET.parse(path).getroot()  # noqa: S314 -- our own file
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
        assert "<script" not in path.read_text()
        assert "href" not in path.read_text()


def test_interrupt_ends_all_that_was_started() -> None:
    before = set(Path(tempfile.gettempdir()).glob("automator-bench-*"))
    with bench(*FEW, "--only", "project") as program:
        program.expect("Filling the database")
        (folder,) = set(Path(tempfile.gettempdir()).glob("automator-bench-*")) - before
        server = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
        program.process.send_signal(signal.SIGINT)
        assert program.end() == 1
    assert "Stopped. Everything that was started has ended." in program.output
    assert not folder.exists()
    wait_until(lambda: not alive(server), "the end of PostgreSQL")
    assert processes_in(folder) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--loads", "nothing"), "There is no load 'nothing'"),
        (("--only", "nothing"), "There is no contestant 'nothing'"),
        (("--tickets", "2000,1000"), "--tickets must ascend"),
        (("--tickets", "0"), "'0' is not a whole number from 1"),
        (("--rounds", "51"), "'51' is not a whole number from 1 to 50"),
    ],
)
def test_wrong_option_is_refused_before_anything_is_started(
    options: tuple[str, ...], reason: str
) -> None:
    before = set(Path(tempfile.gettempdir()).glob("automator-bench-*"))

    with pytest.raises(CommandError, match=re.escape(reason)):
        call_command("bench", *options)

    assert set(Path(tempfile.gettempdir()).glob("automator-bench-*")) == before


def test_all_contestants_but_the_project_run_in_this_checkout(tmp_path: Path) -> None:
    known = contestants(tmp_path, None)

    folders = {name: contestant.checkout for name, contestant in known.items()}
    assert {name for name, folder in folders.items() if folder == tmp_path} == {
        "project",
        "granian",
    }
    assert {folder for folder in folders.values() if folder != tmp_path} == {CHECKOUT}


def mix(kind: str) -> Mix:
    return Mix(kind, remote="g-", groups=(1, 9), quantity=2, prefix="p", seed=1)


def play(kind: str, calls: int) -> list[tuple[str, str]]:
    """Make calls of a kind, each of which succeeds, and return their paths and bodies."""
    made = mix(kind)
    found = []
    for _ in range(calls):
        call = made.next()
        found.append((call.path, call.body.decode()))
        if call.path == "/api/v1/holds" and found.count(found[-1]) == 1:
            made.answered(201, json.dumps({"status": "held", **json.loads(call.body)}).encode())
    return found


def test_half_of_the_usual_calls_are_holds_and_one_in_twenty_is_an_invoice() -> None:
    paths = [path for path, _ in play("usual", 2000)]

    assert paths.count("/api/v1/holds") == 1000
    assert paths.count("/api/v1/invoices") == 100
    assert sum(path.endswith("/release") for path in paths) == 900


def test_calls_on_few_groups_sell_nothing() -> None:
    assert "/api/v1/invoices" not in [path for path, _ in play("reserve", 2000)]


def test_repeated_call_comes_before_its_hold_is_settled() -> None:
    calls = play("twice", 2000)
    seen: dict[str, list[int]] = {}
    settled: dict[str, int] = {}
    for number, (path, body) in enumerate(calls):
        if path == "/api/v1/holds":
            seen.setdefault(json.loads(body)["global_id"], []).append(number)
        else:
            global_id = json.loads(body)["global_id"] if body else path.split("/")[-2]
            settled.setdefault(global_id, number)

    assert len(settled) > 100
    for global_id, number in settled.items():
        assert len(seen[global_id]) == 2
        assert max(seen[global_id]) < number


def test_refused_calls_ask_for_too_many_or_for_unknown_groups() -> None:
    bodies = [json.loads(body) for _, body in play("refused", 10)]

    assert all(
        body["remote_id"].startswith("unknown-") or body["quantity"] == 999 for body in bodies
    )
    assert len({body["quantity"] for body in bodies}) == 2


def test_percentile_of_nothing_is_nothing() -> None:
    assert at([], 0.99) == 0
    assert at([1.0, 2.0, 3.0, 4.0], 0.5) == 3
    assert at([1.0, 2.0], 1.0) == 2


def test_proxy_counts_statements_that_are_sent_at_once_and_their_one_trip(tmp_path: Path) -> None:
    done = b"C\x00\x00\x00\x0dSELECT 1\x00"
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(there / SOCKET))
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                for _ in range(2):
                    connection.recv(100)
                    connection.sendall(done + done[:3])  # a message may come in pieces
                    connection.sendall(done[3:])

        thread = threading.Thread(target=answer)
        thread.start()
        with Proxy(there, here) as proxy, socket.socket(socket.AF_UNIX) as client:
            client.connect(str(here / SOCKET))
            for trips in (1, 2):
                client.sendall(b"two statements")
                received = b""
                while len(received) < 2 * len(done):
                    received += client.recv(100)
                assert received == done + done
                assert (proxy.trips, proxy.statements) == (trips, 2 * trips)
        thread.join()


@pytest.mark.parametrize(
    ("least", "most", "rounds", "proven"),
    [(1.1, 1.9, 5, True), (0.4, 0.9, 5, True), (0.9, 1.2, 5, False), (1.1, 1.9, 4, False)],
)
def test_ratio_is_proven_if_enough_rounds_lie_on_one_side_of_1(
    *, least: float, most: float, rounds: int, proven: bool
) -> None:
    ratio = {"median": 1.15, "least": least, "most": most}

    assert ("no proven difference" not in report.compared(ratio, rounds)) == proven


def test_ratio_by_cpu_is_more_than_1_where_the_first_one_needs_less() -> None:
    turns = [turn("project", 1, cpu=2.0), turn("bare", 1, cpu=1.0), turn("project", 2, cpu=9.0)]

    found = ratios(turns, of="bare", to="project", load="spread", figure="cpu_ms")
    assert found == [0.5], "the second round has no turn of the other one"


def turn(contestant: str, round_: int, *, cpu: float) -> Turn:
    return Turn(
        contestant=contestant,
        load="spread",
        round=round_,
        calls=1,
        calls_per_second=1.0,
        unexpected=0,
        statuses={},
        python_ms=cpu / 2,
        postgres_ms=cpu / 2,
        wal_bytes=0.0,
        generator_ms=0.0,
        others=0.0,
        yardstick_ms=1.0,
    )


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_each_contestant_has_each_place_equally_often(number: int) -> None:
    ready: list[Any] = list(range(number))
    rounds: list[list[Any]] = [list(in_turn(ready, round_)) for round_ in range(2 * number)]

    for place in range(number):
        assert sorted(order[place] for order in rounds) == sorted(ready * 2)
    pairs = Counter(pair for order in rounds for pair in pairwise(order))
    assert all(pairs[one, other] == pairs[other, one] for one, other in pairs)


@pytest.mark.parametrize(
    ("others", "most", "quiet"), [(0.1, 1.1, True), (0.9, 1.1, False), (0.1, 2.0, False)]
)
def test_report_says_whether_the_machine_was_quiet(
    measured: tuple[str, dict[str, Any], Path], *, others: float, most: float, quiet: bool
) -> None:
    turns = [
        replace(turn("project", number, cpu=1.0), others=others, yardstick_ms=taken)
        for number, taken in enumerate((1.0, most))
    ]
    _, results, _ = measured

    assert summary.quiet(turns) == quiet
    said = "\n".join(report.quietness({**results, "quiet": quiet}))
    assert ("THE MACHINE WAS NOT QUIET" not in said) == quiet


def test_page_shows_the_published_results(client: Client) -> None:
    answer = client.get("/docs/speed/")

    text = answer.content.decode()
    shown = page.facts()["summary"]
    assert answer.status_code == 200
    assert shown["machine"]["cpu"] in text
    assert text.count("<svg") == len(charts.charts(shown)) == 3
    assert "style=" not in text
    assert "<script" not in text
    for load in shown["loads"]:
        assert f'id="{load["name"]}"' in text


def test_page_without_results_says_how_to_measure(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(page, "RESULTS", tmp_path / "none")
    page.facts.cache_clear()
    try:
        answer = client.get("/docs/speed/")
    finally:
        page.facts.cache_clear()

    assert b"make bench" in answer.content


def test_page_warns_of_differences_that_the_audit_found(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = json.loads(page.RESULTS.read_text())
    results["differences"] = {"project": ["a seat was sold twice"]}
    (tmp_path / "results").write_text(json.dumps(results))
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results")
    page.facts.cache_clear()
    try:
        answer = client.get("/docs/speed/")
    finally:
        page.facts.cache_clear()

    assert b"differences afterwards" in answer.content
    assert b"found no difference" not in answer.content
