"""Takes the network and other programs away from this process, by the kernel. Linux only.

A seccomp filter in the kernel's own format (Documentation/userspace-api/seccomp_filter):
unlike namespaces it needs no privilege, and the default profiles of container
runtimes allow it. A call on the list fails with EPERM; all others go on as before.
"""

import ctypes
import errno
import os
import sys

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
_X32 = 0x40000000  # calls by the x32 convention have this bit

# machine -> (AUDIT_ARCH_*, numbers of the calls refused). io_uring can open sockets too.
# socket, socketpair, connect, bind, execve, execveat, ptrace, process_vm_writev, io_uring_setup
_MACHINES = {
    "x86_64": (0xC000003E, (41, 53, 42, 49, 59, 322, 101, 311, 425)),
    "aarch64": (0xC00000B7, (198, 199, 203, 200, 221, 281, 117, 271, 425)),
}

_Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


class _Filter(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Filter))]


def refuse_calls() -> bool:
    """Refuse the calls for the rest of this process's life. False where the platform cannot."""
    if sys.platform != "linux" or os.uname().machine not in _MACHINES:
        return False
    instructions = _program(*_MACHINES[os.uname().machine])
    filters = (_Filter * len(instructions))(*(_Filter(*instruction) for instruction in instructions))
    program = _Program(len(instructions), filters)
    libc = ctypes.CDLL(None)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    refused: int = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
    return refused == 0


def _program(architecture: int, numbers: tuple[int, ...]) -> list[_Instruction]:
    """Refuse what is on the list, and whatever comes by another calling convention."""
    to_refusal = len(numbers) + 1
    tests = [(_JUMP_EQUAL, to_refusal - place, 0, number) for place, number in enumerate(numbers, start=1)]
    return [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 0, to_refusal + 2, architecture),
        (_LOAD_WORD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, to_refusal, 0, _X32),
        *tests,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
