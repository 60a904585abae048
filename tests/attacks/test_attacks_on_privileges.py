"""A job has no privileges and cannot get any; its namespaces are its own."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from attacks.hostile import as_root, computation, processes, script
from visdm.adapters.sandboxes import BareProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from attacks.hostile import Attack, Make


def test_there_are_no_capabilities_and_none_can_be_had(attack: Attack) -> None:
    outside, inside = attack(
        """
        with open("/proc/self/status") as file:
            answer(dict(line.rstrip().split(":\\t") for line in file if line[:3] in ("Cap", "NoN")))
        """
    )
    assert int(outside["CapBnd"], 16) != 0
    assert outside["NoNewPrivs"] == "0"
    assert {int(mask, 16) for name, mask in inside.items() if name.startswith("Cap")} == {0}
    assert inside["NoNewPrivs"] == "1"


@as_root
def test_a_job_of_root_has_an_account_of_its_own(walled: Make, tmp_path: Path) -> None:
    seen: dict[str, set[int]] = {}
    look = script("print('progress 1 1', flush=True); time.sleep(0.4); answer(os.getuid())")

    def owners(name: str) -> Callable[[int, int], None]:
        seen[name] = set()
        return lambda *_: seen[name].update(
            Path(f"/proc/{n}").stat().st_uid for n in processes(name)
        )

    for sandbox in (BareProcess, walled):
        for turn in ("one", "two"):
            name = f"{sandbox.__name__}-{turn}-{secrets.token_hex(4)}"
            sandbox(entry=(*look, name)).run(computation({}, {}), tmp_path / name, owners(name))
    bare, other_bare, *inside = seen.values()
    assert bare == other_bare == {0}
    accounts = [owner - {0} for owner in inside]  # the first bubblewrap is root's, outside
    assert all(len(account) == 1 for account in accounts)
    assert accounts[0] != accounts[1]


@as_root
def test_root_cannot_be_become(attack: Attack) -> None:
    outside, inside = attack("answer([tries(lambda: os.setuid(0)), os.getuid()])")
    assert outside == ["done", 0]
    assert inside in (["PermissionError", 1000], ["OSError", 1000])


def test_no_further_user_namespace_can_be_made(attack: Attack) -> None:
    outside, inside = attack(
        """
        import ctypes
        CLONE_NEWUSER = 0x10000000
        answer(ctypes.CDLL(None).unshare(CLONE_NEWUSER))
        """
    )
    assert outside == 0
    assert inside == -1


def test_namespaces_are_the_jobs_own(attack: Attack) -> None:
    outside, inside = attack(
        """
        kinds = ("user", "pid", "net", "ipc", "uts", "mnt", "cgroup")
        answer({kind: os.readlink(f"/proc/self/ns/{kind}") for kind in kinds})
        """
    )
    host = {kind: str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in outside}
    assert outside == host
    assert not set(inside.values()) & set(host.values())
