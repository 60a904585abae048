from __future__ import annotations

import io
import sys
import tarfile
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from unit.compute.fabricated import model_package, said, stripes_package, tar, toml
from visdm.compute import model_package as packages
from visdm.compute.network import builder, released, restore, specs
from visdm.compute.scripts import blaming, script
from visdm.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FINE = "import torch\ndef build_model(config):\n    return torch.nn.Linear(2, config['classes'])\n"


@pytest.fixture
def validation(tmp_path: Path) -> Path:
    return stripes_package(tmp_path / "validation", 4, 0)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(JobError) as caught:
        act()
    return said(caught.value)


def built(path: Path, classes: int = 2) -> nn.Module:
    with builder(packages.read(path), classes) as build:
        return build(0)


def test_a_model_package_is_read_whole(tmp_path: Path, validation: Path) -> None:
    package = packages.read(model_package(tmp_path / "m", validation, settings=toml(mode="RGB")))
    assert package.config.name == "test model"
    assert package.shape == (3, 8, 8)
    assert list(package.sources) == ["model"]
    assert package.validation().samples == 4


@pytest.mark.parametrize("missing", ["visdm.toml", "validation.parquet"])
def test_a_package_that_lacks_a_file_is_refused_by_its_name(tmp_path: Path, missing: str) -> None:
    files = {"model.py": b"", "visdm.toml": toml(), "validation.parquet": b""}
    path = tar(tmp_path / "m", {name: c for name, c in files.items() if name != missing})
    assert refusal(lambda: packages.read(path)) == f"the model package has no {missing}"


@pytest.mark.parametrize(
    "name", ["../model.py", "sub/model.py", "weights.bin", "a-b.py", "x.py.py"]
)
def test_a_file_that_does_not_belong_is_refused(tmp_path: Path, name: str) -> None:
    path = tar(tmp_path / "m", {"visdm.toml": toml(), name: b""})
    assert refusal(lambda: packages.read(path)).endswith("weights.safetensors and Python source")
    assert "hold" in refusal(lambda: packages.read(path))


def test_a_link_in_a_package_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "m", "w") as archive:
        link = tarfile.TarInfo("model.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert "holds something else" in refusal(lambda: packages.read(tmp_path / "m"))


def test_a_file_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "m", "w") as archive:
        for content in (b"first", b"second"):
            member = tarfile.TarInfo("model.py")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert "holds something else" in refusal(lambda: packages.read(tmp_path / "m"))


@pytest.mark.parametrize("content", [b"", b"x" * 2000, b"\x1f\x8b" + bytes(600)])
def test_what_is_no_tar_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    assert refusal(lambda: packages.read(tmp_path / "m")).startswith("the model package ")


def test_settings_at_fault_are_hinted_at(tmp_path: Path, validation: Path) -> None:
    path = model_package(tmp_path / "m", validation, settings=toml(optimizer="magic"))
    with pytest.raises(JobError, match=r"visdm\.toml is at fault") as caught:
        packages.read(path)
    assert "training.optimizer" in caught.value.hint


def test_settings_that_are_no_toml_are_refused(tmp_path: Path, validation: Path) -> None:
    path = model_package(tmp_path / "m", validation, settings=b"= \xff")
    assert "visdm.toml or source cannot be read" in refusal(lambda: packages.read(path))


def test_a_module_that_is_not_there_is_refused(tmp_path: Path, validation: Path) -> None:
    settings = toml().replace(b'module = "model"', b'module = "other"')
    path = model_package(tmp_path / "m", validation, settings=settings)
    assert "does not hold the module" in refusal(lambda: packages.read(path))


def test_a_script_may_be_of_several_files_and_import_late(tmp_path: Path, validation: Path) -> None:
    late = "def build_model(config):\n    from layers import head\n    return head(config)\n"
    layers = "import torch\ndef head(config):\n    return torch.nn.Linear(1, config['classes'])\n"
    path = model_package(tmp_path / "m", validation, script=late, others={"layers.py": layers})
    network = built(path, 7)
    assert isinstance(network, nn.Linear)
    assert network.out_features == 7


def test_a_script_is_forgotten_before_the_next_one_comes() -> None:
    for answer in (1, 2):
        with script({"model": f"def build_model(config): return {answer}"}, "model") as found:
            assert found.build_model({}) == answer
            assert "model" in sys.modules
        assert "model" not in sys.modules
        assert not any(type(finder).__name__ == "_Sources" for finder in sys.meta_path)


def test_a_failure_in_a_script_points_to_its_line() -> None:
    source = "def build_model(config):\n    return 1 / 0  # here\n"
    with script({"model": source}, "model") as found, pytest.raises(ZeroDivisionError) as caught:
        found.build_model({})
    log = "".join(traceback.format_exception(caught.value))
    assert 'model-package/model.py", line 2, in build_model\n    return 1 / 0  # here' in log


@pytest.mark.parametrize("name", ["torch", "random", "json", "visdm", "antigravity"])
def test_a_script_may_not_take_the_place_of_an_installed_module(name: str) -> None:
    def enter() -> None:
        with script({"model": FINE, name: "boom = 1"}, "model"):
            pass

    assert "hide an installed one" in refusal(enter)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def build_model(config) return 1", "failed while it was imported (SyntaxError)"),
        ("import nothing_of_this_name", "failed while it was imported (ModuleNotFoundError)"),
        ("raise SystemExit(0)", "failed while it was imported (SystemExit)"),
        ("x = 1", "defines no build_model(config)"),
        ("build_model = 3", "defines no build_model(config)"),
        ("def build_model(): pass", "failed in build_model (TypeError)"),
        ("def build_model(c): return c['depth']", "failed in build_model (KeyError)"),
    ],
)
def test_a_script_that_does_not_do_its_part_is_told_why(
    tmp_path: Path, validation: Path, source: str, reason: str
) -> None:
    path = model_package(tmp_path / "m", validation, script=source)
    assert refusal(lambda: built(path)) == f"the model script {reason}"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def build_model(c): return 3", "did not return a torch.nn.Module"),
        (
            "import torch\ndef build_model(c): return torch.nn.ReLU()",
            "returned a network with nothing to train",
        ),
        (
            "import torch\ndef build_model(c): return torch.nn.LazyLinear(2)",
            "returned a network whose sizes are not settled",
        ),
    ],
)
def test_what_build_model_returns_must_be_a_network(
    tmp_path: Path, validation: Path, source: str, reason: str
) -> None:
    path = model_package(tmp_path / "m", validation, script=source)
    assert refusal(lambda: built(path)) == f"build_model {reason}"


def test_a_reason_never_quotes_the_script() -> None:
    class PixelsError(Exception):
        pass

    def say(error: BaseException) -> None:
        with blaming("while training"):
            raise error

    expected = "the model script failed while training"
    assert refusal(lambda: say(PixelsError("0 255 17"))) == expected
    assert refusal(lambda: say(JobError("0 255 17"))) == expected
    assert refusal(lambda: say(type("ValueError", (Exception,), {})("17"))) == expected
    assert refusal(lambda: say(ValueError("0 255 17"))) == f"{expected} (ValueError)"


def test_an_interrupt_is_not_blamed_on_the_script() -> None:
    with pytest.raises(KeyboardInterrupt), blaming("while training"):
        raise KeyboardInterrupt


def test_a_script_is_handed_its_table_and_what_the_platform_knows(
    tmp_path: Path, validation: Path
) -> None:
    source = """
import torch
def build_model(config):
    network = torch.nn.Linear(1, 1)
    network.seen = dict(config)
    config.clear()
    return network
"""
    path = model_package(tmp_path / "m", validation, script=source, settings=toml(mode="RGB"))
    with builder(packages.read(path), 5) as build:
        seen: list[Any] = [build(0).seen, build(0).seen]
    assert seen[0] == {"width": 8, "classes": 5, "channels": 3, "height": 8, "width_px": 8}
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["classes", "channels", "height", "width_px"])
def test_a_table_may_not_set_what_the_platform_sets(
    tmp_path: Path, validation: Path, name: str
) -> None:
    path = model_package(tmp_path / "m", validation, settings=toml() + f"{name} = 3\n".encode())
    with pytest.raises(JobError) as caught:
        built(path)
    assert caught.value.reason == "the model package's visdm.toml sets what the platform sets"
    assert caught.value.hint == "leave classes, channels, height, width_px out of its table config"


def test_released_weights_are_rounded_to_bfloat16_and_stored_so() -> None:
    linear = nn.Linear(3, 2)
    network = nn.Sequential(linear, nn.BatchNorm1d(2)).double()
    state = released(network)
    assert {name: dtype for name, (dtype, _) in specs(state).items()} == {
        "0.weight": "BF16",
        "0.bias": "BF16",
        "1.weight": "BF16",
        "1.bias": "BF16",
        "1.running_mean": "BF16",
        "1.running_var": "BF16",
        "1.num_batches_tracked": "I64",
    }
    weights = linear.weight.detach()
    assert torch.equal(state["0.weight"], weights.to(torch.bfloat16))
    assert not torch.equal(state["0.weight"].double(), weights)
    restore(network, state)
    assert torch.equal(linear.weight.detach(), state["0.weight"].double())
    assert all(torch.equal(value, state[name]) for name, value in released(network).items())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_are_not_released(value: float) -> None:
    network = nn.Linear(2, 2).double()
    with torch.no_grad():
        network.weight[0, 1] = value
    assert refusal(lambda: released(network)) == (
        "the training ended in weights that are not finite"
    )


def test_a_state_that_is_more_than_tensors_is_not_released() -> None:
    class Secretive(nn.Linear):
        def get_extra_state(self) -> object:
            return {"pixels": [1, 2, 3]}

    assert "something else than plain tensors" in refusal(lambda: released(Secretive(1, 1)))


def test_a_state_of_complex_numbers_is_not_released() -> None:
    network = nn.Linear(1, 1)
    network.register_buffer("waves", torch.zeros(2, dtype=torch.complex64))
    assert "of a type that is not released" in refusal(lambda: released(network))


def test_weights_of_another_network_do_not_fit() -> None:
    state = released(nn.Linear(3, 2))
    assert refusal(lambda: restore(nn.Linear(2, 3), state)) == "the weights do not fit the model"
    assert refusal(lambda: restore(nn.ReLU(), state)) == "the weights do not fit the model"
