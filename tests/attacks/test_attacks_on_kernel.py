"""Calls that widen what a process may do, or that the kernel has had its worst holes in."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from attacks.hostile import Attack

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86-64"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can do all this outside"),
]

TRY = """
import ctypes, mmap, tempfile
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return libc.syscall(ctypes.c_long(number), *words)
def does():
    {does}
child = os.fork()
if child == 0:
    try:
        os._exit(0 if does() >= 0 else 1)
    finally:
        os._exit(1)
answer(os.waitpid(child, 0)[1] == 0)
"""

CALLS = {
    "unshare a user namespace": "return libc.unshare(0x10000000)",
    "unshare a mount namespace": "return libc.unshare(0x00020000)",
    "clone into a user namespace": """
        made = call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
        return made if made else os._exit(0)
        """,
    "clone3 into a user namespace": """
        words = (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, signal.SIGCHLD)
        made = call(435, ctypes.byref(words), ctypes.sizeof(words))
        return made if made else os._exit(0)
        """,
    "enter a namespace": "return libc.setns(os.open('/proc/self/ns/uts', os.O_RDONLY), 0)",
    "mount": """
        made = libc.unshare(0x00020000)
        made |= libc.mount(b"none", b"/", None, 1 << 18 | 1 << 14, None)
        return -abs(made | libc.mount(b"tmpfs", tempfile.mkdtemp().encode(), b"tmpfs", 0, None))
        """,
    "mount by the new interface": "return call(430, b'tmpfs', 0)",
    "change the root": "return libc.chroot(b'/')",
    "make a key": "return call(248, b'user', b'visdm-test', b'x', 1, -2)",
    "read a keyring": "return call(250, 0, -1, 1)",
    "load bpf": """
        words = (ctypes.c_uint32 * 32)(2, 4, 8, 1)
        return call(321, 0, ctypes.byref(words), 128)
        """,
    "count events of the processor": """
        words = (ctypes.c_uint32 * 32)(1, 128, 0)
        return call(298, ctypes.byref(words), 0, -1, -1, 0)
        """,
    "handle page faults": "return call(323, 0)",
    "make an io_uring": "return call(425, 1, ctypes.byref((ctypes.c_uint32 * 30)()))",
    "trace": "return libc.ptrace(0, 0, 0, 0)",
    "read another's memory": """
        text = ctypes.create_string_buffer(b"pixels", 8)
        into = ctypes.create_string_buffer(8)
        here = (ctypes.c_void_p * 2)(ctypes.addressof(into), 8)
        there = (ctypes.c_void_p * 2)(ctypes.addressof(text), 8)
        return call(310, os.getppid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        """,
    "switch randomisation off": "return libc.personality(0x0040000)",
    "hide memory in a file without a name": "return os.memfd_create('x')",
    "hide memory in a segment": "return libc.shmget(0, 4096, 0o1600)",
    "send by the kernel's routes": "return socket.socket(16, socket.SOCK_RAW).fileno()",
    "use the kernel's ciphers": "return socket.socket(38, socket.SOCK_SEQPACKET).fileno()",
    "talk to the machine below": "return socket.socket(40, socket.SOCK_STREAM).fileno()",
    "call as on an i386": """
        code = mmap.mmap(-1, 4096, prot=7)
        code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, getpid; int 0x80; ret
        at = ctypes.addressof(ctypes.c_char.from_buffer(code))
        return ctypes.CFUNCTYPE(ctypes.c_int)(at)()
        """,
}


@pytest.mark.parametrize("does", CALLS.values(), ids=CALLS)
def test_a_call_that_works_outside_is_refused(attack: Attack, does: str) -> None:
    lines = [line[8:] if line.startswith(" " * 8) else line for line in does.split("\n")]
    outside, inside = attack(TRY.replace("{does}", "\n    ".join(lines).strip()))
    if not outside:
        pytest.skip("this kernel does not let root do it either")
    assert inside is False
