"""Ray clusters of one test each, on loopback, ended by the processes they are made of."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 120


@contextmanager
def ray_cluster(cores: int) -> Iterator[str]:
    """Start a cluster of so many cores on this machine; yield its address."""
    pytest.importorskip("ray")
    variables = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONWARNINGS": "ignore",
    }
    port = _free_port()
    options = [f"--port={port}", f"--num-cpus={cores}"]
    quiet = ["--include-dashboard=false", "--node-ip-address=127.0.0.1", "--block"]
    ray = str(Path(sys.executable).with_name("ray"))
    # Its own folder: two clusters at once are two, and neither is found by the name `auto`.
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as said,
    ):
        cluster = subprocess.Popen(
            [ray, "start", "--head", *options, *quiet, f"--temp-dir={folder}"],
            env=variables,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            _wait(cluster, port)
            yield f"127.0.0.1:{port}"
        finally:
            _end(cluster)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def _wait(cluster: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if cluster.poll() is not None:
            pytest.fail(f"the cluster ended with {cluster.returncode}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    pytest.fail("the cluster did not start")


def _end(cluster: subprocess.Popen[bytes]) -> None:
    cluster.terminate()  # it ends what it started
    with suppress(subprocess.TimeoutExpired):
        cluster.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(cluster.pid, signal.SIGKILL)
    cluster.wait()
