"""
The conversation with the server: one JSON object a line on the socket that Node opens for a child
with an "ipc" channel. Descriptors travel by Node's own protocol for handles: a line
{"cmd": "NODE_HANDLE", "type": ..., "msg": ...} sent together with one descriptor; Node answers
{"cmd": "NODE_HANDLE_ACK"}, which needs no attention here because the descriptor was duplicated by
the kernel when it was sent.
"""

import json
import socket

READ_BYTES = 65536


class Channel:
    def __init__(self, descriptor):
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        self._socket.set_inheritable(False)
        self._rest = b""

    def fileno(self):
        return self._socket.fileno()

    def receive(self):
        """Requests that have arrived; None when the server is gone."""
        try:
            chunk = self._socket.recv(READ_BYTES)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            return None
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        messages = [json.loads(line) for line in lines]
        return [message for message in messages if "cmd" not in message]

    def send(self, message):
        """Quietly does nothing when the server is gone: `receive` tells."""
        try:
            self._socket.sendall(_line(message))
        except BrokenPipeError:
            pass

    def send_handle(self, kind, message, descriptor):
        """`kind` is what Node makes of the descriptor: "net.Server" or "net.Socket"."""
        line = _line({"cmd": "NODE_HANDLE", "type": kind, "msg": message})
        try:
            sent = socket.send_fds(self._socket, [line], [descriptor])
            self._socket.sendall(line[sent:])
        except BrokenPipeError:
            pass


def _line(message):
    return json.dumps(message).encode() + b"\n"
