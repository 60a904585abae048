"""The reasons for which a computation may be said, in public, to have failed.

What a program says comes out of the sandbox, where a stranger's script may have said it in
its place. It is passed on only where it is, word for word, one of the phrases of
`visdm.compute`; the slots are numbers, `{what}`, and a name out of a fixed list. A reason
thus carries few bits that a script could choose; anything else goes to the log.
"""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visdm.ports import Limits

GAVE_UP = "the program gave up"
NO_ANSWER = "left no answer"
BAD_ANSWER = "left an answer that cannot be used"
BAD_FILE = "left something that is not a plain file"

_ERRORS = "|".join(
    name
    for name, kind in sorted(vars(builtins).items())
    if isinstance(kind, type) and issubclass(kind, Exception | SystemExit)
)
_PROBLEM = (
    "(?:holds no image|has a label that stands for no class|has more than {n} pixels"
    "|is not a JPEG, PNG or WebP image|is damaged|is truncated or damaged)"
)
_DOING = (
    "(?:while it was imported|while training|while answering|on synthetic images"
    "|in build_model|in fit|when its state was read)"
)
_MODEL_FILES = r"visdm\.toml, validation\.parquet, weights\.safetensors"
_SLOTS = {
    "{doing}": _DOING,
    "{n}": r"\d{1,10}",
    "{what}": r"(?:package|validation set|asset \d{1,9})",
    "{error}": rf"(?: \((?:{_ERRORS})\))?",
    "{row}": rf"row {{n}} {_PROBLEM}",
}
PHRASES = (
    r"the {what} is not a readable Parquet file",
    r"the {what} holds no images",
    r"the {what} is damaged: it holds more or fewer rows than it says",
    r"the {what} is damaged: its rows cannot be read",
    r"the {what} has bad rows: {row}(?:; {row}){0,9}(?:; and {n} more)?",
    r"the {what} needs one column `image` of bytes",
    r"the {what} needs one column `label` of integers",
    r"the {what} names no classes in its schema",
    r"the {what} needs 1 to {n} classes, each named once",
    r"the {what} has a name or a class that cannot be shown",
    r"the {what} does not fit into memory",
    r"{n} images of the {what} are of classes the job does not have",
    r"the {what} holds no image of the job's classes",
    r"the model package has no (?:visdm\.toml|validation\.parquet|weights\.safetensors)",
    r"the model package's visdm\.toml or source cannot be read",
    rf"the model package holds something else than {_MODEL_FILES} and Python source",
    r"the model package is not a readable tar file",
    r"the model package's visdm\.toml is at fault",
    r"the model package's visdm\.toml sets what the platform sets",
    r"the model package does not hold the module that it names",
    r"the model package holds a module that would hide an installed one",
    r"the model script failed {doing}{error}",
    r"the model script defines no build_model\(config\)",
    r"the model script defines no fit\(network, images, labels, seed, config\)",
    r"the model package trains in another way than owners were shown",
    r"a private network may hold plain layers of torch\.nn alone, one after the other",
    r"the network has layers that mix images; use GroupNorm in place of BatchNorm",
    r"no noise makes this training as private as the model states",
    r"build_model did not return a torch\.nn\.Module",
    r"build_model returned a network whose sizes are not settled",
    r"build_model returned a network with nothing to train",
    r"build_model returned another network when it was called again",
    r"build_model drew numbers that its seed does not fix",
    r"the loss on synthetic images is not a number",
    r"the network's tensors are others after it ran",
    r"the network has more than {n} tensors",
    r"the network has more than {n} bytes of rounded weights",
    r"the network keeps more than {n} bytes beside its weights",
    r"the network has a tensor whose name cannot be shown",
    r"the model package's table config has more than {n} bytes",
    r"the network must answer {n} images with {n} x {n} numbers",
    r"the network's state holds something else than plain tensors",
    r"the network's state holds numbers of a type that is not released",
    r"the network's answers are not finite numbers",
    r"the training loss is not a number in epoch {n}",
    r"the training ended in weights that are not finite",
    r"the weights are not a readable safetensors file",
    r"the weights do not fit the model",
    r"the {what} holds nothing but copies of earlier assets of the job",
    r"a test is over at least {n} images, and its assets hold fewer",
    r"a worker process ended before its work did",
    r"a task of the Ray cluster was lost",
    r"the {what} asks for a disclosure that there is not",
    r"the prints of an earlier asset cannot be read",
    r"none of the assets has public metadata that a map can be made of",
    r"a job needs assets, each named once",
    r"a condition names no column of the tables",
    r'a library is missing: pip install "visdm\[metadata\]"',
    r"the valuation method is unknown; there are shapley, equal",
    r"exact Shapley values need at most {n} assets, not {n}",
)


def _filled(phrase: str) -> str:
    for slot in ("{row}", "{what}", "{doing}", "{error}", "{n}"):
        phrase = phrase.replace(slot, _SLOTS[slot])
    return phrase


_PUBLIC = re.compile("|".join(f"(?:{_filled(phrase)})" for phrase in PHRASES), re.ASCII)


def public(reason: str) -> str:
    """Return `reason` where it is one of `PHRASES`, otherwise `GAVE_UP`."""
    return reason if _PUBLIC.fullmatch(reason) else GAVE_UP


def too_long(limits: Limits) -> str:
    """The reason for passing `limits.seconds`."""
    return f"took longer than {limits.seconds} s"


def too_much_memory(limits: Limits) -> str:
    """The reason for passing `limits.memory`."""
    return f"used more than {limits.memory} bytes of memory"


def too_many_processes(limits: Limits) -> str:
    """The reason for passing `limits.processes`."""
    return f"started more than {limits.processes} processes"


def too_much_output(limits: Limits) -> str:
    """The reason for passing `limits.output`."""
    return f"made more than {limits.output} bytes of output"


def too_many_files(most: int) -> str:
    """The reason for making more than `most` files."""
    return f"made more than {most} files"


def failed(code: int) -> str:
    """The reason for an exit code other than 0; 128 and a signal's number for a signal."""
    return f"failed with exit code {code}"
