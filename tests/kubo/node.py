"""An IPFS node of Kubo's documented RPC API: the commands that a store needs, over a dictionary.

Sources: docs.ipfs.tech/reference/kubo/rpc and the files named there under `core/commands`;
github.com/ipfs/go-ipfs-cmds, http/handler.go and http/responseemitter.go. `contract.json` holds
what of it is data; tests play that against this and, where there is one, a real node.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubo import gocar
from kubo.loopback import Exchange, Loopback
from visdm.adapters.blocks import car
from visdm.adapters.blocks.cid import DAG_PB, Cid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JSON = "application/json"
BIG_BLOCK = 1 << 21


class KuboError(Exception):
    """What a command ends with: status 500 before the answer began."""


@dataclass
class Repo:
    """What outlives the daemon."""

    blocks: dict[Cid, bytes] = field(default_factory=dict)
    pins: set[Cid] = field(default_factory=set)
    foreign_pins: list[str] = field(default_factory=list)
    """Pins of CIDs that are none of ours, as other people of the node make them."""
    online: bool = False
    """Whether a missing block is looked for on a network, where it never is."""

    def get(self, cid: Cid, *, offline: bool) -> bytes:
        if cid in self.blocks:
            return self.blocks[cid]
        if self.online and not offline:
            raise KuboError("context deadline exceeded")
        raise KuboError(f"block was not found locally (offline): ipld: could not find {cid}")

    def walk(self, root: Cid, *, offline: bool, seen: set[Cid]) -> Iterator[tuple[Cid, bytes]]:
        if root in seen:
            return
        seen.add(root)
        block = self.get(root, offline=offline)
        yield root, block
        if root.codec == DAG_PB:
            for link in gocar.decode_dag_pb(block):
                yield from self.walk(Cid.from_bytes(link), offline=offline, seen=seen)

    def content(self, root: Cid, *, offline: bool) -> bytes:
        block = self.get(root, offline=offline)
        if root.codec != DAG_PB:
            return block
        links = map(Cid.from_bytes, gocar.decode_dag_pb(block))
        return b"".join(self.content(link, offline=offline) for link in links)


class Call(Exchange):
    """One command."""

    server: Node

    def command_name(self) -> str:
        return super().command_name().removeprefix("/api/v0/")

    def answer(self) -> None:
        if self.command != "POST":
            self.send(405, b"405 - Method Not Allowed\n", Allow="OPTIONS, POST")
        elif "Origin" in self.headers:
            self.send(403, b"403 - Forbidden\n")
        elif (command := COMMANDS.get(self.command_name())) is None:
            self.send(404, b"404 page not found\n")
        elif command not in (version, dag_import, pin_ls) and "arg" not in self.arguments:
            self.send(400, b'argument "ipfs-path" is required\n')
        else:
            try:
                command(self)
            except (KuboError, gocar.RefusedError) as error:
                body = {"Message": str(error), "Code": 0, "Type": "error"}
                self.send(500, line(body), JSON)

    @property
    def cid(self) -> Cid:
        return Cid.parse(self.arguments["arg"].removeprefix("/ipfs/"))

    @property
    def offline(self) -> bool:
        return self.flag("offline")

    def flag(self, name: str, *, default: bool = False) -> bool:
        return self.arguments.get(name, str(default).lower()) == "true"

    def once(self, value: object) -> None:
        """Answer with one object (`cmds.EmitOnce`)."""
        self.send_chunks([line(value)], JSON)

    def stream(self, *values: object, trailer: str = "") -> None:
        """Answer with objects, a line each (`res.Emit`)."""
        self.send_chunks(map(line, values), JSON, trailer, X_Chunked_Output="1")

    def form_file(self) -> bytes:
        """Return the one file of a form, sent as the documentation says."""
        kind, _, boundary = self.headers["Content-Type"].partition("; boundary=")
        assert kind == "multipart/form-data"
        head, _, rest = self.read_body().partition(b"\r\n\r\n")
        content, _, tail = rest.rpartition(f"\r\n--{boundary}--".encode())
        assert head.startswith(f"--{boundary}\r\n".encode())
        assert b'name="file"; filename=' in head
        assert b"Content-Type: application/octet-stream" in head
        assert tail == b"\r\n"
        return content


def version(call: Call) -> None:
    call.once(
        {
            "Version": "0.39.0",
            "Commit": "",
            "Repo": "18",
            "System": "amd64/linux",
            "Golang": "go1.25.4",
        }
    )


def block_get(call: Call) -> None:
    block = call.server.repo.get(call.cid, offline=call.offline)
    call.send_chunks([block], "application/vnd.ipld.raw", X_Stream_Output="1")


def cat(call: Call) -> None:
    content = call.server.repo.content(call.cid, offline=call.offline)
    size = str(len(content))
    pieces = [content[at : at + (1 << 18)] for at in range(0, len(content), 1 << 18)]
    call.send_chunks(pieces, "text/plain", X_Stream_Output="1", X_Content_Length=size)


def dag_import(call: Call) -> None:
    repo, content = call.server.repo, call.form_file()
    most = gocar.MAX_SECTION if call.flag("allow-big-block") else BIG_BLOCK
    roots, blocks = gocar.read(content, most)
    count = size = 0
    taken = []
    for name, block in blocks:
        cid = Cid.from_bytes(name)
        repo.blocks.setdefault(cid, block)  # what is there already is not written again
        taken.append((cid, block))
        count, size = count + 1, size + len(block)
    archive = car.Archive(io.BytesIO(content))
    assert (list(map(bytes, archive.roots)), list(archive)) == (roots, taken), "readers differ"
    call.server.imported.append(taken)
    answers: list[object] = []
    if call.flag("pin-roots", default=True):
        for root in map(Cid.from_bytes, roots):
            list(repo.walk(root, offline=True, seen=set()))
            repo.pins.add(root)
            answers.append({"Root": {"Cid": {"/": str(root)}, "PinErrorMsg": ""}})
    if call.flag("stats"):
        answers.append({"Stats": {"BlockCount": count, "BlockBytesCount": size}})
    call.stream(*answers)


def pin_add(call: Call) -> None:
    repo, root = call.server.repo, call.cid
    done: dict[str, int] = {}
    try:
        blocks = [block for _, block in repo.walk(root, offline=call.offline, seen=set())]
        done = {"Progress": len(blocks), "Bytes": sum(map(len, blocks))}
    except KuboError as error:
        if call.flag("progress") and repo.online:
            # It has told of its progress for as long as it searched.
            return call.stream({"Progress": 1}, trailer=str(error))
        raise KuboError(f"pin: {error}") from None
    repo.pins.add(root)
    pinned = {"Pins": [str(root)]}
    return call.stream(done, pinned) if call.flag("progress") else call.once(pinned)


def pin_rm(call: Call) -> None:
    repo = call.server.repo
    if call.cid not in repo.pins:
        raise KuboError("not pinned or pinned indirectly")
    repo.pins.discard(call.cid)
    call.once({"Pins": [str(call.cid)]})


def pin_ls(call: Call) -> None:
    repo = call.server.repo
    pins = [*repo.foreign_pins, *map(str, repo.pins)]
    if call.arguments.get("type", "all") not in ("all", "recursive"):
        pins = []
    if call.flag("stream"):
        call.stream(*({"Cid": pin, "Type": "recursive"} for pin in pins))
    else:
        call.once({"Keys": {pin: {"Type": "recursive", "Name": ""} for pin in pins}})


def dag_stat(call: Call) -> None:
    walk = call.server.repo.walk(call.cid, offline=call.offline, seen=set())
    try:
        sizes = [len(block) for _, block in walk]
    except KuboError as error:
        raise KuboError(f"error traversing DAG: {error}") from None
    stat = {"Cid": str(call.cid), "Size": sum(sizes), "NumBlocks": len(sizes)}
    summary = {"UniqueBlocks": len(sizes), "TotalSize": sum(sizes), "Ratio": 1, "DagStats": [stat]}
    partial = [{"DagStats": [stat]}] if call.flag("progress", default=True) else []
    call.stream(*partial, summary)


COMMANDS: dict[str, Callable[[Call], None]] = {
    "version": version,
    "block/get": block_get,
    "cat": cat,
    "dag/import": dag_import,
    "dag/stat": dag_stat,
    "pin/add": pin_add,
    "pin/rm": pin_rm,
    "pin/ls": pin_ls,
}


class Node(Loopback):
    """The daemon over a repo."""

    exchange = Call

    def __init__(
        self, repo: Repo | None = None, address: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        self.repo = repo or Repo()
        self.imported: list[list[tuple[Cid, bytes]]] = []
        super().__init__(address)

    def again(self) -> Node:
        """Start the daemon anew where it was, as its owner does after a crash."""
        return Node(self.repo, ("127.0.0.1", self.server_address[1]))


def line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
