"""A model that trains as others do until the seed of a job tells it to misbehave, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from visdm.adapters.sandboxes import Bubblewrap, log_of
from visdm.ports import Limits, silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from visdm.ports import Computation, Progress

GIB = 1 << 30
FIRST = 1000
"""The seed of the first misdeed."""

FLOOD = 200 << 20
"""Bytes that a script prints on each of two streams: two hundred times what is kept."""

SCRIPT = """
import json, os, signal, sys, threading, time
import torch
from safetensors.torch import save

MISDEEDS = {misdeeds}

class Network(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.head = torch.nn.Linear(64, config["classes"])

    def forward(self, images):
        answers = self.head(images.flatten(1)[:, :64])
        job = asked()
        if not self.training or job is None:
            return answers
        pixels = bytes((images[0].flatten() * 255).to(torch.uint8).tolist())
        known = dict(job=job, out=job["output"], secret=pixels.hex(), net=self, answers=answers)
        exec(MISDEEDS[job["settings"]["seed"] - {first}], globals(), known)
        return known["answers"]

def asked():
    try:
        with open(sys.argv[-1]) as file:
            job = json.load(file)
    except (OSError, ValueError):
        return None
    return job if job.get("program") == "train" else None

def leave(out, weights, **more):
    answer = dict(validation=8, utilities=[], metrics=dict(accuracy=0.5, loss=0.5), left_out=dict())
    answer |= dict(kept={{"1": 8, "2": 8}}, **more)
    if weights is not None:
        with open(out + "/model.safetensors", "wb") as file:
            file.write(weights)
    with open(out + "/answer.json", "w") as file:
        json.dump(answer, file)
    os._exit(0)

def build_model(config):
    return Network(config)
"""


@dataclass(frozen=True)
class Misdeed:
    """What a script does in its first training step, and what is then said in public."""

    code: str
    reasons: tuple[str, ...]
    limits: Limits = Limits(seconds=300, memory=2 * GIB, output=64 << 20)  # noqa: RUF009 - frozen


class Watched(Bubblewrap):
    """The real sandbox; it keeps what would have been the provider's log."""

    log = b""

    def run(
        self, computation: Computation, output: Path, progress: Progress = silent
    ) -> Mapping[str, Any]:
        try:
            return super().run(computation, output, progress)
        finally:
            self.log = log_of(output).read_bytes()


FAILED = "the model script failed while training"
MISDEEDS = {
    "hangs": Misdeed(
        "while True: pass", ("took longer than 20 s",), Limits(seconds=20, memory=2 * GIB)
    ),
    "hangs with its signals blocked": Misdeed(
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); time.sleep(10**6)",
        ("took longer than 20 s",),
        Limits(seconds=20, memory=2 * GIB),
    ),
    "raises": Misdeed("raise ValueError(secret)", (f"{FAILED} (ValueError)",)),
    "raises an error named after pixels": Misdeed(
        "raise type('E' + secret, (Exception,), {})(secret)", (FAILED,)
    ),
    "raises SystemExit": Misdeed("raise SystemExit(secret)", (f"{FAILED} (SystemExit)",)),
    "returns NaN": Misdeed(
        "answers = answers * float('nan')", ("the training loss is not a number in epoch 1",)
    ),
    "returns pixels": Misdeed("answers = secret", (f"{FAILED} (AttributeError)",)),
    "prints without end": Misdeed(
        f"""
for _ in range({FLOOD} >> 20):
    for stream in (1, 2):
        os.write(stream, ((secret * 100 + chr(10)) * 400)[:1 << 20].encode())
raise ValueError""",
        (f"{FAILED} (ValueError)",),
    ),
    "writes tensors of another type": Misdeed(
        "leave(out, save({n: v.float() for n, v in net.state_dict().items()}))",
        ("the result's tensors are not those of the profile",),
    ),
    "writes one tensor more": Misdeed(
        """
state = {n: v.bfloat16() for n, v in net.state_dict().items()}
leave(out, save({**state, secret: torch.zeros(1)}))""",
        ("the result's tensors are not those of the profile",),
    ),
    "writes NaN with pixels in it": Misdeed(
        """
state = {n: torch.full_like(v, float('nan')).bfloat16() for n, v in net.state_dict().items()}
leave(out, save(state))""",
        ("the result holds weights that are not finite",),
    ),
    "writes pixels as the result": Misdeed(
        "leave(out, bytes.fromhex(secret))", ("the result is not a safetensors file",)
    ),
    "answers without a result": Misdeed(
        "leave(out, None)", ("there is no file model.safetensors in its output",)
    ),
    "answers with pixels": Misdeed(
        "leave(out, b'', metrics=secret)", ("its answer is not of the agreed shape",)
    ),
    "counts out of more images than there are": Misdeed(
        """
state = {n: v.bfloat16() for n, v in net.state_dict().items()}
leave(out, save(state), validation=10**9)""",
        ("its answer is not of the agreed shape",),
    ),
    "links its result": Misdeed(
        "os.symlink(sys.argv[-1], out + '/model.safetensors'); leave(out, None)",
        ("left something that is not a plain file",),
    ),
    "exits with 0 and no result": Misdeed("os._exit(0)", ("left no answer",)),
    "exits with a code of its own": Misdeed("os._exit(77)", ("failed with exit code 77",)),
    "says a reason of its own": Misdeed(
        """
with open(out + '/failure.json', 'w') as file:
    json.dump(dict(reason=secret), file)
os._exit(1)""",
        ("the program gave up",),
    ),
    "breaks its memory": Misdeed(
        "import ctypes; ctypes.string_at(0)", ("failed with exit code 139",)
    ),
    "kills itself": Misdeed("os.kill(os.getpid(), 9)", ("failed with exit code 137",)),
    "kills its parent": Misdeed(
        "os.kill(os.getppid(), 9); time.sleep(3); os._exit(3)",
        ("failed with exit code 137", "failed with exit code 3"),
    ),
    "kills all that it can": Misdeed(
        "os.kill(-1, 9); os._exit(3)",
        (
            "failed with exit code 137",
            "failed with exit code 3",
            f"{FAILED} (ProcessLookupError)",  # it is alone in there
        ),
    ),
    "fills the disk": Misdeed(
        """
with open(out + '/more', 'wb') as file:
    while True:
        file.write(bytes.fromhex(secret) * 10_000)""",
        (
            f"made more than {64 << 20} bytes of output",
            f"{FAILED} (OSError)",
            "failed with exit code 153",
        ),
    ),
    "hoards memory": Misdeed(
        "hoard = []\nwhile True: hoard.append(torch.ones(1 << 22))",
        (f"used more than {2 * GIB} bytes of memory",),
    ),
    "starts processes without end": Misdeed(
        """
while True:
    if not os.fork():
        time.sleep(10**6)""",
        ("started more than 64 processes", f"{FAILED} (BlockingIOError)"),
    ),
}
"""By what the script does. Where several reasons are told, which of two walls is hit first is
chance.
"""


def source() -> str:
    """Return the model's source."""
    codes = [misdeed.code for misdeed in MISDEEDS.values()]
    return SCRIPT.format(misdeeds=repr(codes), first=FIRST)


def seed_of(name: str) -> int:
    """Return the seed that makes the model misbehave so."""
    return FIRST + list(MISDEEDS).index(name)
