/** What every subject runs: reads all of the event and sends all of it back with a sum. */
export async function handler(event) {
  if (event.waitMs > 0) await new Promise((resolve) => setTimeout(resolve, event.waitMs));
  let total = 0;
  for (const item of event.items) total += item;
  return { id: event.id, total, items: event.items };
}
