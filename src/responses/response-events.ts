// The events of a response that is streamed while no one may be there to read them: numbered again, under the response's own id, and
// read again from any number on.
import { sseFrame } from "../models/index.ts";
import { writeInTurns } from "../kernel/json-turns.ts";
import { isItem, parsed } from "./kept-text.ts";
import type { Item } from "./store.ts";

/** What is said of a response by who keeps it, whatever its provider says: its id, and that it is kept. */
export type Imprint = Readonly<Record<string, unknown>> & { readonly id: string };

/** Events with which a stream ends. */
const lastTypes: ReadonlySet<unknown> = new Set(["response.completed", "response.incomplete", "response.failed"]);
/** Those that were told when the response began. */
const firstTypes: ReadonlySet<unknown> = new Set(["response.created", "response.queued", "response.in_progress"]);

/** What one event of the answer is for the stream that is kept: an event in it, or its end with the whole response. */
export type HeardEvent =
  | { readonly kind: "event"; readonly event: Item }
  | { readonly kind: "end"; readonly event: Item; readonly response: Item };

/** An event as it is kept, but for its number; undefined for one that says nothing new, or not what it is. */
export async function heard(data: string, imprint: Imprint): Promise<HeardEvent | undefined> {
  const event = await parsed(Buffer.from(data));
  if (!isItem(event) || typeof event["type"] !== "string" || firstTypes.has(event["type"])) return undefined;
  const { response } = event;
  if (!isItem(response)) return { kind: "event", event };
  const own = { ...response, ...imprint };
  const kind = lastTypes.has(event["type"]) ? "end" : "event";
  return { kind, event: { ...event, response: own }, response: own };
}

/** An event as text, without its number. Its type comes first, so that it is found again without reading all of it. */
export async function eventText(event: Item): Promise<string> {
  const { sequence_number: _, ...rest } = event;
  return String(await writeInTurns({ type: event["type"], ...rest }));
}

/** The same with its number. */
export function numbered(text: string, sequence: number): string {
  return `${text.slice(0, -1)},"sequence_number":${sequence}}`;
}

/** The frame of a kept event. */
export function frameOf(event: string): Buffer {
  const type = typeOf(event);
  return Buffer.from(type === undefined ? `data: ${event}\n\n` : sseFrame(event, type));
}

/** Whether a kept event is a stream's last. */
export function isLast(event: string): boolean {
  return lastTypes.has(typeOf(event));
}

function typeOf(event: string): string | undefined {
  return /^\{"type":"([\w.]{1,64})"/.exec(event)?.[1];
}
