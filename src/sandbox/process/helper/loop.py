"""One thread that waits for everything at once: descriptors, timers, and forked jobs."""

import heapq
import json
import os
import selectors
import socket
import time

import linux

REPORT_BYTES = 65536


class Loop:
    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._timers = []
        self._order = 0

    def watch(self, readable, callback):
        """Calls `callback()` whenever `readable` (a descriptor or an object with one) is."""
        self._selector.register(readable, selectors.EVENT_READ, callback)

    def forget(self, readable):
        self._selector.unregister(readable)

    def later(self, seconds, callback):
        self._order += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._order, callback))

    def run(self):
        while True:
            timeout = max(0, self._timers[0][0] - time.monotonic()) if self._timers else None
            for key, _ in self._selector.select(timeout):
                # A callback before this one may have ended the interest.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()

    def fork(self, work, done):
        """
        Runs `work(report)` in a child process, so that slow system calls and changes of namespace
        stay there. It may return or replace itself by exec; `report(message, descriptors)` sends a
        result before that. `done(message, descriptors)` is called once: the message is None when
        the child ended or replaced itself without a report, {"error": text} when `work` raised.
        Returns the child's process id; waiting for its end is the caller's.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        helper = os.getpid()
        child = os.fork()
        if child == 0:
            ours.close()
            _run_child(work, theirs, helper)
        theirs.close()

        def arrived():
            self.forget(ours)
            data, descriptors, _, _ = socket.recv_fds(ours, REPORT_BYTES, 4)
            # Received descriptors would be inherited by every sandbox that is started later. (Not
            # by MSG_CMSG_CLOEXEC: recv_fds ignores its flags.)
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
            ours.close()
            done(json.loads(data) if data else None, descriptors)

        self.watch(ours, arrived)
        return child

    def run_job(self, work, done):
        """Like `fork` for work that returns (message, descriptors) and is over then."""

        def job(report):
            report(*work())

        def finished(message, descriptors):
            os.waitpid(child, 0)
            if message is None:
                message = {"error": "The job ended without a result"}
            done(message, descriptors)

        child = self.fork(job, finished)


def _run_child(work, channel, helper):
    """Never returns: a child that did would go on as a second helper."""

    def report(message, descriptors=()):
        socket.send_fds(channel, [json.dumps(message).encode()], list(descriptors))

    try:
        linux.die_with_parent(helper)
        work(report)
        os._exit(0)
    except BaseException as error:
        try:
            report({"error": "%s: %s" % (type(error).__name__, error)})
        finally:
            os._exit(1)
