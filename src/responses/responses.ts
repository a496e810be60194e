// Responses that are kept, as callers of the Responses API expect it: a call may go on from an earlier response, or name items
// of it. Promises:
//
// 1. What a call refers to is put in its place before anything looks at it: guards, terms, budgets and the provider see the whole
//    conversation. The provider keeps nothing.
// 2. A response is durable before the end of it leaves.
// 3. No one finds what another product, or another caller of none, has said.
// 4. A response that cannot be kept is given all the same, since it is paid for; the log says why.
import type { Gate, Receipted } from "../governance/index.ts";
import type { CallOptions, Gateway, ModelAnswer } from "../gateway/index.ts";
import type { Ctx } from "../kernel/ctx.ts";
import { plainBounds } from "../kernel/json-bounds.ts";
import type { JsonBounds } from "../kernel/json-bounds.ts";
import { readInTurns, writeInTurns } from "../kernel/json-turns.ts";
import type { DialectName } from "../models/index.ts";
import { newId } from "../kernel/ids.ts";
import { responseFault } from "./errors.ts";
import { itemsOf } from "./store.ts";
import type { Item, KeptResponse, ResponseStore, ResponseTx } from "./store.ts";

type Body = Readonly<Record<string, unknown>>;

/** Largest response that is kept, bytes of what it was asked and of what it answered each; longer ones are given and forgotten. */
export const maxKeptResponseBytes = 8 * 1024 * 1024;
/** Most items of an answer that later calls may name by their ids: all of them in one transaction must not hold up others. */
const maxNamedItems = 1000;
/** Most responses that one conversation is put together from. */
export const maxKeptTurns = 1000;

/** A call for a response. */
interface ResponseCall {
  readonly dialect: DialectName;
  readonly body: Body;
}

/** What kept responses are made of. */
export interface ResponsesParts {
  readonly gate: Gate;
  readonly gateway: Pick<Gateway, "call">;
  readonly store: ResponseStore;
  /** How long a response is kept, milliseconds; 0 keeps none. */
  readonly keepMs: number;
}

/** Responses that are kept. */
export class Responses {
  readonly #parts: ResponsesParts;

  constructor(parts: ResponsesParts) {
    this.#parts = parts;
  }

  /** Answers a call, and keeps the response unless the caller wants otherwise. @throws `response.not_found` */
  async create(ctx: Ctx, { dialect, body }: ResponseCall, options: CallOptions): Promise<ModelAnswer> {
    const { gateway, keepMs } = this.#parts;
    if (keepMs === 0) return gateway.call(ctx, dialect, body, options);
    const owner = ownerOf(ctx, options);
    const { own, whole } = await this.#expanded(ctx, owner, body);
    // What is no true, false or absent is for the API's reader to refuse.
    const isKept = body["store"] === true || body["store"] === undefined || body["store"] === null;
    if (!isKept) return gateway.call(ctx, dialect, whole, options);
    const { store: _, ...asked } = whole;
    const previousId = textOf(body["previous_response_id"]);
    const id = `resp_${newId<"response">(ctx.clock)}`;
    const kept = { id, ...(previousId !== undefined && { previous: previousId }) };
    const answer = await gateway.call(ctx, dialect, asked, { ...options, kept });
    const keep = (response: unknown): Promise<void> =>
      this.#keep(ctx, owner, { input: own, previousId: previousId ?? null, response });
    if (answer.kind === "stream") return { ...answer, bytes: keptAtTheEnd(answer.bytes, keep) };
    await keep(await parsed(answer.body));
    return answer;
  }

  /** A response that is kept. @throws `response.not_found` */
  async read(ctx: Ctx, id: string, options: Pick<CallOptions, "product">): Promise<KeptResponse> {
    return this.#found(ctx, ownerOf(ctx, options), id, "id");
  }

  /** All that a response was asked: the conversation before it, and its own input. @throws `response.not_found` */
  async inputOf(ctx: Ctx, id: string, options: Pick<CallOptions, "product">): Promise<readonly Item[]> {
    const owner = ownerOf(ctx, options);
    const kept = await this.#found(ctx, owner, id, "id");
    return [...(await this.#before(ctx, owner, kept.previousId)), ...kept.input];
  }

  /** Forgets a response; what goes on from it cannot be gone on from any more. @throws `response.not_found` */
  async remove(ctx: Ctx, id: string, options: Pick<CallOptions, "product">): Promise<Receipted<string>> {
    const { gate, store } = this.#parts;
    const owner = ownerOf(ctx, options);
    const product = ctx.principal.product ?? options.product ?? null;
    // Who may have responses made may have them forgotten: it is no record that goes, but what a caller left to go on from.
    const attempt = {
      operation: "response.delete",
      resource: `response/${id}`,
      action: "CREATE",
      target: { kind: "completion", product },
    } as const;
    return gate.act(ctx, attempt, async (act) => {
      await act.transact(async (tx: ResponseTx) => {
        if (!(await store.remove(tx, owner, id, ctx.clock.nowMs()))) {
          throw responseFault("response.not_found", "no response of this id is kept");
        }
      });
      return { value: id };
    });
  }

  /** A body with what it refers to in its place, and the items that it says itself. */
  async #expanded(
    ctx: Ctx,
    owner: string,
    body: Body,
  ): Promise<{ readonly own: readonly Item[]; readonly whole: Body }> {
    const previousId = textOf(body["previous_response_id"]);
    const asked = listed(body["input"]);
    const hasReferences = asked.some(isReference);
    const own = hasReferences ? await this.#resolved(ctx, owner, asked) : asked;
    if (previousId === undefined && !hasReferences) return { own, whole: body };
    const before = await this.#before(ctx, owner, previousId ?? null);
    const { previous_response_id: _, ...rest } = body;
    // Items that are said again are said once.
    const known = new Set(before.flatMap(({ id }) => (typeof id === "string" ? [id] : [])));
    const added = own.filter(({ id }) => typeof id !== "string" || !known.has(id));
    return { own: added, whole: { ...rest, input: [...before, ...added] } };
  }

  /** The conversation up to a response. */
  async #before(ctx: Ctx, owner: string, id: string | null): Promise<readonly Item[]> {
    const turns: (readonly Item[])[] = [];
    const seen = new Set<string>();
    for (let next = id; next !== null;) {
      if (turns.length === maxKeptTurns || seen.has(next)) {
        throw responseFault("response.too_long", `the conversation has more than ${maxKeptTurns} responses`, {
          at: "/previous_response_id",
          remedy: "send its last part as input",
        });
      }
      seen.add(next);
      const kept = await this.#found(ctx, owner, next, "previous_response_id");
      turns.push(itemsOf(kept));
      next = kept.previousId;
    }
    return turns.toReversed().flat();
  }

  /** Items with those that are named by their ids in place; one that no one has kept is left for the API's reader to name. */
  async #resolved(ctx: Ctx, owner: string, items: readonly Item[]): Promise<readonly Item[]> {
    const known = new Map<string, Item>();
    const resolved: Item[] = [];
    for (const item of items) {
      const id = isReference(item) ? textOf(item["id"]) : undefined;
      if (id !== undefined && !known.has(id)) {
        const kept = await this.#parts.store.holding(owner, id, ctx.clock.nowMs());
        for (const each of kept === undefined ? [] : itemsOf(kept)) known.set(String(each["id"]), each);
      }
      resolved.push((id === undefined ? undefined : known.get(id)) ?? item);
    }
    return resolved;
  }

  async #found(ctx: Ctx, owner: string, id: string, what: "id" | "previous_response_id"): Promise<KeptResponse> {
    const kept = await this.#parts.store.get(owner, id, ctx.clock.nowMs());
    if (kept !== undefined) return kept;
    const facts = what === "id" ? {} : { at: `/${what}` };
    throw responseFault("response.not_found", "no response of this id is kept", facts);
  }

  async #keep(
    { clock, log }: Ctx,
    owner: string,
    { input, previousId, response }: { input: readonly Item[]; previousId: string | null; response: unknown },
  ): Promise<void> {
    const said = isItem(response) ? response : {};
    const { id, status } = said;
    if (typeof id !== "string" || id === "" || (status !== "completed" && status !== "incomplete")) return;
    const createdMs = clock.nowMs();
    const named = input.map((item, i) =>
      typeof item["id"] === "string" ? item : { ...item, id: inputId(item, id, i) },
    );
    try {
      const texts = await Promise.all([named, said].map(async (each) => String(await writeInTurns(each))));
      const [asked = "", answered = ""] = texts;
      if (texts.some(({ length }) => length > maxKeptResponseBytes)) {
        log.warn({ response: id }, `a response of more than ${maxKeptResponseBytes} bytes is not kept`);
        return;
      }
      const answers = itemsOf({ input: [], response: said }).slice(0, maxNamedItems);
      const itemIds = answers.flatMap((item) => textOf(item["id"]) ?? []);
      const expiresMs = createdMs + this.#parts.keepMs;
      const row = { id, previousId, createdMs, expiresMs, input: asked, response: answered, itemIds };
      await this.#parts.store.put(owner, row);
    } catch (error) {
      log.error({ err: error, response: id }, "a response could not be kept");
    }
  }
}

/** Whose a response is: of the product that pays, or of a caller of none. */
export function ownerOf({ principal }: Ctx, { product }: Pick<CallOptions, "product">): string {
  const own = principal.product ?? product;
  return own === undefined ? `caller:${principal.id}` : `product:${own}`;
}

/** A stream whose last bytes leave when its response is kept. */
async function* keptAtTheEnd(
  bytes: AsyncIterable<Buffer>,
  keep: (response: unknown) => Promise<void>,
): AsyncGenerator<Buffer, void> {
  for await (const piece of bytes) {
    const response =
      piece.includes('"response.completed"') || piece.includes('"response.incomplete"')
        ? await responseIn(piece)
        : undefined;
    if (response !== undefined) await keep(response);
    yield piece;
  }
}

/** The whole response in frames that hold the end of a stream. */
async function responseIn(frames: Buffer): Promise<unknown> {
  for (const frame of frames.toString("utf8").split(/\r?\n\r?\n/)) {
    const data = frame
      .split(/\r?\n/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice("data:".length))
      .join("\n");
    if (!data.includes('"response.completed"') && !data.includes('"response.incomplete"')) continue;
    const event = await parsed(Buffer.from(data));
    if (isItem(event) && (event["type"] === "response.completed" || event["type"] === "response.incomplete")) {
      return event["response"];
    }
  }
  return undefined;
}

const keptBounds: JsonBounds = { ...plainBounds, keepsDigits: true };

/** What bytes say; undefined for too much, which is not kept. */
async function parsed(bytes: Buffer): Promise<unknown> {
  if (bytes.length > maxKeptResponseBytes) return undefined;
  try {
    return await readInTurns(bytes, keptBounds);
  } catch {
    return undefined;
  }
}

function listed(input: unknown): readonly Item[] {
  if (typeof input === "string") {
    return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
  }
  // What is not of the API's form is refused by its reader, which sees the body as it came.
  return Array.isArray(input) ? (input as readonly unknown[]).filter(isItem) : [];
}

/** The id alone says what an item is, or its type does. */
function isReference(item: Item): boolean {
  const { type, id, role, content } = item;
  if (type === "item_reference") return true;
  return (type === undefined || type === null) && typeof id === "string" && role === undefined && content === undefined;
}

function isItem(value: unknown): value is Item {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
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
