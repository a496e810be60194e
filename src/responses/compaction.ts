// A conversation made shorter: a model is asked for a summary of it, as a call like any other, and the summary stands in one item for
// all that was said but the user's own words. The item is Charter's: with every provider it becomes words of the conversation before
// anything looks at the call, so that guards, budgets and every model see it. What a provider's own item holds goes to it unread.
import type { CallOptions, Gateway, ModelAnswer } from "../gateway/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import { newId } from "../kernel/ids.ts";
import { writeInTurns } from "../kernel/json-turns.ts";
import type { DialectName } from "../models/index.ts";
import { responseFault } from "./errors.ts";
import { isItem, parsed, textOf } from "./kept-text.ts";
import type { Item } from "./store.ts";

type Body = Readonly<Record<string, unknown>>;

/** Tells Charter's own items from a provider's. */
const mark = "charter:summary:";

const request =
  "Write a summary of the conversation up to here, for a colleague who goes on with it and sees nothing else of it. Say what the " +
  "user wants and has decided, what was done and found out with names, numbers, paths and code that are still needed, what failed, " +
  "and what is to be done next. Write the summary alone, and call no tool.";
/** What asks for the summary, as the last item of a call. */
export const summaryRequest: Item = { type: "message", role: "user", content: request };
const heading = "Summary of the conversation so far, written by an assistant:\n\n";

/** A call whose summaries are words of the conversation. */
export function opened(body: Body): Body {
  const { input } = body;
  if (!Array.isArray(input) || !input.some(isOwn)) return body;
  return { ...body, input: (input as readonly unknown[]).map((item) => (isOwn(item) ? wordsOf(item) : item)) };
}

function isOwn(item: unknown): item is Item & { readonly encrypted_content: string } {
  if (!isItem(item) || item["type"] !== "compaction") return false;
  const { encrypted_content: content } = item;
  return typeof content === "string" && content.startsWith(mark);
}

function wordsOf(item: { readonly encrypted_content: string }): Item {
  const text = heading + item.encrypted_content.slice(mark.length);
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

/**
 * Makes a conversation shorter.
 * @param body The call with the whole conversation as items.
 * @throws What refuses the call; `response.not_compacted` where the model gives no whole summary.
 */
export async function compacted(
  ctx: Ctx,
  gateway: Pick<Gateway, "call">,
  { dialect, body }: { readonly dialect: DialectName; readonly body: Body & { readonly input: readonly unknown[] } },
  options: CallOptions,
): Promise<ModelAnswer> {
  const { input } = body;
  const asked = { ...body, input: [...input, summaryRequest], stream: false };
  const answer = await gateway.call(ctx, dialect, opened(asked), options);
  const said = answer.kind === "whole" ? await parsed(answer.body) : undefined;
  const summary = summaryIn(said);
  if (answer.kind !== "whole" || !isItem(said) || summary === "") throw notCompacted();
  const id = newId<"response">(ctx.clock);
  const users = input.filter(isItem).filter(({ type = "message", role }) => type === "message" && role === "user");
  const kept = users.map((item, i) => ({ id: `msg_${id}_${i}`, ...item, type: "message", status: "completed" }));
  const response = {
    id: `resp_${id}`,
    object: "response.compaction",
    created_at: Math.floor(ctx.clock.nowMs() / 1000),
    output: [...kept, summaryItem(ctx, summary)],
    usage: said["usage"] ?? null,
  };
  return { ...answer, body: Buffer.from(String(await writeInTurns(response))) };
}

/** The item that holds a summary. */
export function summaryItem({ clock }: Pick<Ctx, "clock">, summary: string): Item {
  return { id: `cmp_${newId<"response">(clock)}`, type: "compaction", encrypted_content: mark + summary };
}

/** The refusal of an answer that holds none. */
export function notCompacted(): Fault {
  return responseFault("response.not_compacted", "the model gave no whole summary of the conversation");
}

/** The summary in a response; empty where there is no whole one. */
export function summaryIn(said: unknown): string {
  return isItem(said) && said["status"] === "completed" ? textIn(said["output"]) : "";
}

/** The words of the messages in an output. */
function textIn(output: unknown): string {
  const items = Array.isArray(output) ? (output as readonly unknown[]).filter(isItem) : [];
  const parts = items.flatMap(({ type, content }) => (type === "message" && Array.isArray(content) ? content : []));
  return (parts as readonly unknown[])
    .flatMap((part) => (isItem(part) ? (textOf(part["text"]) ?? []) : []))
    .join("\n\n");
}
