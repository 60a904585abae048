"""No network of the host can be reached from inside."""

from __future__ import annotations

import secrets
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unit.adapters.bubblewrap.attacks import Attack


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


def test_a_tcp_server_of_the_host_is_out_of_reach(attack: Attack) -> None:
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as server:
        outside, inside = attack(
            """
            try:
                with socket.create_connection(("127.0.0.1", given["port"]), 5) as peer:
                    answer(peer.recv(9).decode())
            except OSError as error:
                answer(type(error).__name__)
            """,
            port=server.getsockname()[1],
        )
    assert outside == "hello"
    assert inside == "ConnectionRefusedError"


def test_an_abstract_socket_of_the_host_is_out_of_reach(attack: Attack) -> None:
    name = f"visdm-{secrets.token_hex(8)}"
    with listening(socket.AF_UNIX, f"\0{name}"):
        outside, inside = attack(
            """
            with socket.socket(socket.AF_UNIX) as peer:
                try:
                    peer.connect("\\0" + given["name"])
                    answer(peer.recv(9).decode())
                except OSError as error:
                    answer(type(error).__name__)
            """,
            name=name,
        )
    assert outside == "hello"
    assert inside == "ConnectionRefusedError"


def test_there_is_no_interface_but_a_loopback_of_its_own(attack: Attack) -> None:
    outside, inside = attack("answer([name for _, name in socket.if_nameindex()])")
    if len(outside) == 1:
        pytest.skip("this machine has no network to be kept away from")
    assert inside == ["lo"]


def test_a_datagram_to_the_world_has_no_route(attack: Attack) -> None:
    outside, inside = attack(
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            answer(tries(lambda: peer.connect(("192.0.2.1", 53))))
        """
    )
    if outside != "done":
        pytest.skip("this machine has no route to be kept away from")
    assert inside == "OSError"
