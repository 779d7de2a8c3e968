"""
The namespace helper of Hearth's process sandboxes. The server starts it once; it does what Node
cannot: it forks sandboxes, mounts, enters namespaces and hands over sockets from there. It holds no
state that matters: when the server goes, the helper ends every sandbox and goes too. When the
helper itself is killed, the kernel kills all of bwrap, which asked for that.

Requests:  {"id", "op": "boot" | "connect" | "listen" | "dial" | "kill" | ..., ...}
Answers:   {"id", ...} or {"id", "error"}; a descriptor travels with boot, connect, listen, dial
Events:    {"event": "exit", "sandbox", "status", "figures"}
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import boot
import linux
from channel import Channel
from loop import Loop
from sandbox import Sandbox, remove_directories

_RETRY_SECONDS = 0.002


class Helper:
    def __init__(self, channel):
        self._channel = channel
        self._loop = Loop()
        self._sandboxes = {}
        self._server_gone = False
        self._loop.watch(channel, self._receive)

    def run(self):
        self._loop.run()

    def _receive(self):
        requests = self._channel.receive()
        if requests is None:
            self._loop.forget(self._channel)
            self._server_gone = True
            for sandbox in self._sandboxes.values():
                sandbox.kill()
            self._end_with_the_last()
            return
        for request in requests:
            operation = getattr(self, "_op_" + request["op"])
            try:
                operation(request)
            except Exception as error:
                self._answer(request, {"error": "%s: %s" % (type(error).__name__, error)})

    def _end_with_the_last(self):
        if self._server_gone and not self._sandboxes:
            os._exit(0)

    def _answer(self, request, message, kind=None, descriptor=None):
        if self._server_gone:
            return
        answer = dict(message, id=request["id"])
        if descriptor is None:
            self._channel.send(answer)
        else:
            # The server must never wait for more than is there: nothing else would go on.
            os.set_blocking(descriptor, False)
            self._channel.send_handle(kind, answer, descriptor)

    def _op_boot(self, request):
        name = request["sandbox"]

        def booted(message, output):
            self._answer(request, message, "net.Socket", output)

        def ended(status, figures):
            del self._sandboxes[name]
            if self._server_gone:
                self._end_with_the_last()
                return
            event = {"event": "exit", "sandbox": name, "status": status, "figures": figures}
            self._channel.send(event)

        self._sandboxes[name] = Sandbox(self._loop, request, booted, ended)

    def _op_connect(self, request):
        def done(message, descriptor):
            self._answer(request, message, "net.Socket", descriptor)

        self._sandbox(request).connect(done)

    def _op_listen(self, request):
        def done(message, descriptors):
            descriptor = descriptors[0] if descriptors else None
            self._answer(request, message, "net.Server", descriptor)
            for each in descriptors:
                os.close(each)

        self._sandbox(request).listen(request["port"], done)

    def _op_dial(self, request):
        def done(message, descriptors):
            descriptor = descriptors[0] if descriptors else None
            self._answer(request, message, "net.Socket", descriptor)
            for each in descriptors:
                os.close(each)

        self._sandbox(request).dial(request["port"], done)

    def _op_kill(self, request):
        if request["sandbox"] in self._sandboxes:
            self._sandboxes[request["sandbox"]].kill()
        self._answer(request, {})

    def _op_steps(self, request):
        boot.run_steps(request["steps"])
        self._answer(request, {})

    def _op_remove(self, request, attempts=0):
        left = remove_directories(request["directories"])
        if left and attempts < 500:
            again = lambda: self._op_remove(dict(request, directories=left), attempts + 1)
            self._loop.later(_RETRY_SECONDS, again)
        else:
            self._answer(request, {"left": left})

    def _sandbox(self, request):
        if request["sandbox"] not in self._sandboxes:
            raise LookupError("The sandbox has ended")
        return self._sandboxes[request["sandbox"]]


def main():
    os.setsid()  # a Ctrl-C at the server's terminal is the server's affair
    linux.adopt_orphans()  # the first process of a sandbox may outlive bwrap by a moment
    Helper(Channel(int(os.environ["NODE_CHANNEL_FD"]))).run()


main()
