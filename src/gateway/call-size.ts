// How much one call may hold. Reading, guarding and translating a call is work for each message, tool and input; what is
// beyond these bounds is refused before any of it, with the name of the limit.
import { modelFault } from "../models/index.ts";
import type { ModelCall } from "../models/index.ts";
import { maxCallInputs, maxCallMessages, maxCallTools, maxUnknownParts } from "../kernel/limits.ts";

interface Bound {
  readonly field: string;
  readonly most: number;
  readonly limit: string;
  readonly remedy: string;
}

const shorter = "send a shorter conversation, or sum up its beginning";
const fewer = "offer fewer tools";

const bounds: readonly Bound[] = [
  { field: "messages", most: maxCallMessages, limit: "maxCallMessages", remedy: shorter },
  { field: "tools", most: maxCallTools, limit: "maxCallTools", remedy: fewer },
  { field: "functions", most: maxCallTools, limit: "maxCallTools", remedy: fewer },
];

/** The items of a conversation, and what is embedded. */
const items: Bound = { field: "input", most: maxCallMessages, limit: "maxCallMessages", remedy: shorter };
const inputs: Bound = { field: "input", most: maxCallInputs, limit: "maxCallInputs", remedy: "send several calls" };

/** Refuses a call of more messages, tools or inputs than one may hold. @throws `dialect.invalid` */
export function checkSize(body: Readonly<Record<string, unknown>>): void {
  for (const bound of bounds) check(body[bound.field], bound);
  const { input } = body as { input?: unknown };
  // One list of tokens is one input, however long it is.
  if (!Array.isArray(input) || typeof input[0] === "number") return;
  const isItem = typeof input[0] === "object" && !Array.isArray(input[0]);
  check(input, isItem ? items : inputs);
}

/** Refuses a call of more than Charter passes on without knowing it. @throws `dialect.invalid` */
export function checkUnknown({ untranslated = [] }: Pick<ModelCall, "untranslated">): void {
  const at = untranslated[maxUnknownParts];
  if (at === undefined) return;
  throw modelFault("dialect.invalid", `the call holds more than ${maxUnknownParts} parts that are not known here`, {
    at,
    limit: "maxUnknownParts",
    remedy: shorter,
  });
}

function check(list: unknown, { field, most, limit, remedy }: Bound): void {
  if (!Array.isArray(list) || list.length <= most) return;
  throw modelFault("dialect.invalid", `/${field} holds more than ${most} items`, { at: `/${field}`, limit, remedy });
}
