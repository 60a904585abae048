from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from math import factorial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clusters import ray_cluster
from visdm.adapters.sandboxes.bubblewrap import Bubblewrap
from visdm.compute.duplicates import Hashes, against_in_pool
from visdm.compute.images import UnusableImageError
from visdm.compute.pools import Processes, open_pool
from visdm.errors import FolderError, InputError, JobError, SandboxError
from visdm.ports import Computation, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator


def squared(number: int) -> int:
    time.sleep(number % 3 / 200)  # so that answers come out of order
    return number * number


def spoilt(number: int) -> int:
    if number == 7:
        raise UnusableImageError("is damaged")
    return number


def missing(number: int) -> int:
    raise FolderError(str(number), "there is no such folder")


def killed(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def threads(_: int) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with ray_cluster(2) as address:
        yield address


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_answers_come_in_order_from_any_number_of_workers(workers: int) -> None:
    with open_pool(workers) as pool:
        assert list(pool.map(squared, iter(range(50)))) == [n * n for n in range(50)]
        assert list(pool.map(squared, [])) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_batch_raises_is_raised_here_and_the_pool_goes_on(workers: int) -> None:
    with open_pool(workers) as pool:
        for _ in range(3):
            with pytest.raises(UnusableImageError, match="is damaged"):
                list(pool.map(spoilt, range(40)))
            assert list(pool.map(squared, range(20))) == [n * n for n in range(20)]


def test_an_error_that_cannot_travel_is_told_all_the_same() -> None:
    with open_pool(2) as pool, pytest.raises(Exception, match="there is no such folder"):
        list(pool.map(missing, [1]))


def test_batches_are_read_only_as_far_ahead_as_workers_need() -> None:
    read: list[int] = []

    def batches() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    with open_pool(2) as pool:
        answers = pool.map(squared, batches())
        for _ in range(5):
            next(answers)
        assert len(read) < 20


def test_a_worker_that_is_killed_is_reported_and_none_is_left() -> None:
    with open_pool(2) as pool:
        pids = {pid for pid, _ in pool.map(threads, range(20))}
        with pytest.raises(JobError, match="a worker process ended"):
            list(pool.map(killed, range(3)))
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_each_worker_is_a_process_with_one_thread_and_our_variables_are_as_before() -> None:
    before = dict(os.environ)
    with open_pool(2) as pool:
        seen = set(pool.map(threads, range(40)))
    assert {count for _, count in seen} == {"1"}
    assert os.getpid() not in {pid for pid, _ in seen}
    assert dict(os.environ) == before


def test_an_error_of_ours_leaves_no_process_behind() -> None:
    pids: set[int] = set()

    def failing() -> None:
        with open_pool(2) as pool:
            pids.update(pid for pid, _ in pool.map(threads, range(40)))
            next(pool.map(squared, range(100)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing()
    assert pids
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from visdm.compute.pools import open_pool\n"
        "from unit.compute.test_pools import threads\n"
        "if __name__ == '__main__':\n"
        "    with open_pool(2) as pool:\n"
        "        print(*{pid for pid, _ in pool.map(threads, range(40))}, flush=True)\n"
        "        time.sleep(60)\n"
    )
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, str(script)], env=variables, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert pids
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_two_maps_after_another_that_was_left_half_way_do_not_mix() -> None:
    processes = Processes(2)
    try:
        left = processes.map(squared, range(100))
        next(left)
        assert list(processes.map(spoilt, [1, 2, 3])) == [1, 2, 3]
    finally:
        processes.close()


def test_without_ray_the_hint_is_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError) as caught, open_pool(1, "auto"):
        pass
    assert caught.value.hint == "pip install 'visdm[ray]'"


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_ray_cluster_answers_in_order_and_raises_what_a_batch_raises(cluster: str) -> None:
    with open_pool(1, cluster) as pool:
        found: list[Any] = list(pool.map(squared, iter(range(30))))
        assert found == [n * n for n in range(30)]
        with pytest.raises(UnusableImageError, match="is damaged"):
            list(pool.map(spoilt, range(20)))


def test_batches_and_answers_larger_than_a_pipe_holds_keep_nobody_waiting_for_the_other() -> None:
    large = b"x" * 3_000_000
    with open_pool(2) as pool:
        assert sum(map(len, pool.map(bytes, [large] * 12))) == 12 * len(large)


def test_an_address_where_nothing_listens_is_told_at_once() -> None:
    pytest.importorskip("ray")
    begun = time.monotonic()
    with (
        pytest.raises(InputError, match="no Ray cluster at"),
        open_pool(2, "127.0.0.1:1"),
    ):
        pass
    assert time.monotonic() - begun < 30


INSIDE = """
import json, sys
from math import factorial
from visdm.compute.pools import open_pool
if __name__ == "__main__":
    with open_pool(2) as pool:
        found = list(pool.map(factorial, range(9)))
    folder = json.load(open(sys.argv[1]))["output"]
    with open(folder + "/answer.json", "w") as file:
        json.dump({"found": found}, file)
"""


def test_processes_work_inside_the_sandbox(tmp_path: Path) -> None:
    sandbox = Bubblewrap(entry=("-c", INSIDE))
    try:
        sandbox.check()
    except SandboxError as error:
        pytest.skip(error.message)
    job = Computation("trial", {}, {}, Limits(seconds=120))
    assert sandbox.run(job, tmp_path / "out") == {"found": [factorial(n) for n in range(9)]}


def test_copies_are_searched_for_on_a_ray_cluster(cluster: str) -> None:
    count, source = 300, np.random.default_rng(0)
    known = Hashes(
        bits=source.integers(0, 2**64, (count, 4), dtype=np.uint64),
        luma=source.integers(-90, 90, (count, 10)).astype(np.int16),
        greys=source.integers(-500, 500, (count, 16)).astype(np.int16),
        plain=np.zeros(count, dtype=bool),
        flat=np.zeros(count, dtype=bool),
        exact=np.arange(count, dtype=np.uint64),
    )
    asked = known.take(np.array([7, 3, 299]))
    asked.bits[:, 0] ^= np.uint64(5)
    with open_pool(1, cluster) as pool:
        assert against_in_pool(pool, asked, known, 2).tolist() == [7, 3, 299]
