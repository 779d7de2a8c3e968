import { existsSync, lstatSync, readlinkSync } from "node:fs";
import type { RuntimeImage } from "../driver.ts";

/** The user of a sandbox as user code sees it. */
export interface Identity {
  /** `distinct`: a host user of its own, set by setpriv; `mapped`: the server's user, renamed. */
  readonly kind: "distinct" | "mapped";
  readonly uid: number;
  readonly gid: number;
}

export interface FileTree {
  /** Synthetic /etc, shared by all sandboxes. */
  readonly etc: string;
  /** File bound over /etc/passwd, so that the user has a name. */
  readonly passwd: string;
  readonly task: string;
  readonly opt: string;
  readonly temporary: string;
  readonly run: string;
}

export interface BubblewrapOptions {
  readonly program: string;
  readonly image: RuntimeImage;
  readonly identity: Identity;
  readonly tree: FileTree;
  readonly disableUserNamespaces: boolean;
  /** Limit of processes by rlimit, where no cgroup counts them. */
  readonly processes?: number;
}

/** Parts of the host's system that every sandbox sees, read-only. */
const SYSTEM_DIRECTORIES = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/** The name that every sandbox has for its host. */
const HOSTNAME = "sandbox";

/**
 * The command line that makes one sandbox: every namespace new, no capability, nothing of the host
 * but its programs. The helper hands in the descriptors 3 (info) and 4 (system call filter).
 *
 * With an identity of its own bwrap stays root without a user namespace and keeps, inside the
 * sandbox, the three capabilities that setpriv needs to give up all that root is.
 */
export function bubblewrapCommand(options: BubblewrapOptions): string[] {
  const { image, tree } = options;
  return [
    options.program,
    ...["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"],
    ...["--unshare-cgroup-try", "--die-with-parent", "--new-session"],
    ...["--hostname", HOSTNAME, "--cap-drop", "ALL"],
    ...identityArguments(options),
    "--clearenv",
    ...Object.entries(image.environment).flatMap(([name, value]) => ["--setenv", name, value]),
    ...systemArguments(),
    ...["--ro-bind", tree.etc, "/etc", "--ro-bind", tree.passwd, "/etc/passwd"],
    ...ancestors(["/var/task", "/run/hearth", ...image.mounts.map(({ target }) => target)]),
    ...["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"],
    ...["--bind", tree.temporary, "/tmp", "--bind", tree.run, "/run/hearth"],
    ...["--ro-bind", tree.task, "/var/task", "--ro-bind", tree.opt, "/opt"],
    ...image.mounts.flatMap(({ source, target }) => ["--ro-bind", source, target]),
    ...["--remount-ro", "/", "--chdir", "/var/task"],
    ...["--info-fd", "3", "--seccomp", "4", "--"],
    ...execChain(options),
    ...image.argv,
  ];
}

function identityArguments({ identity, disableUserNamespaces }: BubblewrapOptions): string[] {
  if (identity.kind === "distinct") {
    return ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"].flatMap((name) => ["--cap-add", name]);
  }
  return [
    "--unshare-user",
    ...["--uid", String(identity.uid), "--gid", String(identity.gid)],
    ...(disableUserNamespaces ? ["--disable-userns"] : []),
  ];
}

/** Programs that replace each other until the runtime is what it should be. */
function execChain({ identity, processes }: BubblewrapOptions): string[] {
  const limit =
    processes === undefined ? [] : ["/usr/bin/prlimit", `--nproc=${processes}:${processes}`, "--"];
  if (identity.kind === "mapped") return limit;
  return [
    "/usr/bin/setpriv",
    ...["--reuid", String(identity.uid), "--regid", String(identity.gid), "--clear-groups"],
    ...["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"],
    ...limit,
  ];
}

/** Makes the directories above mount points: bwrap itself would make them for root alone. */
function ancestors(targets: readonly string[]): string[] {
  const above = new Set<string>();
  for (const target of targets) {
    const parts = target.split("/").slice(1, -1);
    for (let depth = 1; depth <= parts.length; depth++) {
      above.add(`/${parts.slice(0, depth).join("/")}`);
    }
  }
  return [...above].flatMap((path) => ["--dir", path]);
}

/** On merged systems /bin and its like are links into /usr. */
function systemArguments(): string[] {
  const rest = SYSTEM_DIRECTORIES.filter((path) => existsSync(path)).flatMap((path) =>
    lstatSync(path).isSymbolicLink()
      ? ["--symlink", readlinkSync(path), path]
      : ["--ro-bind", path, path],
  );
  return ["--ro-bind", "/usr", "/usr", ...rest];
}
