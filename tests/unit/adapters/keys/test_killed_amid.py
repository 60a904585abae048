"""A process that is killed at each of its steps on the disk: all of an account, or nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from unit.adapters.keys.conftest import PASSWORD, WORK, Place
from visdm.adapters.keys import KeyFolder
from visdm.errors import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Callable

NEW = "another password"
STEPS = [
    (os, "fsync"),
    (Path, "hardlink_to"),
    (Path, "unlink"),
    (Path, "replace"),
]


def killed_before(step: int, work: Callable[[], object]) -> bool:
    """Do `work` in a process that kills itself before its `step`th step; say whether it did."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left = iter(range(step, -1, -1))

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: object) -> object:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args)

        return wrapper

    for owner, name in STEPS:
        setattr(owner, name, counted(getattr(owner, name)))
    try:
        work()
    finally:
        os._exit(0)


def test_a_creation_killed_anywhere_leaves_all_or_nothing_and_can_be_repeated(
    tmp_path: Path,
) -> None:
    step = 0
    while True:
        keys = KeyFolder(tmp_path / str(step), work=WORK)
        killed = killed_before(step, lambda: keys.create("ann", PASSWORD))  # noqa: B023 - at once
        if keys.names():
            assert keys.open("ann", PASSWORD).public == keys.show("ann")
            with pytest.raises(KeyFileError, match="already"):
                keys.create("ann", PASSWORD)
        else:
            assert killed
            keys.create("ann", PASSWORD)
            assert keys.open("ann", PASSWORD).public == keys.show("ann")
            assert not list((tmp_path / str(step)).glob(".visdm-*"))
        if not killed:
            break
        step += 1
    assert step > 8


def test_an_identity_without_a_keystore_is_put_aside_and_not_erased(place: Place) -> None:
    lost = (place.folder / "ann.age").read_bytes()
    (place.folder / "ann.json").unlink()
    assert place.keys.names() == ["bob"]
    place.keys.create("ann", PASSWORD)
    assert (place.folder / "ann.age.left-1").read_bytes() == lost
    (place.folder / "ann.json").unlink()
    place.keys.create("ann", PASSWORD)
    assert (place.folder / "ann.age.left-1").read_bytes() == lost
    assert (place.folder / "ann.age.left-2").exists()


def test_a_change_of_password_killed_anywhere_leaves_the_old_or_the_new_one(
    place: Place,
) -> None:
    before = place.files()
    counts, step = {PASSWORD: 0, NEW: 0}, 0
    while True:
        for path in place.folder.iterdir():
            path.unlink()
        for name, content in before.items():
            (place.folder / name).touch(0o600)
            (place.folder / name).write_bytes(content)
        killed = killed_before(step, lambda: place.keys.change_password("ann", PASSWORD, NEW))
        valid = opens(place, NEW) or opens(place, PASSWORD)
        assert valid
        counts[valid] += 1
        if not killed:
            break
        # And then the next change, killed at the moment where two would mix.
        place.keys.change_password("ann", valid, PASSWORD)
        assert opens(place, PASSWORD)
        step += 1
    assert min(counts.values()) > 1


def opens(place: Place, password: str) -> str:
    """Return the password if it opens the account."""
    try:
        assert place.keys.open("ann", password).public == place.keys.show("ann")
    except KeyFileError:
        return ""
    return password
