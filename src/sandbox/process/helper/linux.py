"""System calls that the standard library of Python 3.9 lacks, by way of libc."""

import ctypes
import fcntl
import os
import signal
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

MS_NOSUID = 2
MS_NODEV = 4
MS_REC = 16384
MS_PRIVATE = 1 << 18

IN_CREATE = 0x100
IN_MOVED_TO = 0x80

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IN_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
_NS_GET_USERNS = 0xB701
_LOOP_CTL_GET_FREE = 0x4C82
_LOOP_CONFIGURE = 0x4C0A
_LO_FLAGS_AUTOCLEAR = 4
_EBUSY = 16

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
    return result


def unshare(flags):
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(descriptor, flags):
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(flags)), "setns")


def mount(source, target, kind, flags, options=""):
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode() if options else None,
    )
    _check(result, target)


def die_with_parent(parent):
    """The kernel kills this process when `parent`, which started it, ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans():
    """Makes processes whose parent ended children of this one, instead of the host's init."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def watch_directory(path, events):
    """An inotify descriptor that becomes readable at the first of `events` in `path`."""
    descriptor = _check(_libc.inotify_init1(_IN_FLAGS), "inotify_init1")
    try:
        _check(_libc.inotify_add_watch(descriptor, os.fsencode(path), events), "inotify_add_watch")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def owner_of_namespace(descriptor):
    """The user namespace that owns the namespace behind `descriptor`."""
    return fcntl.ioctl(descriptor, _NS_GET_USERNS)


def attach_loop_device(backing):
    """
    Path of a loop device over the file `backing` and a descriptor that keeps it alive until it is
    mounted. The kernel detaches it by itself when its last user is gone.
    """
    # struct loop_config: fd, block_size, struct loop_info64 (232 bytes), 64 bytes reserved.
    config = struct.pack(
        "=II5Q4I64s64s32s2Q64s",
        backing, 4096, 0, 0, 0, 0, 0, 0, 0, 0, _LO_FLAGS_AUTOCLEAR, b"", b"", b"", 0, 0, b"",
    )
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        while True:
            path = "/dev/loop%d" % fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, config)
                return path, device
            except OSError as error:
                os.close(device)
                if error.errno != _EBUSY:  # another process was given the same free one
                    raise
    finally:
        os.close(control)
