"""What a network costs: floating point operations, and memory at the peak.

Both are found by running it on tensors that have a shape and no numbers (`FakeTensorMode` of
torch), so that a batch of any size takes no memory. A network that looks at its numbers cannot
be run so; then it runs on real ones. Memory is that of tensors alive at the same time: weights,
gradients, the optimizer's state, activations, the images of the batch, and the copy that a
convolution makes. Not covered: other scratch space inside single operations, the libraries
themselves, and what an allocator keeps back.
Operations are those of matrix products, convolutions and attention, a multiply-add as two
(`torch.utils.flop_counter`); the rest of a network is small beside them.
"""

from __future__ import annotations

import copy
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode

from visdm.compute.scripts import blaming
from visdm.compute.training import learn, optimizer, prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from visdm.compute.model_package import ModelPackage

STEPS = 2
"""Training steps watched: from the second on the optimizer's state is there from the start."""

REORDERING = (torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default)
"""Operations that copy the largest tensor they read into a layout of their own, while they last."""


@dataclass(frozen=True)
class Costs:
    """Operations for one image, forward and in training; bytes at the peak.

    `inference` is for one image, `inference_batch` and `training` for a batch of the size that
    the package's settings name. `traced` says what it ran on: `fake` tensors or `real` ones.
    """

    forward: float
    step: float
    training: int
    inference: int
    inference_batch: int
    traced: str


class Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Counts the bytes of storages that are alive, and remembers the most there ever were."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.alive: int = 0
        self.peak: int = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's own signature
        types: Any,  # noqa: ANN401 - as above
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - as above
        """Run one operation and count what it made."""
        answer = func(*args, **(kwargs or {}))
        for made in tree_iter(answer):
            if isinstance(made, Tensor):
                self.hold(made)
        if func in REORDERING:
            read = (each.nbytes for each in tree_iter(args) if isinstance(each, Tensor))
            self.peak = max(self.peak, self.alive + max(read, default=0))
        return answer

    def hold(self, tensor: Tensor) -> None:
        """Count a tensor's storage, once, for as long as it lives."""
        storage = tensor.untyped_storage()
        if storage in self._known:
            return
        self._known.add(storage)
        size = int(storage.nbytes())
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._release, size).atexit = False

    def _release(self, size: int) -> None:
        self.alive -= size


def costs(network: nn.Module, model: ModelPackage, classes: int) -> Costs:
    """Return what a network costs. Raises `JobError` where it fails on real tensors too."""
    with blaming("on synthetic images"), _in_single_operations():
        try:
            with FakeTensorMode(allow_non_fake_inputs=True) as mode:
                return _costs(_imitation(network, mode), model, classes, "fake")
        except Exception:  # noqa: BLE001 - a script may look at numbers in many ways
            return _costs(copy.deepcopy(network), model, classes, "real")


@contextmanager
def _in_single_operations() -> Iterator[None]:
    """Have encoder layers run in pieces: as one operation nothing in them would be counted."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _imitation(network: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """Return a copy whose weights have no numbers; ties between them stay."""
    twins: dict[int, Any] = {}
    for weight in network.parameters():
        fake = mode.from_tensor(weight.detach())
        twins[id(weight)] = nn.Parameter(fake, weight.requires_grad)
    for buffer in network.buffers():
        twins[id(buffer)] = mode.from_tensor(buffer)
    return copy.deepcopy(network, twins)


def _costs(network: nn.Module, model: ModelPackage, classes: int, traced: str) -> Costs:
    batch = model.config.batch
    network.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(prepared(_images(model, 1)))
    forward = float(counter.get_total_flops())
    inference, inference_batch = _inference(network, model, 1), _inference(network, model, batch)
    network.train()
    step, training = _training(network, model, classes)
    return Costs(forward, step / batch, training, inference, inference_batch, traced)


def _inference(network: nn.Module, model: ModelPackage, batch: int) -> int:
    with Allocations() as seen, torch.no_grad():
        _hold(seen, network)
        network(prepared(_images(model, batch)))
    return int(seen.peak)


def _training(network: nn.Module, model: ModelPackage, classes: int) -> tuple[float, int]:
    """Return operations of one step, and bytes at the peak of several."""
    batch = model.config.batch
    with Allocations() as seen:
        _hold(seen, network)
        descent = optimizer(network, model.config)
        for _ in range(STEPS):
            learn(network, descent, _images(model, batch), _labels(batch, classes))
        images, labels = _images(model, batch), _labels(batch, classes)
    with FlopCounterMode(display=False) as counter:
        learn(network, descent, images, labels)
    return float(counter.get_total_flops()), seen.peak


def _hold(seen: Allocations, network: nn.Module) -> None:
    for tensor in (*network.parameters(), *network.buffers()):
        seen.hold(tensor)


def _images(model: ModelPackage, batch: int) -> Tensor:
    return torch.randint(0, 256, (batch, *model.shape), dtype=torch.uint8)


def _labels(batch: int, classes: int) -> Tensor:
    return torch.arange(batch) % classes
