interface Event {
  readonly name?: string;
  readonly fail?: boolean;
  readonly sleepMs?: number;
}

/** Greets; fails or dawdles when the event asks for it. */
export async function handler(event: Event): Promise<{ greeting: string }> {
  if (event.fail) throw new RangeError("Asked to fail");
  if (event.sleepMs) await new Promise((resolve) => setTimeout(resolve, event.sleepMs));
  return { greeting: `Hello ${event.name} from TypeScript` };
}
