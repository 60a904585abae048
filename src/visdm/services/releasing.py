"""Releasing: a result is looked at, every byte of it, before it is encrypted to anybody.

The provider looks with its own hands: what the platform's code in the sandbox made sure of, a
script beside it may have undone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visdm.domain.answers import SHAPE
from visdm.domain.release import LENGTH_BYTES, check_release, header_end
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from visdm.domain.answers import Trained
    from visdm.ports import Scratch


def check_result(
    scratch: Scratch, result: Path, trained: Trained, profile: Mapping[str, Any]
) -> None:
    """Let a job's result out only when it is what owners were shown (DESIGN section 8).

    `result` is a file in a private folder that no process of the job can change any more.
    Raises `JobError` with a reason that may be public.
    """
    if trained.validation != profile["validation"]:
        # Counts are told out of these; a script must not choose how finely.
        raise JobError(SHAPE)
    end = header_end(scratch.read(result, LENGTH_BYTES))
    contents = check_release(scratch.read(result, end), scratch.size(result), profile["tensors"])
    scratch.pour(result, contents)
    contents.close()
