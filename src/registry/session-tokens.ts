import { createHmac } from "node:crypto";
import { type Clock, LruMap, PlatformError, type SecureRandom } from "../base/mod.ts";
import type { Owner } from "../model/mod.ts";
import { base32Id, type Credential, type TemporaryCredentials } from "./access-key.ts";
import { purposeKey, seal, unseal } from "./sealing.ts";

/** Tokens recently seen valid; ours: about 1 KB each, one for each environment. */
const OPEN_TOKENS_MAX = 10_000;
/** Longest token worth opening; ours are below 400 characters. */
const TOKEN_CHARACTERS_MAX = 2048;

export interface SessionRequest {
  readonly owner: Owner;
  /** Name of the role the session stands for, as in `assumed-role/ROLE/SESSION`. */
  readonly roleName: string;
  readonly sessionName: string;
  readonly lifetimeSeconds: number;
}

interface Session {
  readonly owner: Owner;
  readonly role: string;
  readonly session: string;
  /** Wall clock, milliseconds since 1970. */
  readonly expires: number;
}

interface OpenToken {
  readonly credential: Credential;
  readonly expiresAtMs: number;
}

/**
 * Temporary credentials without storage. The token is the session itself, sealed with a key that
 * only this server has and bound to the access key id; the secret is a keyed hash of that id. So
 * any process with the master key verifies any token, and none can be forged or prolonged.
 */
export class SessionTokens {
  readonly #tokenKey: Buffer;
  readonly #secretKey: Buffer;
  readonly #clock: Clock;
  readonly #random: SecureRandom;
  readonly #open = new LruMap<string, OpenToken>(OPEN_TOKENS_MAX);

  constructor(options: { masterKey: Buffer; clock: Clock; random: SecureRandom }) {
    this.#tokenKey = purposeKey(options.masterKey, "session token");
    this.#secretKey = purposeKey(options.masterKey, "session secret");
    this.#clock = options.clock;
    this.#random = options.random;
  }

  issue(request: SessionRequest): TemporaryCredentials {
    const accessKeyId = base32Id("ASIA", this.#random.bytes(16));
    const expires = this.#clock.now() + request.lifetimeSeconds * 1000;
    const { owner, roleName: role, sessionName: session } = request;
    const content: Session = { owner, role, session, expires };
    const box = seal(this.#tokenKey, JSON.stringify(content), accessKeyId, this.#random);
    return {
      accessKeyId,
      secretAccessKey: this.#secretOf(accessKeyId),
      sessionToken: box.toString("base64"),
      expiresAtMs: expires,
    };
  }

  /**
   * Whom a token stands for.
   * @throws PlatformError kind "unauthenticated", reason "invalid_token" or "expired_token"
   */
  open(accessKeyId: string, token: string): Credential {
    let known = this.#open.get(token);
    if (known === undefined) {
      known = this.#unseal(accessKeyId, token);
      this.#open.set(token, known);
    }
    if (known.credential.principal.accessKeyId !== accessKeyId) throw invalidToken();
    if (known.expiresAtMs > this.#clock.now()) return known.credential;
    throw new PlatformError(
      { kind: "unauthenticated", reason: "expired_token" },
      "The security token included in the request is expired",
    );
  }

  #unseal(accessKeyId: string, token: string): OpenToken {
    if (token.length > TOKEN_CHARACTERS_MAX) throw invalidToken();
    const sealed = Buffer.from(token, "base64");
    // Decoding skips what is not base64: only the one spelling that was issued counts.
    if (sealed.toString("base64") !== token) throw invalidToken();
    let session: Session;
    try {
      session = JSON.parse(unseal(this.#tokenKey, sealed, accessKeyId));
    } catch (cause) {
      throw invalidToken({ cause });
    }
    const { owner, role, session: name, expires } = session;
    const roleId = createHmac("sha256", this.#secretKey).update(`role ${owner}/${role}`).digest();
    const principal = {
      owner,
      accessKeyId,
      operator: false,
      arn: `arn:aws:sts::${owner}:assumed-role/${role}/${name}`,
      userId: `${base32Id("AROA", roleId)}:${name}`,
    };
    const credential = { principal, secretAccessKey: this.#secretOf(accessKeyId) };
    return { credential, expiresAtMs: expires };
  }

  #secretOf(accessKeyId: string): string {
    const digest = createHmac("sha256", this.#secretKey).update(`key ${accessKeyId}`).digest();
    return digest.toString("base64", 0, 30);
  }
}

/** The words AWS uses for every token or key it does not know. */
export function invalidToken(options?: ErrorOptions): PlatformError {
  return new PlatformError(
    { kind: "unauthenticated", reason: "invalid_token" },
    "The security token included in the request is invalid.",
    options,
  );
}
