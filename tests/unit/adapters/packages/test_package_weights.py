"""Weights in a model package: as a consumer brings them to have them tested."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save

from visdm.adapters.packages import archive
from visdm.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from visdm.ports import Packages

pytest_plugins = ("memory.package_fixtures",)

WEIGHTS = save({"a": torch.ones(2, 3), "b": torch.zeros(4)}, {"format": "pt"})


def headed(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_weights_are_packed_and_told_of(packages: Packages, model: Path, target: Path) -> None:
    plain = packages.build_model(model, target)
    (model / "weights.safetensors").write_bytes(WEIGHTS)
    found = packages.build_model(model, target)
    assert (plain.weights, found.weights) == (False, True)
    assert found.digest != plain.digest
    assert packages.inspect_model(target) == found
    first = target.read_bytes()
    packages.build_model(model, target)
    assert target.read_bytes() == first


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"pickle",
        WEIGHTS[:-1],
        WEIGHTS + b"\0",
        headed({}),
        headed([]),
        headed({"__metadata__": {}}),
        headed({"a": {"dtype": "F32"}}),
        headed({"a": {"data_offsets": [0]}}),
        headed({"a": {"data_offsets": [0, "8"]}}, bytes(8)),
        headed({"a": 7}),
        (1 << 40).to_bytes(8, "little") + bytes(8),
        (8).to_bytes(8, "little") + b"[" * 8,
        (6).to_bytes(8, "little") + b"\xff" * 6,
    ],
    ids=lambda content: f"{len(content)} bytes, {content[8:24]!r}",
)
def test_what_is_no_safetensors_file_is_refused_before_it_is_registered(
    packages: Packages, model: Path, target: Path, content: bytes
) -> None:
    (model / "weights.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.safetensors: is not a readable") as caught:
        packages.build_model(model, target)
    assert "save_file" in caught.value.hint
    assert list(target.parent.iterdir()) == []


def test_weights_that_are_too_large_are_refused(
    packages: Packages, model: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_WEIGHTS", len(WEIGHTS) - 1)
    (model / "weights.safetensors").write_bytes(WEIGHTS)
    with pytest.raises(ModelError, match=f"at most {len(WEIGHTS) - 1} are taken"):
        packages.build_model(model, target)
