"""Folders in memory that a job writes to: capped by the kernel, and nothing in them runs.

A room is a tmpfs (`man 5 tmpfs`) that the reaper mounts, without setuid, devices or programs,
over a folder of the staged job, in a mount namespace that only the job's processes share. We
hold a descriptor of it, through which we look at it, and take out of it what the job leaves
after its last process, and with it the namespace, is gone. With the descriptor the room
goes too, so that nothing of a job is on the disk if its provider is killed.
"""

from __future__ import annotations

import array
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visdm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATIENCE = 30


@dataclass(frozen=True)
class Room:
    """A folder to mount over: bytes and files that fit, the mode and owner of its top."""

    path: Path
    size: int
    files: int
    mode: int
    owner: int

    def options(self) -> str:
        """Return the options of the mount."""
        return (
            f"size={self.size},nr_inodes={self.files},mode={self.mode:o}"
            f",uid={self.owner},gid={self.owner if os.geteuid() == 0 else os.getegid()}"
        )


class Rooms:
    """The rooms of one job; none of them exists before the reaper has started."""

    def __init__(self, rooms: Sequence[Room] = ()) -> None:
        self._rooms = tuple(rooms)
        self._held: list[int] = []
        self._ours, self._reapers = socket.socketpair()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the reaper inherits."""
        return (self._reapers.fileno(),) if self._rooms else ()

    def words(self) -> list[str]:
        """Return the reaper's words for them."""
        if not self._rooms:
            return []
        rooms = [word for room in self._rooms for word in ("room", str(room.path), room.options())]
        return [*rooms, "tell", str(self._reapers.fileno())]

    def receive(self) -> None:
        """Take the descriptors. Raises `SandboxError` where the reaper could not mount."""
        self._reapers.close()
        if not self._rooms:
            return
        self._ours.settimeout(_PATIENCE)
        space = socket.CMSG_SPACE(len(self._rooms) * array.array("i").itemsize)
        try:
            _, told, _, _ = self._ours.recvmsg(1, space)
        except OSError:
            told = []
        for _, _, packed in told:
            self._held.extend(array.array("i", packed))
        if len(self._held) != len(self._rooms):
            raise SandboxError("no folder in memory can be mounted", hint="permit user namespaces")

    def seen(self, path: Path) -> Path:
        """Return where we see the room over `path`; the path itself where there is none."""
        for room, held in zip(self._rooms, self._held, strict=False):
            if room.path == path:
                return Path(f"/proc/self/fd/{held}")
        return path

    def used(self) -> int:
        """Return the bytes of memory in them, in files that are deleted but open too."""
        found = map(os.statvfs, self._held)
        return sum((each.f_blocks - each.f_bfree) * each.f_frsize for each in found)

    def close(self) -> None:
        """Let go of them, and of what is in them."""
        self._ours.close()
        self._reapers.close()
        while self._held:
            os.close(self._held.pop())
