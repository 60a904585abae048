"""A node on loopback that tests may spoil."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubo.daemon import quick
from kubo.loopback import running
from kubo.node import Node
from visdm.adapters.blocks import Kubo

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def node() -> Iterator[Node]:
    with running(Node()) as node:
        yield node


@pytest.fixture
def store(node: Node) -> Kubo:
    store = Kubo(node.url, search=0, pinning=0.1, patience=quick(read=0.3))
    store.write(b"hello")
    node.asked.clear()
    return store
