"""Where work on batches runs: in this process, in several, or on a Ray cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import traceback
from collections import deque
from contextlib import contextmanager
from multiprocessing.connection import wait
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from visdm.errors import InputError, JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
"""Batches in flight for each worker: one that it works on, one that waits for it."""

_PATIENCE = 5.0
"""Seconds that a worker without work gets to end by itself, and a cluster to answer."""

_ONE_THREAD = dict.fromkeys(
    (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
        *("ARROW_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"),
    ),
    "1",
)


class Pool(Protocol):
    """Workers that all can be given batches."""

    def map(self, function: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """Yield `function(batch)` for each batch, in order.

        `batches` is read only as far ahead as workers need it. The function must be
        importable by name, batch and answer picklable. What the function raises is raised
        here; `JobError` where a worker is lost.
        """
        ...


@contextmanager
def open_pool(workers: int, ray: str = "") -> Iterator[Pool]:
    """Open a pool: of this process for one worker, of processes for more.

    `ray` is the address of a Ray cluster to use instead, all of it. On exit no process is
    left, whatever happened. Raises `InputError` where there is no such cluster.
    """
    if ray:
        with _cluster(ray) as pool:
            yield pool
    elif workers <= 1:
        yield Serial()
    else:
        processes = Processes(workers)
        try:
            yield processes
        finally:
            processes.close()


class Serial:
    """Works in this process, one batch after another."""

    def map(self, function: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """See `Pool.map`."""
        return map(function, batches)


class Processes:
    """Works in processes of its own, each with one thread.

    They are started afresh, not forked: a fork copies the locks of threads that it lacks.
    Work travels through a pipe each, for semaphores need a shared memory that a sandbox
    may lack. A worker ends when its pipe does, so it does not outlive us however we end.
    """

    def __init__(self, workers: int) -> None:
        self._workers: list[_Worker] = []
        try:
            with _environment(_ONE_THREAD):
                for _ in range(workers):
                    self._workers.append(_Worker())
        except BaseException:
            self.close()
            raise

    def map(self, function: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """See `Pool.map`. One at a time: what is left of one when the next begins is dropped."""
        for worker in self._workers:
            worker.forget()
        source, done = enumerate(batches), dict[int, R]()
        following, more = 0, True
        while True:
            while more and len(done) < _AHEAD * len(self._workers) and (free := self._free()):
                number, batch = next(source, (-1, None))
                more = number >= 0
                if more:
                    free.send(number, function, batch)
            while following in done:
                yield done.pop(following)
                following += 1
            if self._busy():
                done |= self._answers()
            elif not more:
                return

    def _free(self) -> _Worker | None:
        """Return the worker with the least to do, None where all have enough."""
        worker = min(self._workers, key=lambda one: len(one.numbers))
        return worker if len(worker.numbers) < _AHEAD else None

    def _busy(self) -> dict[object, _Worker]:
        return {worker.pipe: worker for worker in self._workers if worker.numbers}

    def _answers(self) -> dict[int, Any]:
        """Wait for answers, one of each worker that has some; raise what a batch raised."""
        busy = self._busy()
        answers = [busy[pipe].receive() for pipe in wait([one.pipe for one in busy.values()])]
        return {number: answer for number, answer in answers if number is not None}

    def close(self) -> None:
        """End all workers, whatever they do."""
        for worker in self._workers:
            worker.close()
        for worker in self._workers:
            worker.end()


class _Worker:
    """One process, and the numbers of the batches that it has."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.numbers: deque[int | None] = deque()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, number: int, function: Callable[[Any], Any], batch: object) -> None:
        """Hand over a batch. Raises `JobError` where the worker is gone."""
        try:
            self.pipe.send((function, batch))
        except OSError:
            raise _lost() from None
        self.numbers.append(number)

    def receive(self) -> tuple[int | None, Any]:
        """Return the number and the answer of its next batch, or raise what that raised.

        A batch that was forgotten has no number, and raises nothing.
        """
        try:
            failed, answer = self.pipe.recv()
        except (EOFError, OSError):
            raise _lost() from None
        number = self.numbers.popleft()
        if failed and number is not None:
            raise answer
        return number, answer

    def forget(self) -> None:
        """Let the answers of all batches that it has be dropped."""
        self.numbers = deque(None for _ in self.numbers)

    def close(self) -> None:
        """Tell it that there is no more work, and stop it where it still has some."""
        self.pipe.close()
        if self.numbers:
            self._process.kill()

    def end(self) -> None:
        """Wait until it is gone."""
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _lost() -> JobError:
    return JobError(
        "a worker process ended before its work did",
        hint="it may have needed more memory than there is",
    )


def _work(pipe: Connection) -> None:
    """Answer batches until the pipe ends; interrupts are for the process that started us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Batches are taken in while an answer waits to be taken out: else both sides could wait for
    # the other to read, where batch and answer are larger than what a pipe holds.
    waiting: SimpleQueue[bytes | None] = SimpleQueue()
    threading.Thread(target=_take_in, args=(pipe, waiting), daemon=True).start()
    while work := waiting.get():
        function, batch = pickle.loads(work)  # noqa: S301 - from the process that started us
        try:
            pipe.send_bytes(_answered(function, batch))
        except OSError:
            return


def _take_in(pipe: Connection, waiting: SimpleQueue[bytes | None]) -> None:
    """Queue what comes through the pipe; None when it has ended."""
    try:
        while True:
            waiting.put(pipe.recv_bytes())
    except (EOFError, OSError):
        waiting.put(None)


def _answered(function: Callable[[Any], Any], batch: object) -> bytes:
    """Return, pickled, whether the function failed, and its answer or what it raised."""
    try:
        return pickle.dumps((False, function(batch)))
    except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
        error.add_note(traceback.format_exc())
        return _portable(error)


def _portable(error: Exception) -> bytes:
    """Return an error pickled, as one of the standard library's where it cannot be."""
    try:
        pickled = pickle.dumps((True, error))
        pickle.loads(pickled)  # noqa: S301 - our own bytes: whether they can be read there
    except Exception:  # noqa: BLE001 - an error's own pickling may fail in any way
        pickled = pickle.dumps((True, RuntimeError(f"{type(error).__name__}: {error}")))
    return pickled


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _cluster(address: str) -> Iterator[Pool]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    try:
        import ray  # noqa: PLC0415 - an extra, needed by those alone who have a cluster
    except ImportError:
        hint = "pip install 'visdm[ray]'"
        raise InputError("Ray is not installed", hint=hint) from None
    try:
        _reach(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        hint = "start one with: ray start --head"
        raise InputError(f"there is no Ray cluster at {address}", hint=hint) from error
    try:
        yield Ray(ray)
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raise `OSError` where nothing listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


class Ray:
    """Works on a Ray cluster that this process is connected to, a batch a task."""

    def __init__(self, ray: Any) -> None:  # noqa: ANN401 - the module, which may be missing
        self._ray = ray
        self._window = max(2, _AHEAD * int(ray.cluster_resources().get("CPU", 1)))

    def map(self, function: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """See `Pool.map`."""
        task = self._ray.remote(function)
        pending: deque[Any] = deque()
        for batch in batches:
            pending.append(task.remote(batch))
            if len(pending) >= self._window:
                yield self._answer(pending.popleft())
        while pending:
            yield self._answer(pending.popleft())

    def _answer(self, reference: object) -> Any:  # noqa: ANN401 - whatever the function returns
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise (error.cause or error) from None
        except self._ray.exceptions.RayError as error:
            raise JobError("a task of the Ray cluster was lost") from error
