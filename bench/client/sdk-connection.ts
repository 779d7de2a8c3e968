import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import type { AnswerCallback, Exchanger } from "./connection.ts";
import type { SdkTarget } from "./job.ts";

/** The AWS SDK as people use it, retries off so that a failure shows. */
export class SdkConnection implements Exchanger {
  readonly #client: LambdaClient;
  readonly #functionName: string;

  constructor(endpoint: string, { functionName, region, ...credentials }: SdkTarget) {
    this.#client = new LambdaClient({ endpoint, region, credentials, maxAttempts: 1 });
    this.#functionName = functionName;
  }

  exchange(payload: Uint8Array, callback: AnswerCallback): void {
    const command = new InvokeCommand({ FunctionName: this.#functionName, Payload: payload });
    this.#client.send(command).then(
      ({ StatusCode: status = 200, Payload }) => {
        callback(undefined, { status, head: "", body: Buffer.from(Payload ?? "") });
      },
      (error) => callback(error, undefined),
    );
  }

  close(): void {
    this.#client.destroy();
  }
}
