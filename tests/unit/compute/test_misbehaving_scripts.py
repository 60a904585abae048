"""Scripts that misbehave while they are profiled: in the real sandbox where that matters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from unit.compute.fabricated import ignore, model_package, said, stripes_package
from visdm.adapters.sandboxes import Bubblewrap
from visdm.adapters.sandboxes.log import LOG_LIMIT
from visdm.compute import profiling
from visdm.domain.profiles import MAX_LAYERS, MAX_WORD, read_profile
from visdm.errors import JobError, SandboxError
from visdm.ports import Limits
from visdm.services.profiles import profiled

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
import json, os, sys, torch
class Network(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.head = torch.nn.Linear(64, config["classes"])
    def forward(self, images):
        return self.head(images.flatten(1))
calls = 0
def build_model(config):
    global calls
    calls += 1
    network = Network(config)
"""
"""A fine network; what follows is done to it, and must return it."""

GIB = 1 << 30


@pytest.fixture(scope="module")
def sandbox() -> Bubblewrap:
    found = Bubblewrap()
    try:
        found.check()
    except SandboxError as error:
        pytest.skip(error.message)
    return found


def package(tmp_path: Path, misdeed: str) -> Path:
    validation = stripes_package(tmp_path / "v", 4, 0)
    body = "\n".join("    " + line for line in misdeed.strip("\n").split("\n"))
    return model_package(tmp_path / "m", validation, script=f"{HEAD}{body}\n    return network\n")


def inside(tmp_path: Path, misdeed: str) -> dict[str, Any]:
    """Profile in this process, and read what was answered as a provider does."""
    found = profiling.run({"seed": 1}, {"model": package(tmp_path, misdeed)}, tmp_path, ignore)
    return read_profile(json.loads(json.dumps(found, allow_nan=False)))


def reason(tmp_path: Path, misdeed: str) -> str:
    with pytest.raises(JobError) as caught:
        inside(tmp_path, misdeed)
    return said(caught.value)


@pytest.mark.parametrize(
    ("misdeed", "expected"),
    [
        ("while True: pass", "took longer than 12 s"),
        (
            "hoard = []\nwhile True: hoard.append(torch.ones(1 << 24))",
            f"used more than {GIB} bytes of memory",
        ),
        ("sys.exit(0)", "the model script failed in build_model (SystemExit)"),
        ("os._exit(0)", "left no answer"),
        ("os.kill(os.getpid(), 11)", "failed with exit code 139"),
        (
            (
                "out = json.load(open(sys.argv[1]))['output']\n"
                "open(out + '/answer.json', 'w').write('{\"name\": \"anything\"}')\n"
                "os._exit(0)"
            ),
            "its answer is not of the agreed shape",
        ),
        (
            (
                "network.head = torch.nn.Linear(64, config['classes'] + 0 * calls)\n"
                "network.more = torch.nn.Linear(1, 1 + torch.initial_seed() % 97)"
            ),
            "two profiles of it differ",
        ),
    ],
    ids=["hang", "hoard", "exit", "exit hard", "crash", "own answer", "another each time"],
)
def test_a_misdeed_is_refused_with_a_reason(
    tmp_path: Path, sandbox: Bubblewrap, misdeed: str, expected: str
) -> None:
    limits = Limits(seconds=12 if "True: pass" in misdeed else 120, memory=GIB)
    with pytest.raises(JobError) as caught:
        profiled(sandbox, package(tmp_path, misdeed), tmp_path, limits)
    assert said(caught.value) == expected


def test_a_script_that_prints_without_end_floods_nobody(
    tmp_path: Path, sandbox: Bubblewrap
) -> None:
    misdeed = "for _ in range(200): print('progress 9 9\\x1b[2J' + 'x' * 100_000)"
    found = profiled(sandbox, package(tmp_path, misdeed), tmp_path, Limits(seconds=120))
    assert found["parameters"] == 64 * 2 + 2
    kept = [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()]
    assert max(kept) < LOG_LIMIT + 1_000


def test_an_answer_that_the_script_wrote_itself_holds_nothing_but_a_profile(
    tmp_path: Path, sandbox: Bubblewrap
) -> None:
    honest = inside(tmp_path, "")
    forged = {**honest, "parameters": 7, "trainable": 7, "pixels": [1, 2, 3]}
    (tmp_path / "forged").mkdir()
    misdeed = (
        "out = json.load(open(sys.argv[1]))['output']\n"
        f"open(out + '/answer.json', 'w').write({json.dumps(forged)!r})\n"
        "os._exit(0)"
    )
    forger = package(tmp_path / "forged", misdeed)
    found = profiled(sandbox, forger, tmp_path / "forged", Limits(seconds=120))
    # A script may lie about its size; the tensors are what the release gate holds it to.
    assert found == {**honest, "parameters": 7, "trainable": 7}


@pytest.mark.parametrize(
    ("misdeed", "expected"),
    [
        (
            "network.head = torch.nn.Linear(64, 1 + calls)",
            "build_model returned another network when it was called again",
        ),
        (
            "if calls > 1: network.more = torch.nn.Linear(1, 1)",
            "build_model returned another network when it was called again",
        ),
        (
            "network.double() if calls > 1 else None",
            "build_model returned another network when it was called again",
        ),
        (
            "network.head.bias.data.fill_(int.from_bytes(os.urandom(4), 'big') / 2**32)",
            "build_model drew numbers that its seed does not fix",
        ),
        (
            "network.head.bias.data += calls",
            "build_model drew numbers that its seed does not fix",
        ),
        (
            (
                "network.register_forward_hook("
                "lambda m, a, o: m.register_buffer('seen', a[0].flatten()))"
            ),
            "the network's tensors are others after it ran",
        ),
        (
            "network.register_forward_hook(lambda m, a, o: o * float('nan'))",
            "the network's answers are not finite numbers",
        ),
        (
            "network.register_forward_hook(lambda m, a, o: o / 0 if m.training else o)",
            "the loss on synthetic images is not a number",
        ),
        (
            "network.register_forward_hook(lambda m, a, o: o[:, :1])",
            "the network must answer 2 images with 2 x 2 numbers",
        ),
        (
            "for weight in network.parameters(): weight.requires_grad = False",
            "build_model returned a network with nothing to train",
        ),
        ("del network.head", "build_model returned a network with nothing to train"),
        ("raise MemoryError('17 255 0')", "the model script failed in build_model (MemoryError)"),
        (
            "network.register_buffer('\\x1b[2J', torch.zeros(1))",
            "the network has a tensor whose name cannot be shown",
        ),
        (
            (
                "network.many = torch.nn.ParameterList("
                "[torch.nn.Parameter(torch.zeros(1)) for _ in range(5_001)])"
            ),
            "the network has more than 5000 tensors",
        ),
    ],
)
def test_a_network_that_is_not_what_it_seems_is_refused(
    tmp_path: Path, misdeed: str, expected: str
) -> None:
    assert reason(tmp_path, misdeed) == expected


def test_words_of_the_script_are_cut_and_cannot_command_a_terminal(tmp_path: Path) -> None:
    misdeed = """
kind = type("x" * 500 + "\\x1b[2J", (torch.nn.Identity,), {})
network.add_module("\\x1b[2J" + "y" * 500, kind())
"""
    layer = inside(tmp_path, misdeed)["layers"][-1]
    assert layer["type"] == "x" * (MAX_WORD - 1) + "…"
    assert len(layer["name"]) == MAX_WORD
    assert layer["name"].startswith("\ufffd[2J")
    assert layer["output"] is None


def test_of_very_many_layers_the_first_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    found = inside(
        tmp_path,
        "network.many = torch.nn.Sequential(*[torch.nn.ReLU()] * 3)\n"
        "for n in range(600): network.many.append(torch.nn.ReLU())",
    )
    assert len(found["layers"]) == MAX_LAYERS
    assert found["depth"] == 602


def test_a_network_that_looks_at_its_numbers_is_traced_on_real_ones(tmp_path: Path) -> None:
    plain = inside(tmp_path, "")
    looks = inside(
        tmp_path,
        "network.register_forward_hook(lambda m, a, o: o if a[0].mean() > 0.1 else -o)",
    )
    assert (plain["traced"], looks["traced"]) == ("fake", "real")
    assert looks["gflops"] == plain["gflops"]
    assert looks["memory"] == plain["memory"]
