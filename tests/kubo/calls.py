"""Each command that a store has of a node, and some of what may come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubo.loopback import says
from kubo.node import JSON, line
from visdm.adapters.blocks.cid import Cid

if TYPE_CHECKING:
    from collections.abc import Callable

    from visdm.adapters.blocks import Kubo

HELLO = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
CLOSED = says(500, line({"Message": "leveldb: closed", "Code": 0, "Type": "error"}), JSON)
PAGE = says(200, b"<html>welcome</html>", "text/html")
COMMANDS = ("block/get", "dag/import", "pin/add", "pin/rm", "pin/ls", "dag/stat")


def every(store: Kubo) -> dict[str, Callable[[], object]]:
    return {
        "block/get": lambda: store.read(HELLO),
        "dag/import": lambda: store.write(b"hello"),
        "pin/add": lambda: store.pin(Cid.parse(HELLO)),
        "pin/rm": lambda: store.drop(HELLO),
        "pin/ls": store.pins,
        "dag/stat": lambda: store.stat(HELLO),
    }
