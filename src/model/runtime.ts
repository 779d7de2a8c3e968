import { hash } from "node:crypto";

/** The identifiers that CreateFunction accepts as Runtime, and what each stands for. */
export type RuntimeName =
  | "nodejs22.x"
  | "nodejs24.x"
  | "nodejs26.x"
  | "python3.9"
  | "python3.10"
  | "python3.11"
  | "python3.12"
  | "python3.13"
  | "python3.14"
  | "provided.al2"
  | "provided.al2023";

export type RuntimeFamily = "node" | "python" | "provided";

export const RUNTIME_NAMES: readonly RuntimeName[] = [
  "nodejs22.x",
  "nodejs24.x",
  "nodejs26.x",
  "python3.9",
  "python3.10",
  "python3.11",
  "python3.12",
  "python3.13",
  "python3.14",
  "provided.al2",
  "provided.al2023",
];

export function isRuntimeName(text: string): text is RuntimeName {
  return (RUNTIME_NAMES as readonly string[]).includes(text);
}

export function familyOf(runtime: RuntimeName): RuntimeFamily {
  if (runtime.startsWith("nodejs")) return "node";
  return runtime.startsWith("python") ? "python" : "provided";
}

/** The one version of a runtime that a server has, under a name as AWS gives them. */
export function runtimeVersionArn(region: string, runtime: RuntimeName): string {
  return `arn:aws:lambda:${region}::runtime:${hash("sha256", `hearth ${runtime}`, "hex")}`;
}

/** Environment variables that a process reads only when it starts: a pooled runtime is too late. */
export function isStartVariable(name: string): boolean {
  return /^(NODE_|PYTHON|LD_|MALLOC_|UV_|OPENSSL_|AWS_LAMBDA_EXEC_WRAPPER$|LANG$|LC_)/.test(name);
}
