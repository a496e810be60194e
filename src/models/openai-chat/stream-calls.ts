// The tool calls of one streamed choice: which piece belongs to which call. Calls are told apart by index, else by id, else by
// order. A new id with a name on a used index is a new call, because some servers number every parallel call 0.
import type { StreamEvent } from "../conversation.ts";
import { isObject } from "../wire/fields.ts";
import type { JsonObject } from "../wire/fields.ts";
import type { Mender } from "./mend.ts";
import { madeToolId, textOfArguments, textOr } from "./reply.ts";

/** A tool call whose pieces arrive one by one. */
interface Slot {
  readonly number: number;
  id: string;
  name: string;
  started: boolean;
  /** Some of its arguments were told, or it is of free text and may have none. */
  isSaid: boolean;
  /** Arguments that came before the name. */
  early: string;
}

/** Reads the calls of one choice. A call begins once its name is known. */
export class StreamedCalls {
  readonly #choice: number;
  readonly #replyId: string;
  readonly #slots: Slot[] = [];
  readonly #byKey = new Map<number | string, Slot>();

  constructor(choice: number, replyId: string) {
    this.#choice = choice;
    this.#replyId = replyId;
  }

  /** How many calls there are. */
  get count(): number {
    return this.#slots.length;
  }

  /** Reads one piece of a call, and puts right in it what the server got wrong. */
  read(call: Record<string, unknown>, mender: Mender, events: StreamEvent[]): void {
    const isFree = !isObject(call["function"]) && isObject(call["custom"]);
    const inner = asRecord(isFree ? call["custom"] : call["function"]);
    const field = isFree ? "input" : "arguments";
    const id = textOr(call["id"], "");
    const name = textOr(inner["name"], "");
    const slot = this.#slotOf(call["index"], id, name);
    if (slot.id === "") slot.id = id;
    if (isObject(inner[field])) mender.set(inner, field, textOfArguments(inner[field]));
    const words = textOr(inner[field], "");
    mender.set(call, "index", slot.number);
    if (!slot.started && name === "") {
      slot.early += words;
      return;
    }
    let text = words;
    if (slot.started) repeatsNothing(call, inner, slot, mender);
    else {
      this.#start(slot, name);
      slot.isSaid = isFree;
      mender.set(call, "id", slot.id);
      if (typeof call["type"] !== "string") mender.set(call, "type", isFree ? "custom" : "function");
      const choice = this.#choice;
      events.push({ kind: "tool_start", choice, slot: slot.number, id: slot.id, name, ...(isFree && { isFree }) });
      text = slot.early + words;
    }
    if (text === "") return;
    slot.isSaid = true;
    events.push({ kind: "tool_arguments", choice: this.#choice, slot: slot.number, text });
  }

  /** The deltas that the calls lack whose arguments were left out; what they say is added to `events`. */
  end(events: StreamEvent[]): readonly JsonObject[] {
    return this.#slots.flatMap((slot) => {
      if (!slot.started || slot.isSaid) return [];
      slot.isSaid = true;
      const text = textOfArguments("");
      events.push({ kind: "tool_arguments", choice: this.#choice, slot: slot.number, text });
      return [{ index: slot.number, function: { arguments: text } }];
    });
  }

  /** The older form has one call, without a number or an id. */
  readOlder(called: JsonObject, events: StreamEvent[]): void {
    const call = { index: 0, id: this.#slots[0]?.id ?? this.#madeId(0), function: { ...called } };
    this.read(call, { set: () => {}, drop: () => {} }, events);
  }

  #start(slot: Slot, name: string): void {
    slot.started = true;
    slot.name = name;
    if (slot.id === "") slot.id = this.#madeId(slot.number);
  }

  #madeId(slot: number): string {
    return madeToolId(this.#replyId, this.#choice, slot);
  }

  #slotOf(index: unknown, id: string, name: string): Slot {
    const last = this.#slots.at(-1);
    if (typeof index === "number") {
      const slot = this.#byKey.get(index);
      const another = slot?.started === true && name !== "" && id !== "" && id !== slot.id;
      return slot === undefined || another ? this.#open(index, id) : slot;
    }
    if (id !== "") return this.#byKey.get(id) ?? this.#open(id, id);
    return last === undefined || (name !== "" && last.started) ? this.#open(`#${this.#slots.length}`, id) : last;
  }

  #open(key: number | string, id: string): Slot {
    const slot: Slot = { number: this.#slots.length, id, name: "", started: false, isSaid: false, early: "" };
    this.#slots.push(slot);
    this.#byKey.set(key, slot);
    return slot;
  }
}

/** Clients put the pieces of a name and an id together as they do those of the arguments. */
function repeatsNothing(
  call: Record<string, unknown>,
  inner: Record<string, unknown>,
  slot: Slot,
  mender: Mender,
): void {
  if (call["id"] === slot.id) mender.drop(call, "id");
  if (inner["name"] === slot.name) mender.drop(inner, "name");
}

function asRecord(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}
