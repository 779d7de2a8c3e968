import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";

/** The name of the user that runs functions, as on Lambda. */
export const USER_NAME = "sbx_user1051";

/** Copied from the host when present: what programs need to load libraries, tell time, trust. */
const COPIED = [
  "alternatives",
  "ca-certificates.conf",
  "crypto-policies",
  "gai.conf",
  "ld.so.cache",
  "localtime",
  "mime.types",
  "os-release",
  "pki/ca-trust",
  "pki/tls/cert.pem",
  "pki/tls/certs",
  "protocols",
  "services",
  "ssl/certs",
  "ssl/openssl.cnf",
  "timezone",
];

/**
 * Makes the /etc of all sandboxes in `directory`. No account, key or configuration of the host is
 * in it.
 * @returns the name servers written to resolv.conf; none means that names cannot be resolved
 */
export async function makeEtc(directory: string): Promise<readonly string[]> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await Promise.all(COPIED.map((path) => copyIfPresent(`/etc/${path}`, `${directory}/${path}`)));
  const nameServers = await findNameServers();
  const files: Readonly<Record<string, string>> = {
    passwd: "",
    group: `root:x:0:\n${USER_NAME}:x:990:\nnogroup:x:65534:\n`,
    hosts: "127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost\n",
    hostname: "sandbox\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n",
    "resolv.conf": nameServers.map((address) => `nameserver ${address}\n`).join(""),
  };
  await Promise.all(
    Object.entries(files).map(([name, text]) => writeFile(`${directory}/${name}`, text)),
  );
  return nameServers;
}

/** The /etc/passwd in which user `uid` has its name. */
export function passwdText(uid: number, gid: number): string {
  return [
    "root:x:0:0:root:/:/usr/sbin/nologin",
    `${USER_NAME}:x:${uid}:${gid}::/tmp:/sbin/nologin`,
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
    "",
  ].join("\n");
}

async function copyIfPresent(source: string, target: string): Promise<void> {
  try {
    await cp(source, target, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  } catch (error) {
    // Absent on this distribution, or not for every user to read: then not for sandboxes either.
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOENT" && code !== "EACCES") throw error;
  }
}

/**
 * The host's name servers outside its loopback: a sandbox cannot reach services of the host. When
 * the host runs a stub resolver, the servers behind it are in systemd-resolved's own file.
 */
async function findNameServers(): Promise<readonly string[]> {
  for (const path of ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]) {
    const text = await readFile(path, "utf8").catch(() => "");
    const servers = [...text.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? "");
    const usable = servers.filter((address) => /^[\d.]+$/.test(address) && !isLoopback(address));
    if (usable.length > 0) return usable;
  }
  return [];
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "0.0.0.0";
}
