"""A tree of processes with gVisor's kernel, the sentry, in it: what the job in it uses.

The sentry keeps all memory of the job, its folders in memory included, in one file without a
name, which its processes on the host map as they touch it. So the file's size counts, mapped
or not, and mappings of it do not.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from visdm.adapters.sandboxes.tree import Tree, Usage, beneath, sum_of

OWN_MEMORY = 96 << 20
"""Bytes that gVisor's three processes take, before a job has begun, at most."""

_BLOCK = 512
_FILE = "/memfd:runsc-memory"


class SentryTree(Tree):
    """All processes of a job in gVisor. The sentry bounds its tasks; the host's are not its own."""

    def usage(self, most_memory: int) -> Usage:
        """See `Tree.usage`; without gVisor's own memory."""
        pids, _ = beneath(self.reaper.pid)
        held = _held(pids)
        shared: tuple[str, ...] = ()
        if held is None:  # not ours to look at: its mappings are the next best
            held, shared = 0, ("RssShmem:", "Pss_Shmem:")
        others = _sum(pids, "status", ("RssAnon:", "RssFile:", "VmSwap:", *shared))
        if held + others > most_memory + OWN_MEMORY:
            with suppress(PermissionError):
                fields = ("Pss_Anon:", "Pss_File:", "SwapPss:", *shared)
                others = _sum(pids, "smaps_rollup", fields)
        return Usage(held + max(0, others - OWN_MEMORY), tasks=0)


def _sum(pids: list[int], report: str, fields: tuple[str, ...]) -> int:
    return sum(sum_of(Path(f"/proc/{pid}/{report}"), fields) for pid in pids)


def _held(pids: list[int]) -> int | None:
    """Return the bytes in the file; None where no process has it, or we may not look."""
    for pid in pids:
        with suppress(OSError):
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(file.readlink()).startswith(_FILE):
                        return file.stat().st_blocks * _BLOCK
    return None
