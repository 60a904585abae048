"""Runs a command and sees to it that no process of it outlives it, or the provider.

Started as a script: `reaper.py PID COMMAND...`, by the process with that pid. It makes itself
the parent of orphans, and ends, with the command's exit code, only when it has no child left.
On SIGTERM, and when the provider dies, it kills them all. Bubblewrap's `--die-with-parent`
alone is not enough: a parent that dies before it is heeded is not noticed.

It imports little, as every job waits for it to start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SIGNALS = (signal.SIGTERM, signal.SIGCHLD)


def main(provider: int, command: list[str]) -> int:
    """Run `command`; return its exit code, or 128 and the number of the signal that ended it."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != provider:
        return 1
    first = os.posix_spawn(command[0], command, os.environ, setsid=True, setsigmask=())
    code, ending = 1, False
    while True:
        ending |= signal.sigwait(_SIGNALS) == signal.SIGTERM
        try:
            while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
                if reaped[0] == first:
                    code = os.waitstatus_to_exitcode(reaped[1])
                    ending = True
        except ChildProcessError:
            return 128 - code if code < 0 else code
        if ending:
            _kill_all()  # again after each death, which may have orphaned another


def _kill_all() -> None:
    """Kill every process beneath this one; each that dies hands its orphans up."""
    beneath = [os.getpid()]
    for pid in beneath:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - pathlib is slow to import
                with open(f"/proc/{pid}/task/{thread}/children") as children:  # noqa: PTH123 - as above
                    beneath += map(int, children.read().split())
        except OSError:  # it is gone, or its thread is
            continue
    for pid in beneath[1:]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
