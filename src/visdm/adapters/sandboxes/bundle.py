"""A job as a bundle of the Open Container Initiative: what gVisor is given to run.

    bundle/config.json    program, variables, limits, mounts, calls (OCI runtime-spec 1.0,
                          github.com/opencontainers/runtime-spec, config.md)
    bundle/root/          the root: links, and the points that gVisor mounts the rest on

Files come from the same `view` as bubblewrap's, calls from the same list (`calls`).
"""

from __future__ import annotations

import json
import platform
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from visdm.adapters.sandboxes.calls import ALLOWED, CONDITIONED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visdm.adapters.sandboxes.view import Shown, View

_OPEN_FILES = 4096
_PROCESSORS = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
_PLAIN = ["nosuid", "nodev", "noexec"]
_SYSTEM = {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", *_PLAIN]}
"""The sentry's own; it is there in any case, and this way not writable."""


class Program(NamedTuple):
    """What is run: words, variables, the folder it begins in, its user, its limits by name."""

    words: Sequence[str]
    variables: Mapping[str, str]
    folder: PurePosixPath
    uid: int
    limits: Mapping[str, int]


def write_bundle(folder: Path, program: Program, view: View, memory: Mapping[str, int]) -> None:
    """Write the bundle; `memory` are folders in memory and the bytes that each holds."""
    root = folder / "root"
    root.mkdir(parents=True)
    mounts = [_SYSTEM, *(_in_memory(path, size) for path, size in memory.items())]
    for path, shown in view.items():
        if shown.option == "--dev-bind":  # gVisor has devices of its own
            continue
        if shown.option == "--symlink" and not _beneath(path, memory):
            link = root / path.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(shown.source)
        else:
            mounts.append(_bound(path, shown))
    config = _config(program, mounts)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def _config(program: Program, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    user = {"uid": program.uid, "gid": program.uid}
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": user,
            "args": list(program.words),
            "env": [f"{name}={value}" for name, value in program.variables.items()],
            "cwd": str(program.folder),
            "capabilities": {},
            "noNewPrivileges": True,
            "rlimits": [
                {"type": f"RLIMIT_{name}", "soft": most, "hard": most}
                for name, most in {"CORE": 0, "NOFILE": _OPEN_FILES, **program.limits}.items()
            ],
        },
        "root": {"path": "root", "readonly": True},
        "hostname": "sandbox",
        "mounts": mounts,
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
            "seccomp": _calls(),
        },
    }


def _calls() -> dict[str, Any]:
    """Return the filter. To be traced without a tracer is ENOSYS; gVisor knows no other way."""
    conditioned = [
        {
            "names": [only.call],
            "action": "SCMP_ACT_ALLOW",
            "args": [
                {
                    "index": only.argument,
                    "value": only.mask,
                    "valueTwo": only.value,
                    "op": "SCMP_CMP_MASKED_EQ",
                }
            ],
        }
        for only in CONDITIONED
    ]
    processor = _PROCESSORS.get(platform.machine())
    return {
        "defaultAction": "SCMP_ACT_TRACE",
        "architectures": [processor] if processor else [],
        "syscalls": [{"names": list(ALLOWED), "action": "SCMP_ACT_ALLOW"}, *conditioned],
    }


def _in_memory(path: str, size: int) -> dict[str, Any]:
    options = [*_PLAIN, "mode=1777", f"size={size}"]
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": options}


def _bound(path: str, shown: Shown) -> dict[str, Any]:
    """Return a mount of the host's file or folder, where a link points to it of that one."""
    options = ["bind", "rw", *_PLAIN] if shown.option == "--bind" else ["bind", "ro"]
    source = str(Path(path).resolve()) if shown.option == "--symlink" else shown.source
    return {"destination": path, "type": "bind", "source": source, "options": options}


def _beneath(path: str, folders: Mapping[str, int]) -> bool:
    return any(str(parent) in folders for parent in PurePosixPath(path).parents)
