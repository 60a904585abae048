"""Health, metrics and log: true, on loopback alone, and without a secret."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from visdm.adapters.telemetry import Board, Journal, Metrics, Style, address, ask, served
from visdm.domain.errands import Need, Resources
from visdm.errors import InputError, OutputError
from visdm.ports import Level, Turn

NODE = "https://user:password@node.example:8545/v3/0123456789abcdef?key=secret"


def board(patience: float = 60.0) -> Board:
    return Board(Journal(StringIO(), Style.JSON), Metrics("0.1.0", "bubblewrap"), patience)


def turn(**faults: str) -> Turn:
    return Turn(
        faults=faults,
        head=1_735_689_600,
        stalled=3.0,
        waiting=3,
        pausing=1,
        running={"job 0xabc": Need(4, 1), "job 0xdef": Need()},
        resources=Resources(8, 2, 2),
    )


def get(where: str, path: str) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        return client.get(f"http://{where}{path}")


def test_health_is_200_while_all_answers_and_503_with_what_does_not() -> None:
    shown = board()
    with served(shown, ("127.0.0.1", 0)) as where:
        assert get(where, "/health").status_code == 503  # it has not turned yet
        shown.turned(turn())
        well = get(where, "/health")
        assert (well.status_code, well.json()["well"]) == (200, True)
        assert well.json()["running"] == ["job 0xabc", "job 0xdef"]
        assert well.json()["memory"] == {"taken": 4, "lent": 8}
        for part in ("chain", "store", "table"):
            shown.turned(turn(**{part: f"{NODE} is gone"}))
            ill = get(where, "/health")
            assert ill.status_code == 503
            assert ill.json()["parts"][part] == "does not answer"
            assert "secret" not in ill.text
        assert ask(where)["parts"]["table"] == "does not answer"
        assert get(where, "/etc/passwd").status_code == 404


def test_a_loop_that_does_not_turn_is_not_well() -> None:
    shown = board(patience=-1.0)
    shown.turned(turn())
    well, said = shown.health()
    assert not well
    assert said["parts"]["loop"] == "does not turn"


def test_metrics_are_what_prometheus_reads() -> None:
    shown = board()
    shown.turned(turn(store="gone"))
    shown.ended("job", "given up", 0.0)
    shown.ended("asset", "done", 1.5)
    shown.took("settle", 0.3)
    with served(shown, ("127.0.0.1", 0)) as where:
        answer = get(where, "/metrics")
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["visdm_errands_total", "given_up", "job"] == 1
    assert found["visdm_queue", "waiting"] == 2
    assert found["visdm_queue", "pausing"] == 1
    assert found["visdm_queue", "computing"] == 1
    assert found["visdm_queue", "light"] == 1
    assert found["visdm_memory_bytes", "taken"] == 4
    assert found["visdm_up", "store"] == 0
    assert found["visdm_up", "chain"] == 1
    assert found["visdm_chain_stalled_seconds",] == 3
    assert found["visdm_step_seconds_sum", "settle"] == 0.3
    assert "0xabc" not in answer.text


def test_every_metric_is_in_the_docs() -> None:
    docs = (Path(__file__).parents[4] / "docs" / "provider.md").read_text("utf-8")
    shown = board()
    shown.turned(turn())
    families = list(text_string_to_metric_families(shown.page().decode()))
    assert len(families) > 8
    for family in families:
        assert f"`{family.name}" in docs, family.name


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0:80",
        "192.168.0.1:0",
        "8.8.8.8:53",
        "localhost:0",
        "127.0.0.1",
        "127.0.0.1:70000",
        "127.0.0.1:-1",
        "[::1]:80",
        "127.0.0.999:1",
        "",
        "127.0.0.1:1/x",
    ],
)
def test_another_address_than_loopback_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="loopback"):
        address(text)


def test_loopback_is_taken_and_a_port_that_is_taken_is_told() -> None:
    assert address("127.0.0.1:0") == ("127.0.0.1", 0)
    with (
        served(board(), ("127.0.0.1", 0)) as where,
        pytest.raises(OutputError, match="cannot be listened on"),
        served(board(), address(where)),
    ):
        pass


@pytest.mark.parametrize("host", ["rebound.example", "rebound.example:80", ""])
def test_a_page_that_reaches_it_under_another_name_is_told_nothing(host: str) -> None:
    shown = board()
    shown.turned(turn())
    with served(shown, ("127.0.0.1", 0)) as where, httpx.Client(trust_env=False) as client:
        answer = client.get(f"http://{where}/health", headers={"Host": host})
    assert (answer.status_code, answer.text) == (403, "")


def test_nobody_who_listens_is_no_error_for_who_asks() -> None:
    with served(board(), ("127.0.0.1", 0)) as where:
        pass
    assert ask(where) == {}


def test_the_log_is_one_json_object_a_line_whatever_is_told() -> None:
    stream = StringIO()
    journal = Journal(stream, Style.JSON, clock=lambda: 0.0)
    journal.tell(Level.WARNING, "failed", errand="job 0xabc", why="a\nb\x1b[2J\u2028c", seconds=1.5)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "warning",
        "event": "failed",
        "errand": "job 0xabc",
        "why": "a\ufffdb\ufffd[2J\ufffdc",
        "seconds": 1.5,
    }


@pytest.mark.parametrize("style", list(Style))
def test_of_a_nodes_address_no_key_is_written(style: Style) -> None:
    stream = StringIO()
    Journal(stream, style).tell(Level.ERROR, "the chain does not answer", why=f"{NODE}: no answer")
    said = stream.getvalue()
    assert "https://node.example:8545" in said
    for secret in ("password", "user", "0123456789abcdef", "secret"):
        assert secret not in said


def test_lines_below_the_level_are_left_out_and_long_ones_cut() -> None:
    stream = StringIO()
    journal = Journal(stream, Style.TEXT, Level.WARNING)
    journal.tell(Level.INFO, "begins", errand="job 0xabc")
    assert stream.getvalue() == ""
    journal.tell(Level.WARNING, "failed", errand="job 0xabc", why="x" * 10_000)
    assert len(stream.getvalue()) < 1000


def test_a_log_that_is_gone_keeps_nobody_from_working() -> None:
    stream = StringIO()
    journal = Journal(stream, Style.TEXT)
    stream.close()
    journal.tell(Level.INFO, "begins")
