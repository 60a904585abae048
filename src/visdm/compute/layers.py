"""The layers of a network, as owners are shown them.

A layer is a module that holds no other, or has weights of its own. Its name and type are the
script's words: they are cut, and what cannot be shown in them is marked.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from visdm.domain.profiles import MAX_LAYERS, MAX_WORD

if TYPE_CHECKING:
    from collections.abc import Iterator

UNSHOWN = "\ufffd"


def layers_of(network: nn.Module) -> dict[str, nn.Module]:
    """Return the layers by name, in the network's order."""
    return {
        name: module
        for name, module in nn.Module.named_modules(network)
        if not any(True for _ in module.children()) or _own(module)
    }


@contextmanager
def listening(network: nn.Module) -> Iterator[dict[str, list[int]]]:
    """Yield a dict that gets the shape of what each layer answers, as it answers."""
    heard: dict[str, list[int]] = {}
    hooks = []

    def hook(name: str) -> Any:  # noqa: ANN401 - torch's own type for a hook
        def hear(_module: nn.Module, _args: object, answer: object) -> None:
            if isinstance(answer, tuple | list) and answer:
                answer = answer[0]
            if isinstance(answer, Tensor):
                heard[name] = list(answer.shape)

        return hear

    for name, module in layers_of(network).items():
        hooks.append(module.register_forward_hook(hook(name)))
    try:
        yield heard
    finally:
        for each in hooks:
            each.remove()


def listed(network: nn.Module, heard: dict[str, list[int]]) -> list[dict[str, Any]]:
    """Return the first `MAX_LAYERS` layers, with weights of their own and shape per batch."""
    return [
        {
            "name": shown(name),
            "type": shown(type(module).__name__),
            "parameters": _own(module),
            "output": heard.get(name),
        }
        for name, module in list(layers_of(network).items())[:MAX_LAYERS]
    ]


def shown(word: str) -> str:
    """Return a script's word, cut, with marks for what cannot be shown."""
    cut = word if len(word) <= MAX_WORD else word[: MAX_WORD - 1] + "…"
    return "".join(char if char.isprintable() else UNSHOWN for char in cut)


def _own(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters(recurse=False))
