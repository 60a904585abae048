"""A job's folder on the host: what goes in, what comes out, and what is refused of it.

    OUTPUT/.job-XXXX/     hidden, private, gone at the end
        job.json          program, settings, paths of inputs and output as seen inside
        inputs/           copies of the inputs that the job's account could not read
        out/              the only folder that the job can write to and that lasts; where
                          it can be had, a room in memory over it (`rooms`)
        tmp/, shm/        rooms alone: the job's /tmp and /dev/shm
        made/             what is on its way out
    OUTPUT.log            beside the output folder: what the job printed

Nothing in `out` is trusted: it is looked at without following links, and what is passed on
is moved into the output folder only after every process of the job is gone.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

from visdm.adapters.sandboxes import reasons
from visdm.errors import InputError, JobError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from visdm.ports import Computation, Limits

ANSWER = "answer.json"
FAILURE = "failure.json"
"""Files of `visdm.compute.__main__` in the output folder; not handed over."""

ANSWER_LIMIT = 16 << 20
FILES_LIMIT = 10_000
_BLOCK = 512
_CHUNK = 1 << 20
_SLACK = 64 << 20
_DEPTH = 50
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def log_of(output: Path) -> Path:
    """Return where the log of the job with this output folder is."""
    return output.with_name(f"{output.name}.log")


@dataclass(frozen=True)
class Seen:
    """The paths of a staged job as the program will see them."""

    job: PurePosixPath
    inputs: PurePosixPath | None
    output: PurePosixPath


class Staging:
    """The staged job; `inputs` are its inputs on the host, by name."""

    def __init__(self, folder: Path, inputs: Mapping[str, Path], uid: int) -> None:
        self.job = folder / "job.json"
        self.out = folder / "out"
        self.out.mkdir(mode=0o700)
        self.inputs = {
            name: _readable(inputs[name].absolute(), folder / "inputs", name, uid)
            for name in inputs
        }
        if uid != os.geteuid():
            os.chown(self.out, uid, uid)

    def describe(self, computation: Computation, seen: Seen) -> None:
        """Write the job file. Raises `InputError` where the settings are not plain JSON."""
        inputs = {
            name: str(path if seen.inputs is None else seen.inputs / name)
            for name, path in self.inputs.items()
        }
        job = {
            "program": computation.program,
            "settings": dict(computation.settings),
            "inputs": inputs,
            "output": str(seen.output),
        }
        try:
            self.job.write_text(json.dumps(job, allow_nan=False))
        except (TypeError, ValueError):
            raise InputError("the settings of a computation must be plain JSON") from None
        self.job.chmod(0o644)

    def fault(self, limits: Limits) -> str | None:
        """Return why the output so far is refused, or None."""
        size, blocks = 0, 0
        try:
            for count, found in enumerate(_stats(self.out), start=1):
                if count > FILES_LIMIT:
                    return reasons.too_many_files(FILES_LIMIT)
                if not stat.S_ISREG(found.st_mode):
                    return reasons.BAD_FILE
                size += found.st_size
                blocks += found.st_blocks * _BLOCK
        except PermissionError:  # the job has locked its own folder
            return reasons.BAD_FILE
        # Blocks can be held without a size to show for it; some filesystems do so unasked.
        if size > limits.output or blocks > 2 * limits.output + _SLACK:
            return reasons.too_much_output(limits)
        return None

    def result(self, code: int, output: Path) -> Mapping[str, Any]:
        """Return the answer of a job that ended with `code`, its files moved into `output`.

        Raises `JobError` where there is none.
        """
        if code:
            raise JobError(self._failure(code), hint="the provider's log says more")
        answer = self._answer()
        self._hand_over(output)
        return answer

    def _answer(self) -> Mapping[str, Any]:
        answer = _document(self.out / ANSWER, reasons.NO_ANSWER)
        if not isinstance(answer, dict):
            raise JobError(reasons.BAD_ANSWER)
        return answer

    def _failure(self, code: int) -> str:
        try:
            said = _document(self.out / FAILURE, reasons.failed(code))
        except JobError as error:
            return error.reason
        reason = said.get("reason") if isinstance(said, dict) else None
        return reasons.public(reason) if isinstance(reason, str) else reasons.GAVE_UP

    def _hand_over(self, output: Path) -> None:
        """Move the files into `output`, ours and private; all of them, or none."""
        found = [file for file in self.out.iterdir() if file.name not in {ANSWER, FAILURE}]
        made = self.job.with_name("made")
        made.mkdir(mode=0o700)
        for file in found:
            if not _NAME.fullmatch(file.name) or file.name.strip(".") == "":
                raise JobError(reasons.BAD_FILE)
            _take(file, made / file.name)
        for file in found:
            (made / file.name).replace(output / file.name)


@contextmanager
def staged(computation: Computation, output: Path, uid: int) -> Iterator[Staging]:
    """Stage a job that will run as `uid` (as root: any; otherwise our own).

    Raises `InputError` where the inputs or settings cannot be used and `OutputError` where
    the output folder cannot be written, also if that shows while the job is run.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        # Absolute, since the job stands elsewhere when it looks for them.
        folder = Path(tempfile.mkdtemp(prefix=".job-", dir=output.absolute()))
        try:
            yield Staging(folder, computation.inputs, uid)
        finally:
            _wipe(folder)
    except OSError as error:
        problem = error.strerror or "cannot be written"
        raise OutputError(output.name, problem, hint="is the disk full?") from error


def _take(file: Path, target: Path) -> None:
    """Move a plain file, which nobody has open, to where it is ours and private."""
    file.chmod(0o600)
    try:
        os.chown(file, os.geteuid(), os.getegid(), follow_symlinks=False)
        file.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with file.open("rb") as source, os.fdopen(descriptor, "wb") as copy:
            shutil.copyfileobj(source, copy, _CHUNK)
        file.unlink()  # at once, since it is in memory


def _stats(folder: Path) -> Iterator[os.stat_result]:
    """Look at what is in a folder, which may be changing, without following links."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                yield entry.stat(follow_symlinks=False)


def _wipe(top: Path) -> None:
    """Remove a folder that a stranger filled, however deep and whatever its modes.

    Folders within folders are moved up first, so that depth costs neither stack nor path.
    """
    moved = 0
    while folders := [entry for entry in top.iterdir() if _unlinked(entry)]:
        for folder in folders:
            for inner in filter(_unlinked, list(folder.iterdir())):
                moved += 1
                inner.rename(top / f".moved-{moved}")
            folder.rmdir()
    top.rmdir()


def _unlinked(path: Path) -> bool:
    """Open a folder up and return True; remove anything else."""
    if stat.S_ISDIR(path.lstat().st_mode):
        path.chmod(0o700)
        return True
    path.unlink()
    return False


def _readable(path: Path, folder: Path, name: str, uid: int) -> Path:
    """Return where `uid` can read the input: in place where anybody may, else in a copy.

    Changing the file's mode instead would open it to others for as long as the job runs.
    """
    if not _NAME.fullmatch(name) or name.strip(".") == "":
        raise InputError(f"{name!r} cannot be the name of an input")
    if not path.is_file():
        raise InputError(f"the input {name} is not a file")
    source = path.resolve()
    if uid == os.geteuid() or source.stat().st_mode & stat.S_IROTH:
        return source
    folder.mkdir(exist_ok=True)
    copy = folder / name
    shutil.copyfile(source, copy)
    copy.chmod(0o444)
    return copy


def _document(path: Path, missing: str) -> Any:  # noqa: ANN401 - JSON is anything
    """Read JSON that a stranger may have written. Raises `JobError`, `missing` if it is not there.

    The job is gone, so nothing changes underfoot; a link or a pipe is not opened.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise JobError(reasons.BAD_FILE)
    except FileNotFoundError:
        raise JobError(missing) from None
    path.chmod(0o600)
    with path.open("rb") as file:
        text = file.read(ANSWER_LIMIT + 1)
    try:
        if len(text) > ANSWER_LIMIT or _is_deep(text):
            _refuse()
        document = json.loads(text.decode(), parse_constant=_refuse, parse_float=_finite)
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate has no encoding
    except ValueError:
        raise JobError(reasons.BAD_ANSWER) from None
    return document


def _is_deep(text: bytes) -> bool:
    """Tell whether brackets nest deeper than `_DEPTH`, or do not match.

    Python's own bound is not to be relied on: libraries raise it, and what then overflows is
    the C stack, with the provider on it.
    """
    brackets = _STRING.sub(b"", text).translate(None, delete=_NO_BRACKETS)
    for _ in range(_DEPTH):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)


def _refuse(_: str = "") -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse()
