"""Model folders that cannot be packed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from memory.pictures import GOOD, SOURCE, TOML, fill, stranger
from visdm.adapters.packages import archive, syntax
from visdm.errors import (
    FolderError,
    ModelError,
    UserError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)


def model_fault(packages: Packages, folder: Path, target: Path) -> UserError:
    with pytest.raises((ModelError, FolderError)) as caught:
        packages.build_model(folder, target)
    assert list(target.parent.iterdir()) == []
    assert caught.value.message.isprintable()
    error: UserError = caught.value
    return error


@pytest.mark.parametrize("name", ["weights.pt", "notes.txt", "my-model.py", "a.b.py", "class.py"])
def test_a_file_that_does_not_belong_is_named(
    packages: Packages, model: Path, target: Path, name: str
) -> None:
    fill(model, {name: b"x = 1"})
    error = model_fault(packages, model, target)
    assert f"{name} does not belong in a model package" in error.message


def test_a_folder_or_link_in_a_model_folder_is_named(
    packages: Packages, model: Path, target: Path
) -> None:
    fill(model, {"layers/conv.py": b""})
    assert "layers is not a regular file" in model_fault(packages, model, target).message
    (model / "layers" / "conv.py").rename(model / "conv.py")
    (model / "layers").rmdir()
    (model / "link.py").symlink_to("model.py")
    assert "link.py is not a regular file" in model_fault(packages, model, target).message


@pytest.mark.parametrize("name", ["visdm.toml", "validation.parquet", "model.py"])
def test_a_missing_part_is_named(packages: Packages, model: Path, target: Path, name: str) -> None:
    (model / name).unlink()
    assert name in model_fault(packages, model, target).message


def test_a_missing_or_empty_model_folder_is_refused(
    packages: Packages, tmp_path: Path, target: Path
) -> None:
    assert "does not exist" in model_fault(packages, tmp_path / "gone", target).message
    (tmp_path / "empty").mkdir()
    assert "is empty" in model_fault(packages, tmp_path / "empty", target).message


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "does not define build_model"),
        ("build_model = 7", "does not define build_model"),
        ("from net import build_model", "does not define build_model"),
        ("class A:\n  def build_model(config): ...", "does not define build_model"),
        ("def build_model(): ...", "does not take exactly the config"),
        ("def build_model(a, b): ...", "does not take exactly the config"),
        ("def build_model(a, *, b): ...", "does not take exactly the config"),
        ("def build_model(a): ...\ndef build_model(): ...", "does not take exactly the config"),
        ("x = 1\ndef build_model(:", "line 2 is not Python"),
        ("x = " + "-" * 300_000 + "1", "cannot be parsed as Python"),
        ("a" + ".b" * 300_000, "cannot be parsed as Python"),
        ("\0", "is not Python|cannot be parsed"),
    ],
)
def test_a_module_without_a_builder_is_refused(
    packages: Packages, model: Path, target: Path, source: str, problem: str
) -> None:
    fill(model, {"model.py": source.encode()})
    with pytest.raises(ModelError, match=f"model.py: .*({problem})"):
        packages.build_model(model, target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    "source",
    [
        "def build_model(config, width=3): ...",
        "def build_model(config, /, *, width=3, **more): ...",
        "def build_model(*all): ...",
        "def build_model(): ...\ndef build_model(config): ...",
        "'\\d'\ndef build_model(config): ...",
    ],
)
def test_a_builder_that_takes_the_config_is_accepted(
    packages: Packages, model: Path, target: Path, source: str
) -> None:
    fill(model, {"model.py": source.encode()})
    assert packages.build_model(model, target).name == "digits CNN"


def test_the_source_of_a_model_is_never_run(
    packages: Packages, model: Path, target: Path, tmp_path: Path
) -> None:
    trap = f"open({str(tmp_path / 'trapped')!r}, 'w')\n"
    fill(model, {"model.py": (trap + SOURCE).encode(), "other.py": trap.encode()})
    packages.build_model(model, target)
    packages.inspect_model(target)
    assert not (tmp_path / "trapped").exists()


def test_deep_source_is_refused_where_a_library_raised_the_recursion_limit() -> None:
    program = (
        "import sys; sys.setrecursionlimit(10**6)\n"
        "from visdm.adapters.packages.syntax import judge\n"
        "sources = {'a.py': b'x = 1', 'b.py': b'x' + b'.y' * 400_000, 'c.py': b'x = 2'}\n"
        "print(*judge(sources, module='model.py', builder='build_model'))"
    )
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    assert said.stdout == "b.py cannot be parsed as Python\n"


def test_a_parser_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "SECONDS", 0.001)
    assert syntax.judge({"a.py": b"x = 1"}, module="", builder="") == (
        "its source",
        syntax.UNPARSED,
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"name = ", "is not TOML"),
        (b"\xff", "is not TOML in UTF-8"),
        (b"a = " + b"[" * 50_000, "is not TOML"),
        (b"a = 1" + b"0" * 5000, "is not TOML"),
        (TOML.replace("epochs = 8", "epochs = 0").encode(), "training.epochs"),
        (TOML.replace('"model"', '"net"').encode(), "module: there is no net.py"),
        (TOML.replace('"model"', '"../model"').encode(), "module must name a Python module"),
    ],
)
def test_a_faulty_toml_is_refused(
    packages: Packages, model: Path, target: Path, content: bytes, problem: str
) -> None:
    fill(model, {"visdm.toml": content})
    error = model_fault(packages, model, target)
    assert problem in error.message
    assert error.message.startswith("visdm.toml: ")


def test_validation_images_are_checked_too(packages: Packages, model: Path, target: Path) -> None:
    fill(model, {"validation.parquet": b"words"})
    assert "validation.parquet: is damaged" in model_fault(packages, model, target).message
    stranger(model / "validation.parquet", shown=[GOOD[0], b"words"], labels=[0, 1])
    message = model_fault(packages, model, target).message
    assert message == "validation.parquet: row 1: is not an image"


def test_files_above_their_limit_are_named(
    packages: Packages, model: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(model, {"net.py": b"#" * (archive.MAX_TEXT + 1)})
    message = model_fault(packages, model, target).message
    assert message == "net.py: has 1048577 bytes; at most 1048576 are taken"
    (model / "net.py").unlink()
    monkeypatch.setattr(archive, "MAX_VALIDATION", 100)
    assert "validation.parquet: has" in model_fault(packages, model, target).message
