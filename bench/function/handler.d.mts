export interface Event {
  readonly id: number;
  readonly items: readonly number[];
}

export declare function handler(event: Event): Promise<Event & { readonly total: number }>;
