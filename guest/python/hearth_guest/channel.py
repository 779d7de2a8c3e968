"""The guest's end of the frame protocol: one unix socket, one host."""

import os
import socket
import struct
from _thread import allocate_lock

# Frame types; the host's copy is src/host/frame-channel.ts.
INIT, INVOKE = 1, 2
READY, INIT_DONE, INIT_ERROR, RESPONSE, ERROR, LOG = 16, 17, 18, 20, 21, 22
EVIDENCE = 27

# A longer piece of log goes out in several frames. AWS cuts log events at the same length.
LOG_BYTES_MAX = 256 * 1024

HEADER = struct.Struct(">IB")
READ_BUFFER_BYTES = 64 * 1024
# How long the host may take to hang up on a runtime that could not be initialised.
LINGER_SECONDS = 1
STANDARD_ERROR = 2


def meet_host(path):
    """
    The connection of the host, who finds this runtime at `path`, once. Where a wrapper runs first,
    the host has connected before it, and the connection is inherited.
    """
    descriptor = os.environ.get("HEARTH_GUEST_DESCRIPTOR")
    if descriptor is not None:
        connection = socket.socket(fileno=int(descriptor))
        connection.set_inheritable(False)
        return connection
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen(1)
        connection, _ = server.accept()
    os.unlink(path)
    return connection


class Channel:
    """`send` returns when the kernel has taken everything: what was logged survives a crash."""

    def __init__(self, connection):
        self._socket = connection
        self._input = connection.makefile("rb", READ_BUFFER_BYTES)
        self._lock = allocate_lock()
        self._write_log = self._send_log
        os.register_at_fork(after_in_child=self._leave_to_parent)

    def receive(self):
        """Type and payload of the next frame. Without its host a runtime ends."""
        length, kind = HEADER.unpack(self._read(HEADER.size))
        return kind, self._read(length - 1)

    def _read(self, wanted):
        data = self._input.read(wanted)
        if len(data) < wanted:
            os._exit(1)
        return data

    def send(self, kind, payload=b""):
        with self._lock:
            try:
                self._socket.sendall(HEADER.pack(len(payload) + 1, kind) + payload)
            except OSError:
                os._exit(1)

    def linger(self):
        """
        Reads until the host has hung up. Were the runtime the first to close, a frame that the host
        is just writing would meet a closed socket and cost it what was sent last.
        """
        self._socket.settimeout(LINGER_SECONDS)
        try:
            while self._input.read1(READ_BUFFER_BYTES):
                pass
        except OSError:
            pass

    def log(self, data):
        """Writes bytes to the function's log."""
        self._write_log(data)

    def _send_log(self, data):
        for start in range(0, len(data), LOG_BYTES_MAX):
            self.send(LOG, data[start : start + LOG_BYTES_MAX])

    def _leave_to_parent(self):
        """A forked child must not write into its parent's frames: it logs to standard error."""
        self._write_log = lambda data: os.write(STANDARD_ERROR, data)
