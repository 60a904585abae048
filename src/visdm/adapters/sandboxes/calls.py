"""The system calls that a job may make: what Python, numpy, Arrow and torch need, and no more.

An allow-list, since a deny-list is out of date with every kernel. Left out on purpose are
all that make or enter namespaces, mount, load code into the kernel, trace or read other
processes, hold memory that no process maps (memory files, System V segments) or that
deleted files would hide, keyrings, io_uring, bpf, perf, userfaultfd, and the calls of a
privileged account. Sources: `man 2 syscalls`, systemd's `@system-service`, and the list of
kernel calls that container runtimes refuse by default (docs.docker.com, "Seccomp security
profiles for Docker").
"""

from __future__ import annotations

import errno
import socket
import stat
from typing import NamedTuple

FILES = (
    *("read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev"),
    *("preadv2", "pwritev2", "lseek", "_llseek", "sendfile", "copy_file_range"),
    *("open", "openat", "openat2", "creat", "close", "close_range"),
    *("dup", "dup2", "dup3", "fcntl", "flock", "umask"),
    *("stat", "fstat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2"),
    *("statfs", "fstatfs", "getdents", "getdents64", "getcwd", "chdir", "fchdir"),
    *("readlink", "readlinkat", "link", "linkat", "symlink", "symlinkat"),
    *("unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2"),
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "utimensat", "futimesat"),
    *("truncate", "ftruncate", "fallocate", "fadvise64", "readahead"),
    *("fsync", "fdatasync", "sync_file_range"),
    *("getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr"),
)
MEMORY = (
    *("brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "mincore", "msync"),
    *("mlock", "mlock2", "munlock", "membarrier", "map_shadow_stack", "mseal"),
)
PROCESSES = (
    *("execve", "exit", "exit_group", "fork", "vfork", "wait4", "waitid"),
    *("getpid", "gettid", "getppid", "getpgrp", "getpgid", "setpgid", "getsid", "setsid"),
    *("getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups"),
    *("set_tid_address", "set_robust_list", "get_robust_list", "rseq", "arch_prctl"),
    *("futex", "futex_waitv", "futex_wake", "futex_wait", "futex_requeue", "capget"),
    *("kill", "tkill", "tgkill", "pidfd_open", "pidfd_send_signal", "uname", "sysinfo"),
    *("getrlimit", "setrlimit", "prlimit64", "getrusage", "times", "getpriority", "setpriority"),
    *("sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "getcpu"),
    *("sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min"),
)
SIGNALS_AND_TIME = (
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend"),
    *("rt_sigtimedwait", "rt_sigqueueinfo", "sigaltstack", "signalfd", "signalfd4"),
    *("restart_syscall", "pause", "alarm", "nanosleep", "clock_nanosleep", "time"),
    *("gettimeofday", "clock_gettime", "clock_getres", "getitimer", "setitimer"),
    *("timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete"),
    *("timerfd_create", "timerfd_settime", "timerfd_gettime", "getrandom"),
)
TALKING = (
    *("poll", "ppoll", "select", "pselect6", "pipe", "pipe2", "eventfd", "eventfd2"),
    *("epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2"),
    *("bind", "connect", "listen", "accept", "accept4", "shutdown"),
    *("getsockname", "getpeername", "getsockopt", "setsockopt"),
    *("sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg"),
)
ALLOWED = (*FILES, *MEMORY, *PROCESSES, *SIGNALS_AND_TIME, *TALKING)
"""Calls that may be made with any arguments; a kernel or processor may lack some."""


class Only(NamedTuple):
    """A call that may be made only where `argument & mask == value`."""

    call: str
    argument: int
    mask: int
    value: int


_INT = 0xFFFF_FFFF
"""The kernel reads an `int`, whatever is in the upper half of the register."""

_KIND = 0o170000
"""The bits of a mode that tell a pipe from a device."""

_NAMESPACES = 0x7E02_0080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME."""

# FIOCLEX, FIONCLEX, FIONBIO, FIONREAD, TCGETS, TCGETS2, TIOCGWINSZ, TIOCGPGRP; and so
# neither TIOCSTI nor TIOCLINUX, which type into somebody's terminal.
_IOCTLS = (0x5451, 0x5450, 0x5421, 0x541B, 0x5401, 0x802C542A, 0x5413, 0x540F)

# PDEATHSIG, DUMPABLE and NAME (set and get), NO_NEW_PRIVS (set and get), CAPBSET_READ, and
# PR_SET_VMA, by which the C library names its memory.
_PRCTLS = (1, 2, 3, 4, 15, 16, 23, 38, 39, 0x53564D41)

CONDITIONED = (
    Only("clone", 0, _NAMESPACES, 0),
    *(Only("ioctl", 1, _INT, request) for request in _IOCTLS),
    *(Only("prctl", 0, _INT, option) for option in _PRCTLS),
    *(Only(call, 0, _INT, socket.AF_UNIX) for call in ("socket", "socketpair")),
    Only("mknod", 1, _KIND, stat.S_IFIFO),
    Only("mknodat", 2, _KIND, stat.S_IFIFO),
)
"""Calls that may be made only so: processes and threads but no namespaces, plain requests,
sockets to processes of the job alone (its network is empty anyway), pipes but no devices."""

REFUSAL = errno.ENOSYS
"""What every other call fails with: programs take it for an older kernel and do without."""
