// A call whose input ends in a `compaction_trigger`, as agents send it in place of `/v1/responses/compact`: it is asked and streamed
// like any other call, and its answer is one `compaction` item. Of the model's words nothing else is told.
import type { ModelAnswer } from "../gateway/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { writeInTurns } from "../kernel/json-turns.ts";
import { SseDecoder } from "../models/index.ts";
import { notCompacted, summaryIn, summaryItem, summaryRequest } from "./compaction.ts";
import { isItem, parsed } from "./kept-text.ts";
import { eventText, frameOf, numbered } from "./response-events.ts";
import type { Item } from "./store.ts";

type Body = Readonly<Record<string, unknown>>;

/** Events that are passed on: those that come before anything of the answer, and failures. */
const passed: ReadonlySet<unknown> = new Set([
  "response.created",
  "response.queued",
  "response.in_progress",
  "response.failed",
  "error",
]);

function isTrigger(item: unknown): boolean {
  return isItem(item) && item["type"] === "compaction_trigger";
}

/** The call for the summary; undefined for a call that wants none. */
export function triggered(body: Body): Body | undefined {
  const { input } = body;
  if (!Array.isArray(input) || !isTrigger(input.at(-1))) return undefined;
  const said = (input as readonly unknown[]).filter((item) => !isTrigger(item));
  // What says nothing and goes on from nothing is refused like any other call that does.
  const isEmpty = said.length === 0 && typeof body["previous_response_id"] !== "string";
  return { ...body, input: isEmpty ? null : [...said, summaryRequest] };
}

/** The answer to that call with its summary as one item. @throws `response.not_compacted` where a whole answer has none. */
export async function shortened(ctx: Ctx, answer: ModelAnswer): Promise<ModelAnswer> {
  if (answer.kind === "stream") return { ...answer, bytes: shortenedEvents(ctx, answer.bytes) };
  const response = shortenedResponse(ctx, await parsed(answer.body));
  if (response === undefined) throw notCompacted();
  return { ...answer, body: Buffer.from(String(await writeInTurns(response))) };
}

function shortenedResponse(ctx: Ctx, said: unknown): (Item & { readonly output: readonly Item[] }) | undefined {
  const summary = summaryIn(said);
  return isItem(said) && summary !== "" ? { ...said, output: [summaryItem(ctx, summary)] } : undefined;
}

async function* shortenedEvents(ctx: Ctx, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const decoder = new SseDecoder();
  let [next, isEnded] = [0, false];
  const frame = async (event: Item): Promise<Buffer> => frameOf(numbered(await eventText(event), next++));
  for await (const piece of bytes) {
    for (const { event, raw } of decoder.feed(piece)) {
      // Comments keep the connection open while the model writes.
      if (event === undefined || event.data === "") {
        yield raw;
        continue;
      }
      const said = await parsed(Buffer.from(event.data));
      if (!isItem(said)) continue;
      const { type } = said;
      isEnded ||= type === "response.failed" || type === "error";
      if (passed.has(type)) yield await frame(said);
      else if (type === "response.completed" || type === "response.incomplete") {
        isEnded = true;
        for (const each of endOf(ctx, said["response"])) yield await frame(each);
      }
    }
  }
  // An end that is too large to be read is none.
  if (!isEnded) for (const each of endOf(ctx, undefined)) yield await frame(each);
}

/** The events that tell the one item and the end. */
function endOf(ctx: Ctx, said: unknown): readonly Item[] {
  const response = shortenedResponse(ctx, said);
  if (response === undefined) {
    const { code, message } = notCompacted();
    const failed = { ...(isItem(said) ? said : {}), status: "failed", output: [], error: { code, message } };
    return [{ type: "response.failed", response: failed }];
  }
  const [item] = response.output;
  return [
    { type: "response.output_item.added", output_index: 0, item },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response },
  ];
}
