"""
One sandbox as the helper sees it: bwrap (the helper's child), the first process of the new process
namespace (bwrap's child), a directory descriptor of its /run/hearth.

    boot -> bwrap reports the first process -> network is wired -> the server is told
    the end -> both processes are gone -> last figures are read -> cgroups are removed -> told
"""

import errno
import json
import os
import signal
import socket
import stat
import time

import boot
import linux
import netlink

_INFO_BYTES = 4096
_COMPLAINT_BYTES = 4096
_FIGURE_BYTES = 65536
_EVENTS_BYTES = 4096
_RETRY_SECONDS = 0.002
_LOOPBACK_SECONDS_MAX = 5
_DIAL_SECONDS_MAX = 2


class Sandbox:
    def __init__(self, loop, request, on_booted, on_exit):
        self._loop = loop
        self._request = request
        self._on_booted = on_booted
        self._on_exit = on_exit
        self._first = None  # pidfd of the first process inside, once known
        self._first_pid = None
        self._run_directory = None
        self._status = None
        self._first_gone = False
        self._told = False
        self._connecting = []
        self._start()

    def _start(self):
        self._output, output_end = os.pipe()
        uid = self._request["uid"]
        if uid is not None:
            os.fchown(output_end, uid, uid)  # so that /dev/stdout can be opened by name
        self._info, info_end = os.pipe()
        self._info_text = b""
        helper = os.getpid()
        self._bwrap_pid = self._loop.fork(
            lambda report: boot.start(self._request, info_end, output_end, helper, report),
            self._on_prepared,
        )
        os.close(output_end)
        os.close(info_end)
        self._bwrap = os.pidfd_open(self._bwrap_pid)
        self._loop.watch(self._bwrap, self._on_bwrap_end)
        self._loop.watch(self._info, self._on_info)

    def _on_prepared(self, message, descriptors):
        if descriptors:
            self._run_directory = descriptors[0]
        if message and "error" in message:
            self._fail(message["error"])

    def _on_info(self):
        data = os.read(self._info, _INFO_BYTES)
        self._info_text += data
        complete = self._info_text.rstrip().endswith(b"}")
        if data and not complete:  # bwrap writes a few lines one by one and needs a reader for all
            return
        self._loop.forget(self._info)
        os.close(self._info)
        self._info = None
        if not complete:  # bwrap gave up; its end tells the rest
            return
        self._first_pid = json.loads(self._info_text)["child-pid"]
        try:
            self._first = os.pidfd_open(self._first_pid)
        except ProcessLookupError:
            return
        self._loop.watch(self._first, self._on_first_end)
        network = self._request["network"]
        if network is None:
            self._succeed()
            return

        def wire():
            netlink.wire(self._first_pid, network["interface"], network["host"], network["guest"])
            return {}, []

        self._loop.run_job(wire, self._on_wired)

    def _on_wired(self, message, _):
        if "error" in message:
            self._fail(message["error"])
            self.kill()
        else:
            self._succeed()

    def _succeed(self):
        if not self._told:
            self._told = True
            self._on_booted({"pid": self._first_pid}, self._output)
            os.close(self._output)

    def _fail(self, error):
        if not self._told:
            self._told = True
            said = self._said()
            if said and said not in error:  # what ended too early may have told why
                error = "%s; it said: %s" % (error, said)
            self._on_booted({"error": error}, None)
            os.close(self._output)

    def _on_bwrap_end(self):
        _, status = os.waitpid(self._bwrap_pid, 0)
        self._loop.forget(self._bwrap)
        os.close(self._bwrap)
        self._status = os.waitstatus_to_exitcode(status)
        while self._info is not None:
            self._on_info()
        if self._first is None and not self._told:
            self._fail(self._complaint())
        if self._first is not None and not self._first_gone:
            # It goes with bwrap, except very early, when it has not yet asked the kernel for that.
            _kill(self._first)
        self._settle()

    def _complaint(self):
        return self._said() or "bwrap ended with %s" % self._status

    def _said(self):
        os.set_blocking(self._output, False)
        try:
            return os.read(self._output, _COMPLAINT_BYTES).decode(errors="replace").strip()
        except BlockingIOError:
            return ""

    def _on_first_end(self):
        self._loop.forget(self._first)
        os.close(self._first)
        self._first_gone = True
        self._settle()

    def _settle(self):
        """Once nothing runs any more: reads the last figures, then releases the cgroups."""
        if self._status is None or (self._first is not None and not self._first_gone):
            return
        _reap(self._first_pid)
        figures = {name: _read(path) for name, path in self._request["figures"].items()}
        if self._run_directory is not None:
            os.close(self._run_directory)
            self._run_directory = None
        for give_up in self._connecting:
            give_up()
        self._release(self._request["cgroupDirectories"], figures)

    def _release(self, directories, figures):
        left = remove_directories(directories)
        if left:  # the kernel takes a moment to forget the dead
            _end_members(left[0])
            self._loop.later(_RETRY_SECONDS, lambda: self._release(left, figures))
        else:
            self._on_exit(self._status, figures)

    def kill(self):
        """Ends every process at once. Frozen processes of cgroup v1 die only when thawed."""
        if self._first is None:
            if self._status is None:
                _kill(self._bwrap)
        elif not self._first_gone:
            _kill(self._first)
        thaw = self._request["thaw"]
        if thaw is not None:
            try:
                boot.write(thaw["file"], thaw["value"])
            except OSError:  # already released
                pass

    def connect(self, done):
        """Connects to /run/hearth/guest.sock as soon as someone listens there."""
        if self._run_directory is None:
            done({"error": "The sandbox has ended"}, None)
            return
        directory = "/proc/self/fd/%d" % self._run_directory
        attempt = _Connect(self._loop, directory, done)
        self._connecting.append(attempt.give_up)
        attempt.start()

    def listen(self, port, done):
        """Opens a listening socket on 127.0.0.1 inside."""
        if self._first is None or self._first_gone:
            done({"error": "The sandbox has ended"}, [])
            return
        pid = self._first_pid

        def work():
            return {}, [_listen_in_namespace(pid, port).detach()]

        self._loop.run_job(work, done)

    def dial(self, port, done):
        """Connects to a program that listens on 127.0.0.1 inside."""
        if self._first is None or self._first_gone:
            done({"error": "The sandbox has ended"}, [])
            return
        pid = self._first_pid

        def work():
            return {}, [_dial_in_namespace(pid, port).detach()]

        self._loop.run_job(work, done)


class _Connect:
    def __init__(self, loop, directory, done):
        self._loop = loop
        self._path = directory + "/guest.sock"
        self._done = done
        self._watch = linux.watch_directory(directory, linux.IN_CREATE | linux.IN_MOVED_TO)
        loop.watch(self._watch, self._on_change)

    def start(self):
        self._try()

    def give_up(self):
        self._finish({"error": "The sandbox has ended"}, None)

    def _on_change(self):
        os.read(self._watch, _EVENTS_BYTES)
        self._try()

    def _try(self):
        if self._watch is None:
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if stat.S_ISSOCK(os.lstat(self._path).st_mode):
                connection.setblocking(False)
                connection.connect(self._path)
                self._finish({}, connection.fileno())
        except OSError as error:
            if error.errno in (errno.ECONNREFUSED, errno.EAGAIN):  # bound but not yet listening
                self._loop.later(_RETRY_SECONDS, self._try)
            elif error.errno != errno.ENOENT:
                self._finish({"error": str(error)}, None)
        finally:
            connection.close()

    def _finish(self, message, descriptor):
        if self._watch is None:
            return
        self._loop.forget(self._watch)
        os.close(self._watch)
        self._watch = None
        self._done(message, descriptor)


def remove_directories(paths):
    """Removes cgroup directories, deepest first; those still in use are returned."""
    left = []
    for path in paths:
        try:
            os.rmdir(path)
        except FileNotFoundError:
            pass
        except OSError:
            left.append(path)
    return left


def _listen_in_namespace(pid, port):
    _enter_network(pid)
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _bind_to_loopback(server, port)
    return server


def _dial_in_namespace(pid, port):
    _enter_network(pid)
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(_DIAL_SECONDS_MAX)  # a listener that accepts nobody lets others wait
    connection.connect(("127.0.0.1", port))
    return connection


def _enter_network(pid):
    namespace = os.open("/proc/%d/ns/net" % pid, os.O_RDONLY | os.O_CLOEXEC)
    if os.geteuid() != 0:
        linux.setns(linux.owner_of_namespace(namespace), linux.CLONE_NEWUSER)
    linux.setns(namespace, linux.CLONE_NEWNET)


def _bind_to_loopback(server, port):
    """bwrap raises the loopback interface some moments after the namespace can be entered."""
    deadline = time.monotonic() + _LOOPBACK_SECONDS_MAX
    while True:
        try:
            server.bind(("127.0.0.1", port))
            return
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)


def _end_members(directory):
    """Kills who is left in a group: bwrap may have died before its child could ask to die with it."""
    for pid in _read(directory + "/cgroup.procs").split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
        _reap(int(pid))


def _reap(pid):
    """Lets the kernel forget a dead process that bwrap did not wait for."""
    try:
        if pid is not None:
            os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def _kill(pidfd):
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _read(path):
    try:
        with open(path) as file:
            return file.read(_FIGURE_BYTES)
    except OSError:
        return ""
