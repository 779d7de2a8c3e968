import type { CodeTree } from "./tree.ts";

/** CodeTrees by key, bounded by the paths they hold together; forgets what was used longest ago. */
export class ListingCache {
  readonly #trees = new Map<string, CodeTree>();
  readonly #pathsMax: number;
  #paths = 0;

  constructor(pathsMax: number) {
    this.#pathsMax = pathsMax;
  }

  get(key: string): CodeTree | undefined {
    const tree = this.#trees.get(key);
    if (tree === undefined) return undefined;
    this.#trees.delete(key);
    this.#trees.set(key, tree);
    return tree;
  }

  set(key: string, tree: CodeTree): void {
    this.delete(key);
    this.#trees.set(key, tree);
    this.#paths += weightOf(tree);
    for (const oldest of this.#trees.keys()) {
      if (this.#paths <= this.#pathsMax) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const tree = this.#trees.get(key);
    if (tree === undefined) return;
    this.#trees.delete(key);
    this.#paths -= weightOf(tree);
  }
}

/** The root counts too. */
function weightOf(tree: CodeTree): number {
  return 1 + tree.directories.length + tree.files.length;
}
