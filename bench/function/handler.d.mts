export interface Event {
  readonly id: number;
  /** Holds the environment for so long. */
  readonly waitMs?: number;
  readonly items: readonly number[];
}

export declare function handler(
  event: Event,
): Promise<Omit<Event, "waitMs"> & { readonly total: number }>;
