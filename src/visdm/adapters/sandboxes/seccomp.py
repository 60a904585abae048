"""Compiles the list of `calls` into the kernel's form, with the C library libseccomp.

libseccomp knows the numbers that calls have on each processor, refuses foreign ones (i386
and x32 calls on x86-64 end the process) and lays the comparisons out as a binary tree.
Functions and constants are those of its header, `seccomp.h`, version 2.5.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import TYPE_CHECKING

from visdm.adapters.sandboxes.calls import ALLOWED, CONDITIONED, REFUSAL
from visdm.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALLOW = 0x7FFF_0000
_KILL_PROCESS = 0x8000_0000
_ERRNO = 0x0005_0000
_BADARCH = 2
_OPTIMIZE = 8
_MASKED_EQUAL = 7
_UNKNOWN = -1


class _Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp`."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operation", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


@cache
def compiled() -> bytes:
    """Return the filter of this machine's processor, an array of `struct sock_filter`.

    Raises `SandboxError` where libseccomp is missing.
    """
    return compiled_for(None)


def compiled_for(processor: str | None) -> bytes:
    """Return the filter of a processor by libseccomp's name of it, such as `aarch64`."""
    library = _library()
    context = library.seccomp_init(_ERRNO | REFUSAL)
    try:
        if processor is not None:
            native = library.seccomp_arch_native()
            other = library.seccomp_arch_resolve_name(processor.encode())
            if other != native:
                _must(library.seccomp_arch_add(context, other))
                _must(library.seccomp_arch_remove(context, native))
        _must(library.seccomp_attr_set(context, _BADARCH, _KILL_PROCESS))
        _must(library.seccomp_attr_set(context, _OPTIMIZE, 2))
        for call in ALLOWED:
            _allow(library, context, call)
        for only in CONDITIONED:
            test = _Comparison(only.argument, _MASKED_EQUAL, only.mask, only.value)
            _allow(library, context, only.call, (test,))
        return _exported(library, context)
    finally:
        library.seccomp_release(context)


def _allow(
    library: ctypes.CDLL, context: int, call: str, tests: Sequence[_Comparison] = ()
) -> None:
    """Add a rule; a call that this libseccomp does not know stays refused."""
    number = library.seccomp_syscall_resolve_name(call.encode())
    if number != _UNKNOWN:
        array = (_Comparison * max(1, len(tests)))(*tests)
        _must(library.seccomp_rule_add_array(context, _ALLOW, number, len(tests), array))


def _exported(library: ctypes.CDLL, context: int) -> bytes:
    file = os.memfd_create("filter")
    try:
        _must(library.seccomp_export_bpf(context, file))
        return os.pread(file, os.fstat(file).st_size, 0)
    finally:
        os.close(file)


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        message, hint = "libseccomp is missing", "install the package libseccomp2"
        raise SandboxError(message, hint=hint) from None
    pointer, word, text = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p
    rule = [pointer, word, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Comparison)]
    for name, result, arguments in (
        ("init", pointer, [word]),
        ("release", None, [pointer]),
        ("arch_native", word, []),
        ("arch_resolve_name", word, [text]),
        ("arch_add", ctypes.c_int, [pointer, word]),
        ("arch_remove", ctypes.c_int, [pointer, word]),
        ("attr_set", ctypes.c_int, [pointer, ctypes.c_int, word]),
        ("syscall_resolve_name", ctypes.c_int, [text]),
        ("rule_add_array", ctypes.c_int, rule),
        ("export_bpf", ctypes.c_int, [pointer, ctypes.c_int]),
    ):
        function = getattr(library, f"seccomp_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def _must(code: int) -> None:
    if code:
        reason = os.strerror(-code)
        raise SandboxError(f"libseccomp cannot make the filter: {reason}", hint="see its version")
