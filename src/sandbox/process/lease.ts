import { createServer, type Server } from "node:net";

/** Servers of one host that can have users and addresses of their own at a time. */
export const LEASES_MAX = 32;

/** A number that no other server of this host holds; the kernel takes it back when we end. */
export interface Lease extends AsyncDisposable {
  readonly number: number;
}

/**
 * Takes a free number by listening on an abstract socket of that name, first the one that `id`
 * suggests, so that a restarted server tends to get its own again.
 * @param id eight hexadecimal digits
 * @returns undefined when all are taken
 */
export async function takeLease(id: string): Promise<Lease | undefined> {
  const first = Number.parseInt(id.slice(0, 8), 16) % LEASES_MAX;
  for (let offset = 0; offset < LEASES_MAX; offset++) {
    const number = (first + offset) % LEASES_MAX;
    const server = await tryListen(`\0hearth-lease-${number}`);
    if (server) return { number, [Symbol.asyncDispose]: () => closeServer(server) };
  }
  return undefined;
}

function tryListen(path: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(undefined));
    server.listen(path, () => resolve(server.unref()));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
