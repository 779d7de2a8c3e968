import { type Clock, PlatformError, type SecureRandom } from "../base/mod.ts";
import type { SignatureVerdict } from "../code/mod.ts";
import type { Write } from "../engine/mod.ts";
import {
  type CodeReference,
  type CodeSigningConfig,
  codeSigningConfigArn,
  type Owner,
} from "../model/mod.ts";
import type { CodeReferences } from "./code-references.ts";
import { Documents } from "./documents.ts";
import { lastModifiedOf } from "./function.core.ts";
import type { RegistryParts } from "./function-registry.ts";
import { decodeMarker, encodeMarker, type Page, type PageRequest, pageLimit } from "./page.ts";
import { CODE_SIGNING_CONFIGS, FUNCTION_CODE_SIGNING, functionKey } from "./record.ts";
import { SigningProfiles } from "./signing-profiles.ts";
import type { FunctionStore } from "./store.ts";
import { requireTags } from "./tags.core.ts";

/** What a caller says of a configuration; an update leaves out what stays. */
export type CodeSigningSettings = Partial<
  Pick<CodeSigningConfig, "description" | "allowedPublishers" | "untrusted">
>;

/** Where a package is to run. */
export interface Deployment {
  readonly functionName: string;
  /** Absent when the function accepts everything. */
  readonly config: CodeSigningConfig | undefined;
}

/** A package that nobody trusted vouches for and that a function has all the same. */
export interface UntrustedCode {
  readonly owner: Owner;
  readonly functionName: string;
  readonly sha256: string;
  readonly verdict: SignatureVerdict["kind"];
}

interface Attachment {
  readonly name: string;
  readonly configId: string;
}

const ID_DIGITS = 17;
const SCAN_PAGE = 1000;

/**
 * Which packages functions accept: configurations, the functions that have them, and the check
 * itself, which is made when code or layers are deployed and never when they run.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html
 */
export class CodeSigningRegistry {
  readonly profiles: SigningProfiles;
  readonly #store: FunctionStore;
  readonly #code: CodeReferences;
  readonly #clock: Clock;
  readonly #random: SecureRandom;
  readonly #configs: Documents<CodeSigningConfig>;
  readonly #listeners = new Set<(untrusted: UntrustedCode) => void>();

  constructor({ store, code, clock, random }: RegistryParts) {
    this.profiles = new SigningProfiles(store.table, random, store.region);
    this.#store = store;
    this.#code = code;
    this.#clock = clock;
    this.#random = random;
    this.#configs = new Documents(store.table, CODE_SIGNING_CONFIGS);
  }

  /** Hears of every package that is accepted with a warning. Listeners must not throw. */
  onUntrusted(listener: (untrusted: UntrustedCode) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async create(
    owner: Owner,
    settings: CodeSigningSettings & Pick<CodeSigningConfig, "allowedPublishers">,
    tags: Readonly<Record<string, string>> = {},
  ): Promise<CodeSigningConfig> {
    requireTags(tags);
    const id = `csc-${this.#random.hex(ID_DIGITS).slice(0, ID_DIGITS)}`;
    const arn = codeSigningConfigArn(this.#store.region, owner, id);
    const lastModified = lastModifiedOf(this.#clock.now());
    const value: CodeSigningConfig = {
      ...{ owner, id, arn, untrusted: "Warn", ...settings, lastModified, tags },
    };
    return await this.#configs.change(keyOf(owner, id), () => ({ value, result: value }));
  }

  /** @throws PlatformError kind "not_found" */
  async get(owner: Owner, arn: string): Promise<CodeSigningConfig> {
    const found = await this.#find(owner, arn);
    if (found) return found;
    throw noConfig(arn);
  }

  /** @throws PlatformError kinds "not_found", "conflict" */
  update(owner: Owner, arn: string, settings: CodeSigningSettings): Promise<CodeSigningConfig> {
    const lastModified = lastModifiedOf(this.#clock.now());
    return this.#change(owner, arn, (config) => ({ ...config, ...settings, lastModified }));
  }

  /** @throws PlatformError kinds "not_found", "conflict" (a function has it) */
  async delete(owner: Owner, arn: string): Promise<void> {
    await this.#configs.change(keyOf(owner, idOf(arn)), async (config) => {
      if (config?.arn !== arn) throw noConfig(arn);
      for await (const name of this.#functionsWith(config)) {
        throw new PlatformError(
          { kind: "conflict", resource: "code signing configuration", id: arn },
          "The code signing configuration cannot be deleted because it is used by function " +
            this.#store.arn(owner, name),
        );
      }
      return { value: "deleted", result: undefined };
    });
  }

  /** By id. */
  async list(owner: Owner, request: PageRequest = {}): Promise<Page<CodeSigningConfig>> {
    const limit = pageLimit(request);
    const after = keyOf(owner, request.marker === undefined ? "" : decodeMarker(request.marker));
    const page = await this.#configs.list(keyOf(owner, ""), after, limit + 1);
    const items = page.slice(0, limit);
    const last = items.at(-1);
    return last && page.length > limit ? { items, next: encodeMarker(last.id) } : { items };
  }

  /** @throws PlatformError kinds "not_found", "invalid" */
  async changeTags(
    owner: Owner,
    arn: string,
    added: Readonly<Record<string, string>>,
    removed: readonly string[] = [],
  ): Promise<void> {
    await this.#change(owner, arn, (config) => {
      const merged = Object.entries({ ...config.tags, ...added });
      const tags = Object.fromEntries(merged.filter(([key]) => !removed.includes(key)));
      requireTags(tags);
      return { ...config, tags };
    });
  }

  /** What a function accepts; undefined when it accepts everything. */
  async ofFunction(owner: Owner, functionName: string): Promise<CodeSigningConfig | undefined> {
    const key = attachmentKey(owner, functionName);
    const attached = await this.#store.table.get<Attachment>(FUNCTION_CODE_SIGNING, key);
    if (!attached) return undefined;
    return await this.#configs.get(keyOf(owner, attached.value.configId));
  }

  /**
   * Gives a function a configuration, which counts from its next deployment on.
   * @throws PlatformError kind "not_found", of the configuration or the function
   */
  async attach(owner: Owner, functionName: string, arn: string): Promise<void> {
    await this.#store.change(owner, functionName, async (record) => {
      const { writes } = await this.attachment(owner, functionName, arn);
      return { record, writes, result: undefined };
    });
  }

  /** A configuration, and what a commit writes that gives it to a function. */
  async attachment(
    owner: Owner,
    functionName: string,
    arn: string,
  ): Promise<{ readonly config: CodeSigningConfig; readonly writes: readonly Write[] }> {
    const key = keyOf(owner, idOf(arn));
    const found = await this.#store.table.get<CodeSigningConfig>(CODE_SIGNING_CONFIGS, key);
    if (found?.value.arn !== arn) throw noConfigForFunction(arn);
    const attached: Attachment = { name: functionName, configId: found.value.id };
    // The configuration is written too: its deletion must notice, and comes to nothing then.
    const ifRevision = found.revision;
    return {
      config: found.value,
      writes: [
        { table: CODE_SIGNING_CONFIGS, key, value: found.value, ifRevision },
        {
          table: FUNCTION_CODE_SIGNING,
          key: attachmentKey(owner, functionName),
          value: attached,
        },
      ],
    };
  }

  /** Detaching what has none succeeds, as on AWS. @throws PlatformError kind "not_found" */
  async detach(owner: Owner, functionName: string): Promise<void> {
    const key = attachmentKey(owner, functionName);
    await this.#store.change(owner, functionName, (record) => ({
      record,
      writes: [{ table: FUNCTION_CODE_SIGNING, key, delete: true }],
      result: undefined,
    }));
  }

  /** ARNs of the functions that have a configuration, by name. */
  async functions(owner: Owner, arn: string, request: PageRequest = {}): Promise<Page<string>> {
    const config = await this.get(owner, arn);
    const limit = pageLimit(request);
    const after = request.marker === undefined ? "" : decodeMarker(request.marker);
    const items: string[] = [];
    let last = "";
    for await (const name of this.#functionsWith(config, after)) {
      if (items.length === limit) return { items, next: encodeMarker(last) };
      items.push(this.#store.arn(owner, name));
      last = name;
    }
    return { items };
  }

  /**
   * Looks at who signed a stored package and, where it is to be deployed to a function that has a
   * configuration, whether that will do.
   * @returns the package with what is known of its signer
   * @throws PlatformError kind "code_signature"
   */
  async admit<R extends CodeReference>(
    owner: Owner,
    reference: R,
    deployment?: Deployment,
  ): Promise<R> {
    const verdict = await this.#code.verify(owner, reference.sha256, {
      publicKeyOf: (arn) => this.profiles.publicKeyOf(arn),
      nowMs: this.#clock.now(),
    });
    if (deployment?.config)
      this.#judge(reference, verdict, deployment.functionName, deployment.config);
    return verdict.kind === "signed" ? { ...reference, signing: signingOf(verdict) } : reference;
  }

  /** AWS: a damaged package is refused whatever the policy. */
  #judge(
    { sha256 }: CodeReference,
    verdict: SignatureVerdict,
    functionName: string,
    config: CodeSigningConfig,
  ): void {
    if (verdict.kind === "damaged") {
      throw new PlatformError(
        { kind: "code_signature", problem: "damaged" },
        "The code signature failed the integrity check. Lambda always blocks deployment if the " +
          `integrity check fails, even if code signing policy is set to WARN. ${verdict.reason}.`,
      );
    }
    const isTrusted =
      verdict.kind === "signed" && config.allowedPublishers.includes(verdict.profileVersionArn);
    if (isTrusted) return;
    if (config.untrusted === "Enforce") {
      throw new PlatformError(
        { kind: "code_signature", problem: "untrusted" },
        "Lambda cannot deploy the function. The function or layer might be signed using a " +
          "signature that the client is not configured to accept. Check the provided signature " +
          `for ${functionName}.`,
      );
    }
    const untrusted = { owner: config.owner, functionName, sha256, verdict: verdict.kind };
    for (const listener of this.#listeners) listener(untrusted);
  }

  async #find(owner: Owner, arn: string): Promise<CodeSigningConfig | undefined> {
    const found = await this.#configs.get(keyOf(owner, idOf(arn)));
    return found?.arn === arn ? found : undefined;
  }

  #change(
    owner: Owner,
    arn: string,
    step: (config: CodeSigningConfig) => CodeSigningConfig,
  ): Promise<CodeSigningConfig> {
    return this.#configs.change(keyOf(owner, idOf(arn)), (config) => {
      if (config?.arn !== arn) throw noConfig(arn);
      const value = step(config);
      return { value, result: value };
    });
  }

  async *#functionsWith(config: CodeSigningConfig, afterName = ""): AsyncGenerator<string> {
    const prefix = functionKey(config.owner, "");
    let after = afterName === "" ? prefix : attachmentKey(config.owner, afterName);
    while (true) {
      const options = { prefix, after, limit: SCAN_PAGE };
      const page = await this.#store.table.list<Attachment>(FUNCTION_CODE_SIGNING, options);
      for (const { value } of page) if (value.configId === config.id) yield value.name;
      const last = page.at(-1);
      if (!last || page.length < SCAN_PAGE) return;
      after = last.key;
    }
  }
}

function keyOf(owner: Owner, id: string): string {
  return `${owner}/${id}`;
}

function attachmentKey(owner: Owner, functionName: string): string {
  return `${functionKey(owner, functionName)}/config`;
}

function idOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(":") + 1);
}

function signingOf(verdict: Extract<SignatureVerdict, { kind: "signed" }>): {
  readonly profileVersionArn: string;
  readonly jobArn: string;
} {
  const { profileVersionArn, jobId } = verdict;
  const [account = ""] = profileVersionArn.split("/signing-profiles/", 1);
  return { profileVersionArn, jobArn: `${account}/signing-jobs/${jobId}` };
}

function noConfig(arn: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "code signing configuration", id: arn },
    `The Lambda code signing configuration ${arn} can not be found.`,
  );
}

/** AWS has an exception of its own for a function that is to have what does not exist. */
function noConfigForFunction(arn: string): PlatformError {
  return new PlatformError(
    { kind: "not_found", resource: "code signing configuration of a function", id: arn },
    "The code signing configuration cannot be found. " +
      `Check that the provided configuration is not deleted: ${arn}.`,
  );
}
