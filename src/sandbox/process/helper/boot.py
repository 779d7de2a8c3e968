"""
What happens between fork and bwrap: the child enters its cgroups, takes its limits, and mounts the
writable file systems of the sandbox in a mount namespace of its own, so that nothing of them is
ever visible to the host and all of it vanishes with the last process.
"""

import fcntl
import os
import resource
import signal
import tempfile

import linux

# Descriptors that bwrap finds open; the server's argv names these numbers.
INFO_DESCRIPTOR = 3
SECCOMP_DESCRIPTOR = 4

# Above everything else of the host: when the host itself runs out of memory, sandboxes go first.
OOM_SCORE = "600"


def start(request, info_pipe, output_pipe, helper, report):
    """Becomes bwrap. Reports a descriptor of the sandbox's /run/hearth just before."""
    linux.die_with_parent(helper)
    run_steps(request["cgroupSteps"])
    write("/proc/self/oom_score_adj", OOM_SCORE)
    # Woken by the server's write, a runtime must not push the server off its core in mid-call.
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    for name, value in request["rlimits"].items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
    if request["userNamespace"]:
        enter_user_namespace()
    else:
        linux.unshare(linux.CLONE_NEWNS)
    linux.die_with_parent(helper)  # forgotten by the kernel when credentials change
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    for spec in request["mounts"]:
        mount(spec)
    run_directory = os.open(request["runDirectory"], os.O_PATH | os.O_DIRECTORY)
    report({}, [run_directory])
    place_descriptors(info_pipe, output_pipe, request["seccomp"])
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python, not to be inherited
        signal.signal(number, signal.SIG_DFL)
    os.execve(request["argv"][0], request["argv"], {})


def run_steps(steps):
    """Makes directories and writes settings, in order."""
    for step in steps:
        if "directory" in step:
            try:
                os.mkdir(step["directory"], 0o755)
            except FileExistsError:
                pass
            continue
        try:
            write(step["file"], step["value"])
        except FileNotFoundError:
            if not step.get("optional"):
                raise


def write(path, text):
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def enter_user_namespace():
    """An ordinary user becomes root of a namespace in which it may mount."""
    uid, gid = os.getuid(), os.getgid()
    linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", "0 %d 1" % uid)
    write("/proc/self/gid_map", "0 %d 1" % gid)


def mount(spec):
    flags = linux.MS_NOSUID | linux.MS_NODEV
    if spec["kind"] == "memory":
        linux.mount("tmpfs", spec["target"], "tmpfs", flags, spec["options"])
        return
    with tempfile.TemporaryFile(dir=spec["directory"]) as image:  # never has a name
        copy_sparse(spec["template"], image.fileno())
        path, device = linux.attach_loop_device(image.fileno())
    linux.mount(path, spec["target"], "ext4", flags, "noinit_itable")
    os.close(device)
    os.rmdir(os.path.join(spec["target"], "lost+found"))
    os.chmod(spec["target"], 0o1777)


def copy_sparse(source_path, target):
    """Copies the parts of a file that were ever written; the rest stays a hole."""
    source = os.open(source_path, os.O_RDONLY | os.O_CLOEXEC)
    size = os.fstat(source).st_size
    os.truncate(target, size)
    offset = 0
    while offset < size:
        try:
            start_of_data = os.lseek(source, offset, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            break
        offset = os.lseek(source, start_of_data, os.SEEK_HOLE)
        copy_range(source, target, start_of_data, offset)
    os.close(source)


def copy_range(source, target, start_of_range, end):
    os.lseek(target, start_of_range, os.SEEK_SET)
    while start_of_range < end:
        copied = os.sendfile(target, source, start_of_range, end - start_of_range)
        start_of_range += copied


def place_descriptors(info_pipe, output_pipe, seccomp_path):
    seccomp = os.open(seccomp_path, os.O_RDONLY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    wanted = (nothing, output_pipe, output_pipe, info_pipe, seccomp)
    # Copies above the targets first: a source must not be overwritten before it is used.
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, SECCOMP_DESCRIPTOR + 1) for fd in wanted]
    for target, copy in enumerate(copies):
        os.dup2(copy, target, inheritable=True)
