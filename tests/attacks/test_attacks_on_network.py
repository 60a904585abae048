"""No network, of the host or beyond it, can be reached from inside."""

from __future__ import annotations

import secrets
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attacks.hostile import Attack


REFUSALS = {"OSError", "ConnectionRefusedError", "FileNotFoundError", "PermissionError"}


@contextmanager
def listening(
    family: socket.AddressFamily, address: tuple[str, int] | str
) -> Iterator[socket.socket]:
    """A server of the host that greets whoever connects."""

    def greet() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                peer.sendall(b"hello")

    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind(address)
        server.listen()
        thread = threading.Thread(target=greet)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


CONNECT = """
try:
    with socket.socket(getattr(socket, given["family"])) as peer:
        peer.settimeout(5)
        peer.connect(given["address"] if given["name"] is None else "\\0" + given["name"])
        answer(peer.recv(9).decode())
except OSError as error:
    answer(type(error).__name__)
"""


def test_a_tcp_server_of_the_host_is_out_of_reach(attack: Attack) -> None:
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as server:
        script = CONNECT.replace('given["address"]', 'tuple(given["address"])')
        outside, inside = attack(script, family="AF_INET", address=server.getsockname(), name=None)
    assert outside == "hello"
    assert inside in REFUSALS


def test_an_abstract_socket_of_the_host_is_out_of_reach(attack: Attack) -> None:
    name = f"visdm-{secrets.token_hex(8)}"
    with listening(socket.AF_UNIX, f"\0{name}"):
        outside, inside = attack(CONNECT, family="AF_UNIX", name=name)
    assert outside == "hello"
    assert inside in REFUSALS


def test_a_socket_file_of_the_host_is_out_of_reach(attack: Attack, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with listening(socket.AF_UNIX, path):
        outside, inside = attack(CONNECT, family="AF_UNIX", address=path, name=None)
    assert outside == "hello"
    assert inside in REFUSALS


def test_a_datagram_does_not_reach_the_host(attack: Attack) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)
        send = """
            def send():
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                    peer.sendto(b"pixels", ("127.0.0.1", given["port"]))
            answer(tries(send))
            """
        outside, _ = attack(send, port=server.getsockname()[1])
        came = [server.recv(9)]
        with pytest.raises(TimeoutError):
            came.append(server.recv(9))
    assert outside == "done"
    assert came == [b"pixels"]  # the one from outside


def test_no_name_is_resolved_by_a_server_of_the_host(attack: Attack) -> None:
    """A query for a name is a message too, to whoever serves names."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        served = threading.Thread(target=_serve_one_name, args=(server,))
        served.start()
        resolve = """
            import struct
            def resolve():
                name = b"".join(bytes([len(part)]) + part for part in (b"pixels", b"test")) + b"\\0"
                query = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                    peer.settimeout(2)
                    peer.connect(("127.0.0.1", given["port"]))
                    peer.send(query)
                    assert peer.recv(512)[-4:] == bytes([192, 0, 2, 7])
            answer(tries(resolve))
            """
        outside, inside = attack(resolve, port=server.getsockname()[1])
        served.join()
    assert outside == "done"
    assert inside in REFUSALS


def _serve_one_name(server: socket.socket) -> None:
    query, peer = server.recvfrom(512)
    record = bytes.fromhex("c00c00010001000000000004c0000207")
    server.sendto(query[:2] + bytes.fromhex("81800001000100000000") + query[12:] + record, peer)


def test_no_other_network_is_in_reach(attack: Attack) -> None:
    outside, inside = attack(
        """
        def connect():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.connect(("192.0.2.1", 53))
        answer(tries(connect))
        """
    )
    if outside != "done":
        pytest.skip("this machine has no route to be kept away from")
    assert inside in REFUSALS


def test_no_interface_of_the_host_can_be_seen(attack: Attack) -> None:
    outside, inside = attack("answer(open('/proc/net/dev').read())")
    names = {line.split(":")[0].strip() for line in outside.splitlines() if ":" in line} - {"lo"}
    if not names:
        pytest.skip("this machine has no network to be kept away from")
    assert not {name for name in names if name in inside}
