// What is kept of a response, as text: the items that it was asked, each with an id, and what it answered.
import { plainBounds } from "../kernel/json-bounds.ts";
import type { JsonBounds } from "../kernel/json-bounds.ts";
import { readInTurns, writeInTurns } from "../kernel/json-turns.ts";
import { itemsOf } from "./store.ts";
import type { Item, NewAnswer, NewResponse } from "./store.ts";

/** Largest response that is kept, bytes of what it was asked and of what it answered each; longer ones are given and forgotten. */
export const maxKeptResponseBytes = 8 * 1024 * 1024;
/** Most items of an answer that later calls may name by their ids: all of them in one transaction must not hold up others. */
const maxNamedItems = 1000;

const keptBounds: JsonBounds = { ...plainBounds, keepsDigits: true };

/** What bytes say; undefined for what is no JSON, and for too much, which is not kept. */
export async function parsed(bytes: Buffer): Promise<unknown> {
  if (bytes.length > maxKeptResponseBytes) return undefined;
  try {
    return await readInTurns(bytes, keptBounds);
  } catch {
    return undefined;
  }
}

/** What a response was asked, as it is kept; undefined for too much. */
export async function askedText(id: string, input: readonly Item[]): Promise<string | undefined> {
  return textOfAll(
    input.map((item, i) => (typeof item["id"] === "string" ? item : { ...item, id: inputId(item, id, i) })),
  );
}

/** What it answered, as it is kept; undefined for too much. */
export async function answerText(response: Item): Promise<Pick<NewAnswer, "response" | "itemIds"> | undefined> {
  const text = await textOfAll(response);
  return text === undefined ? undefined : named(response, text);
}

/** The same of one that has no answer: what was kept of it when it began, and why it ended, which must not be too much. */
export async function textOfEnd(response: Item): Promise<Pick<NewAnswer, "response" | "itemIds">> {
  return named(response, String(await writeInTurns(response)));
}

function named(response: Item, text: string): Pick<NewAnswer, "response" | "itemIds"> {
  const items = itemsOf({ input: [], response }).slice(0, maxNamedItems);
  return { response: text, itemIds: items.flatMap((item) => textOf(item["id"]) ?? []) };
}

async function textOfAll(value: Item | readonly Item[]): Promise<string | undefined> {
  const text = String(await writeInTurns(value));
  return text.length > maxKeptResponseBytes ? undefined : text;
}

/** Both; undefined for too much. */
export async function keptTexts(
  id: string,
  input: readonly Item[],
  response: Item,
): Promise<Pick<NewResponse, "input" | "response" | "itemIds"> | undefined> {
  const [asked, answered] = await Promise.all([askedText(id, input), answerText(response)]);
  return asked === undefined || answered === undefined ? undefined : { input: asked, ...answered };
}

/** Whether a value is an object, as items and responses are. */
export function isItem(value: unknown): value is Item {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text that says something. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** An id for an item that its caller gave none. */
function inputId({ type = "message" }: Item, responseId: string, index: number): string {
  const prefixes: Readonly<Record<string, string>> = {
    message: "msg",
    function_call: "fc",
    function_call_output: "fc",
    custom_tool_call: "ctc",
    custom_tool_call_output: "ctc",
    reasoning: "rs",
  };
  return `${prefixes[String(type)] ?? "item"}_${responseId.replace(/^resp_/, "")}_in${index}`;
}
