"""The filter as the kernel runs it: a program of classic BPF over one call at a time.

The interpreter below is the part of `man 2 bpf` and `linux/filter.h` that filters use, so
that processors other than this machine's are tried too.
"""

from __future__ import annotations

import ctypes
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.adapters.sandboxes.seccomp import compiled_for

X86_64, I386, AARCH64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028
ALLOW, KILL, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050000 | 38
JUMPS = {0x15: int.__eq__, 0x25: int.__gt__, 0x35: int.__ge__, 0x45: int.__and__}
TIOCSTI, TIOCLINUX, FIOCLEX = 0x5412, 0x541C, 0x5451
NEWUSER, THREAD = 0x10000000, 0x003D0F00

NATIVE = {X86_64: "x86_64", AARCH64: "aarch64"}
FILTERS = {
    audit: list(struct.iter_unpack("<HBBI", compiled_for(name))) for audit, name in NATIVE.items()
}


def verdict(native: int, call: int, *arguments: int, processor: int | None = None) -> int:
    """Return what the filter of the processor `native` says to a call."""
    processor = native if processor is None else processor
    data = struct.pack("<IIQ6Q", call, processor, 0, *(*arguments, *[0] * (6 - len(arguments))))
    program, at, a = FILTERS[native], 0, 0
    while True:
        code, yes, no, k = program[at]
        at += 1
        if code == 0x20:
            a = struct.unpack_from("<I", data, k)[0]
        elif code == 0x54:
            a &= k
        elif code == 0x05:
            at += k
        elif code in JUMPS:
            at += yes if JUMPS[code](a, k) else no
        else:
            assert code == 0x06
            return int(k)


def number(name: str, processor: str) -> int:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    arch = library.seccomp_arch_resolve_name(processor.encode())
    found: int = library.seccomp_syscall_resolve_name_arch(ctypes.c_uint32(arch), name.encode())
    return found


@pytest.fixture(params=NATIVE)
def native(request: pytest.FixtureRequest) -> int:
    audit: int = request.param
    return audit


@pytest.mark.parametrize(
    "name",
    [
        *("unshare", "setns", "clone3", "mount", "umount2", "fsopen", "move_mount", "open_tree"),
        *("mount_setattr", "pivot_root", "chroot", "add_key", "keyctl", "request_key", "bpf"),
        *("perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "ptrace"),
        *("io_uring_register", "process_vm_readv", "process_vm_writev", "process_madvise"),
        *("pidfd_getfd", "kcmp", "kexec_load", "kexec_file_load", "init_module", "finit_module"),
        *("delete_module", "swapon", "swapoff", "reboot", "quotactl", "quotactl_fd", "acct"),
        *("personality", "memfd_create", "memfd_secret", "shmget", "shmat", "msgget", "semget"),
        *("mq_open", "setuid", "setgid", "setresuid", "setgroups", "capset", "seccomp"),
        *("syslog", "name_to_handle_at", "open_by_handle_at", "fanotify_init", "settimeofday"),
        *("clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname"),
        *("execveat", "vmsplice", "landlock_create_ruleset", "mbind", "move_pages"),
        *("setxattr", "fchown", "fchownat", "io_setup", "ioprio_set", "vhangup", "nfsservctl"),
    ],
)
def test_a_call_that_no_program_needs_is_refused(native: int, name: str) -> None:
    call = number(name, NATIVE[native])
    assert call >= 0
    assert verdict(native, call) == ENOSYS


@pytest.mark.parametrize("name", ["read", "openat", "mmap", "futex", "execve", "exit_group"])
def test_a_call_that_all_programs_need_is_let_through(native: int, name: str) -> None:
    assert verdict(native, number(name, NATIVE[native])) == ALLOW


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("clone", [(THREAD,), (17,)], [(17 | NEWUSER,), (17 | 0x80,), (17 | 0x40000000,)]),
        ("ioctl", [(0, FIOCLEX)], [(0, TIOCSTI), (0, TIOCLINUX), (0, TIOCSTI | 1 << 32)]),
        ("prctl", [(15,), (38, 1)], [(22, 2), (36, 1), (47, 2), (59,)]),
        ("socket", [(socket.AF_UNIX, 1)], [(2, 1), (10, 2), (16, 3), (17, 3), (38, 5), (40, 1)]),
        ("mknodat", [(0, 0, 0o010600)], [(0, 0, 0o020600), (0, 0, 0o060600), (0, 0, 0o140600)]),
    ],
)
def test_a_call_is_judged_by_its_arguments(
    native: int, name: str, good: list[tuple[int, ...]], bad: list[tuple[int, ...]]
) -> None:
    call = number(name, NATIVE[native])
    assert {verdict(native, call, *arguments) for arguments in good} == {ALLOW}
    assert {verdict(native, call, *arguments) for arguments in bad} == {ENOSYS}


@given(call=st.integers(0, 2**32 - 1), processor=st.integers(0, 2**32 - 1))
def test_no_call_of_another_processor_is_let_through(call: int, processor: int) -> None:
    for native in NATIVE:
        if processor != native:
            assert verdict(native, call, processor=processor) == KILL


@given(st.integers(0x40000000, 2**32 - 2))
def test_no_x32_call_is_let_through(call: int) -> None:
    assert verdict(X86_64, call) == KILL


@given(st.integers(470, 0x3FFFFFFF), st.sampled_from([*NATIVE]))
def test_a_call_that_is_yet_to_come_is_refused(call: int, native: int) -> None:
    assert verdict(native, call) == ENOSYS
