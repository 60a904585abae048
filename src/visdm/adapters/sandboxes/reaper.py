"""Runs a command and sees to it that no process of it outlives it, or the provider.

Started as a script by the process with the pid PROVIDER:

    reaper.py PROVIDER [room PATH OPTIONS]... [tell SOCKET] [join FILE]... -- COMMAND...

It makes itself the parent of orphans, and ends, with the command's exit code, only when it
has no child left. On SIGTERM, and when the provider dies, it kills them all. Bubblewrap's
`--die-with-parent` alone is not enough: a parent that dies before it is heeded is not noticed.

Where there are rooms (`visdm.adapters.sandboxes.rooms`) it first leaves the host's mount
namespace, mounts them, and hands descriptors of them over through the socket. What it
starts joins the control groups whose lists of processes are the files.

It imports little, as every job waits for it to start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_NEW_MOUNTS, _NEW_USER = 0x20000, 0x10000000
_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_SLAVE_ALL = 1 << 19 | 1 << 14
_SIGNALS = (signal.SIGTERM, signal.SIGCHLD)

_libc = ctypes.CDLL(None, use_errno=True)


def main(provider: int, words: list[str]) -> int:
    """Run the command; return its exit code, or 128 and the number of the signal that ended it."""
    rooms, joined, teller = [], [], -1
    while (word := words.pop(0)) != "--":
        if word == "room":
            rooms.append((words.pop(0), words.pop(0)))
        elif word == "tell":
            teller = int(words.pop(0))
        elif word == "join":
            joined.append(words.pop(0))
    if rooms:
        _hand_over(_mounted(rooms), teller)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)  # a new namespace forgets it
    if os.getppid() != provider:
        return 1
    return _reap(_started(words, joined))


def _mounted(rooms: list[tuple[str, str]]) -> list[int]:
    """Mount the rooms where only we and our children see them; return descriptors."""
    uid, gid = os.geteuid(), os.getegid()
    _must(_libc.unshare(_NEW_MOUNTS if uid == 0 else _NEW_MOUNTS | _NEW_USER))
    if uid != 0:
        for name, line in (("setgroups", "deny"), ("gid_map", f"{gid} {gid} 1")):
            _write(f"/proc/self/{name}", line)
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _must(_libc.mount(b"none", b"/", None, _SLAVE_ALL, None))
    for path, options in rooms:
        where, how = os.fsencode(path), ctypes.c_ulong(_NOSUID_NODEV_NOEXEC)
        _must(_libc.mount(b"tmpfs", where, b"tmpfs", how, options.encode()))
    return [os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path, _ in rooms]


def _hand_over(descriptors: list[int], teller: int) -> None:
    import _socket  # noqa: PLC0415 - not every job needs it, and `socket` is slow to import

    packed = b"".join(held.to_bytes(4, sys.byteorder) for held in descriptors)
    peer = _socket.socket(fileno=teller)
    peer.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)])
    peer.close()
    for held in descriptors:
        os.close(held)


def _started(command: list[str], joined: list[str]) -> int:
    """Start the command in the control groups; return its pid."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        for file in joined:
            _write(file, "0")
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(command[0], command, os.environ)  # noqa: S606 - no shell is wanted
    finally:
        os._exit(1)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - pathlib is slow to import
        file.write(text)


def _must(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _reap(first: int) -> int:
    """Wait for all; return the code of the first.

    Where it was told to end before the first had, it dies of that signal itself, which no exit
    code of a job can pass for.
    """
    code, ending, told = 1, False, False
    while True:
        if signal.sigwait(_SIGNALS) == signal.SIGTERM:
            told |= not ending
            ending = True
        try:
            while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
                if reaped[0] == first:
                    code = os.waitstatus_to_exitcode(reaped[1])
                    ending = True
        except ChildProcessError:
            if told:
                _die()
            return 128 - code if code < 0 else code
        if ending:
            _kill_all()  # again after each death, which may have orphaned another


def _die() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    os.kill(os.getpid(), signal.SIGTERM)


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
