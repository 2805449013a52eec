#!/usr/bin/env python3
"""Runs a command under the limits that Docker gives a container by default, without Docker: mount,
PID, IPC and UTS namespaces of its own, the 14 capabilities of the default bounding set, and a seccomp
filter that refuses what the default profile keeps for other capabilities. The file system, the network
and the user stay. Needs root, unshare(1) and setpriv(1).

    container.py [--cap-add SYS_PTRACE | --forbid-seccomp] CMD [ARGUMENT...]

--forbid-seccomp: as in an old Docker's, or a strict profile, CMD can install no filter with a listener.

Sources: docs.docker.com/engine/security/seccomp, capabilities(7), seccomp(2).
"""

import ctypes
import errno
import os
import platform
import shutil
import struct
import sys

CAPABILITIES = ["chown", "dac_override", "fsetid", "fowner", "mknod", "net_raw", "setgid", "setuid", "setfcap",
                "setpcap", "net_bind_service", "sys_chroot", "kill", "audit_write"]
# Name: (number on x86-64, on arm64).
OF_SYS_ADMIN = {"mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "unshare": (272, 97),
                "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241)}
OF_NOBODY = {"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "userfaultfd": (323, 282),
             "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427)}
OF_SYS_PTRACE = {"process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
                 "pidfd_getfd": (438, 438)}
SECCOMP = (317, 277)
CLONE, CLONE3 = (56, 220), (435, 435)
CLONE_NAMESPACES = 0x7E020000
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER_AT, ARCH_AT, FIRST_ARGUMENT_AT = 0, 4, 16


def program(with_ptrace, with_seccomp):
    machine = platform.machine()
    column = {"x86_64": 0, "aarch64": 1}[machine]
    lines = [(LOAD, 0, 0, ARCH_AT), (JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine]), (RETURN, 0, 0, KILL),
             (LOAD, 0, 0, NUMBER_AT)]
    for refused in (OF_SYS_ADMIN, OF_NOBODY, {} if with_ptrace else OF_SYS_PTRACE):
        for numbers in refused.values():
            lines += [(JUMP_EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    if not with_seccomp:
        lines += [(JUMP_EQUAL, 0, 1, SECCOMP[column]), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    # Its flags lie in memory that a filter can't read, so libc is to fall back to clone(2).
    lines += [(JUMP_EQUAL, 0, 1, CLONE3[column]), (RETURN, 0, 0, REFUSE | errno.ENOSYS)]
    lines += [(JUMP_EQUAL, 0, 3, CLONE[column]), (LOAD, 0, 0, FIRST_ARGUMENT_AT),
              (JUMP_SET, 0, 1, CLONE_NAMESPACES), (RETURN, 0, 0, REFUSE | errno.EPERM), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines), len(lines)


def confine(with_ptrace, with_seccomp):
    code, length = program(with_ptrace, with_seccomp)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("@HP", length, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0) != 0:
        sys.exit(f"container.py: prctl: {os.strerror(ctypes.get_errno())}")


def main(arguments):
    inside = arguments[:1] == ["--inside"]
    arguments = arguments[inside:]
    with_ptrace = arguments[:2] == ["--cap-add", "SYS_PTRACE"]
    with_seccomp = arguments[:1] != ["--forbid-seccomp"]
    command = arguments[2 * with_ptrace + (not with_seccomp):]
    if not command:
        sys.exit(__doc__)
    if inside:
        kept = [*CAPABILITIES, *(["sys_ptrace"] if with_ptrace else [])]
        setpriv = ["setpriv", "--bounding-set", "-all," + ",".join(f"+{name}" for name in kept), "--inh-caps=-all"]
        confine(with_ptrace, with_seccomp)
        os.execvp(setpriv[0], [*setpriv, "--", *command])
    os.execvp("unshare", ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc",
                          "--", sys.executable, os.path.abspath(__file__), "--inside", *arguments])


def why_not():
    """Why this machine can't do it, or None."""
    if os.geteuid() != 0:
        return "a container's limits need root"
    for name in ("unshare", "setpriv"):
        if shutil.which(name) is None:
            return f"{name} is not installed"
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
