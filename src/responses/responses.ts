// Responses that are kept, as callers of the Responses API expect it: a call may go on from an earlier response, or name items
// of it. Promises:
//
// 1. What a call refers to is put in its place before anything looks at it: guards, terms, budgets and the provider see the whole
//    conversation. The provider keeps nothing.
// 2. A response is durable before the end of it leaves.
// 3. No one finds what another product, or another caller of none, has said.
// 4. A response that cannot be kept is given all the same, since it is paid for; the log says why.
import type { Attempt, Gate, Receipted } from "../governance/index.ts";
import type { CallOptions, Gateway, ModelAnswer } from "../gateway/index.ts";
import { seesAll } from "../kernel/ctx.ts";
import type { Ctx } from "../kernel/ctx.ts";
import type { DialectName } from "../models/index.ts";
import type { Fault } from "../kernel/fault.ts";
import { newId } from "../kernel/ids.ts";
import { isOpen } from "./background-ends.ts";
import type { BackgroundAnswer, BackgroundResponses } from "./background.ts";
import { shortened, triggered } from "./compaction-trigger.ts";
import { compacted, opened } from "./compaction.ts";
import { responseFault } from "./errors.ts";
import { keptAtTheEnd } from "./kept-stream.ts";
import { isItem, keptTexts, maxKeptResponseBytes, parsed, textOf } from "./kept-text.ts";
import { itemsOf } from "./store.ts";
import type { Item, KeptResponse, ResponseStore, ResponseTx } from "./store.ts";

type Body = Readonly<Record<string, unknown>>;

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
  readonly background: BackgroundResponses;
  /** How long a response is kept, milliseconds; 0 keeps none. */
  readonly keepMs: number;
}

/** Responses that are kept. */
export class Responses {
  readonly #parts: ResponsesParts;

  constructor(parts: ResponsesParts) {
    this.#parts = parts;
  }

  /**
   * Answers a call, and keeps the response unless the caller wants otherwise; at once where it is worked on in the background.
   * @throws `response.not_found`, and what refuses a response in the background.
   */
  async create(
    ctx: Ctx,
    { dialect, body }: ResponseCall,
    options: CallOptions,
  ): Promise<ModelAnswer | BackgroundAnswer> {
    const { gateway, keepMs } = this.#parts;
    // One in the background ends as it is asked.
    const summary = body["background"] === true ? undefined : triggered(body);
    const call = async (asked: Body, more: CallOptions): Promise<ModelAnswer> => {
      const answer = await gateway.call(ctx, dialect, asked, more);
      return summary === undefined ? answer : shortened(ctx, answer);
    };
    if (keepMs === 0) return call(opened(summary ?? body), options);
    const owner = ownerOf(ctx, options);
    const { own, whole: expanded } = await this.#expanded(ctx, owner, summary ?? body);
    const whole = opened(expanded);
    // What is no true, false or absent is for the API's reader to refuse.
    const isKept = body["store"] === true || body["store"] === undefined || body["store"] === null;
    const isLater = body["background"] === true;
    if (!isKept && isLater) throw notStored();
    if (!isKept) return call(whole, options);
    const { store: _, ...asked } = whole;
    const previousId = textOf(body["previous_response_id"]);
    if (isLater) {
      const { background: __, ...now } = asked;
      const later = { dialect, owner, input: own, previousId: previousId ?? null, body: now };
      return this.#parts.background.create(ctx, later, options);
    }
    const id = `resp_${newId<"response">(ctx.clock)}`;
    const kept = { id, ...(previousId !== undefined && { previous: previousId }) };
    const answer = await call(asked, { ...options, kept });
    // What goes on from a summary goes on from nothing else.
    const said =
      summary === undefined ? { input: own, previousId: previousId ?? null } : { input: [], previousId: null };
    const keep = (response: unknown): Promise<void> => this.#keep(ctx, owner, { ...said, response });
    if (answer.kind === "stream") return { ...answer, bytes: keptAtTheEnd(answer.bytes, keep) };
    await keep(await parsed(answer.body));
    return answer;
  }

  /** A conversation made shorter; nothing of it is kept. @throws `response.not_found`, `response.not_compacted` */
  async compact(ctx: Ctx, { dialect, body }: ResponseCall, options: CallOptions): Promise<ModelAnswer> {
    const { whole } = await this.#expanded(ctx, ownerOf(ctx, options), body);
    const { gateway } = this.#parts;
    const { store: _, background: __, ...asked } = whole;
    const said = asked["input"];
    const input: readonly unknown[] = Array.isArray(said) ? said : listed(said);
    // What says nothing is refused like any other call that does.
    if (input.length === 0)
      return gateway.call(ctx, dialect, { ...asked, input: Array.isArray(said) ? null : said }, options);
    return compacted(ctx, gateway, { dialect, body: { ...asked, input } }, options);
  }

  /** A response that is kept. @throws `response.not_found` */
  async read(ctx: Ctx, id: string, options: Pick<CallOptions, "product">): Promise<KeptResponse> {
    const owner = ownerOf(ctx, options);
    return this.#parts.background.ends.settled(owner, await this.#found(ctx, owner, id, "id"));
  }

  /** Its events after a number, as they come. @throws `response.not_found`, `response.not_streamed` */
  async events(
    ctx: Ctx,
    id: string,
    after: number,
    options: Pick<CallOptions, "product">,
  ): Promise<AsyncIterable<Buffer>> {
    await this.read(ctx, id, options);
    return this.#parts.background.events(ctx, ownerOf(ctx, options), id, after);
  }

  /**
   * Ends a response in the background; one that has ended stays as it is.
   * @throws `response.not_found`, `response.not_background`
   */
  async cancel(ctx: Ctx, id: string, options: Pick<CallOptions, "product">): Promise<Receipted<Item>> {
    const { gate, store, background } = this.#parts;
    const owner = ownerOf(ctx, options);
    const done = await gate.act(ctx, attemptOn(ctx, "response.cancel", id, options), async (act) => {
      const value = await act.transact(async (tx: ResponseTx) => {
        const kept = await store.get(owner, id, ctx.clock.nowMs(), tx);
        if (kept === undefined) throw notFound();
        return background.ends.cancelIn(tx, owner, kept);
      });
      return { value };
    });
    background.stop(owner, id);
    return done;
  }

  /** All that a response was asked: the conversation before it, and its own input. @throws `response.not_found` */
  async inputOf(ctx: Ctx, id: string, options: Pick<CallOptions, "product">): Promise<readonly Item[]> {
    const owner = ownerOf(ctx, options);
    const kept = await this.#found(ctx, owner, id, "id");
    return [...(await this.#before(ctx, owner, kept.previousId)), ...kept.input];
  }

  /** Forgets a response; what goes on from it cannot be gone on from any more. @throws `response.not_found` */
  async remove(ctx: Ctx, id: string, options: Pick<CallOptions, "product">): Promise<Receipted<string>> {
    const { gate, background } = this.#parts;
    const owner = ownerOf(ctx, options);
    const done = await gate.act(ctx, attemptOn(ctx, "response.delete", id, options), async (act) => {
      await act.transact(async (tx: ResponseTx) => {
        if (!(await background.ends.forgetIn(tx, owner, id))) throw notFound();
      });
      return { value: id };
    });
    background.stop(owner, id);
    return done;
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
      if (!hasAnswer(kept)) throw notFinished();
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
    throw notFound(what === "id" ? {} : { at: `/${what}` });
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
    try {
      const texts = await keptTexts(id, input, said);
      if (texts === undefined) {
        log.warn({ response: id }, `a response of more than ${maxKeptResponseBytes} bytes is not kept`);
        return;
      }
      const expiresMs = createdMs + this.#parts.keepMs;
      if (await this.#parts.store.put(owner, { id, previousId, createdMs, expiresMs, ...texts })) return;
      log.error({ response: id }, "a provider gave two responses one id; neither can be gone on from");
    } catch (error) {
      log.error({ err: error, response: id }, "a response could not be kept");
    }
  }
}

/** Who may have responses made may have them ended or forgotten: it is no record that goes, but what a caller left to go on from. */
function attemptOn(
  { principal }: Ctx,
  operation: "response.cancel" | "response.delete",
  id: string,
  options: Pick<CallOptions, "product">,
): Attempt {
  const target = { kind: "completion", product: principal.product ?? options.product ?? null } as const;
  return { operation, resource: `response/${id}`, action: "CREATE", target };
}

function notFound(facts: { readonly at?: string } = {}): Fault {
  return responseFault("response.not_found", "no response of this id is kept", facts);
}

function notStored(): Fault {
  return responseFault("response.not_stored", "a response in the background has to be kept", {
    at: "/store",
    remedy: "leave `store` out, or ask without `background`",
  });
}

function notFinished(): Fault {
  return responseFault("response.not_finished", "the response has no answer to go on from", {
    at: "/previous_response_id",
    remedy: "ask for it until its status is `completed`",
  });
}

function hasAnswer(kept: KeptResponse): boolean {
  return !isOpen(kept) && kept.response["status"] !== "failed" && kept.response["status"] !== "cancelled";
}

/** Whose a response is: of the product that pays, or of a caller of none, as one is who names a product that it may not speak for. */
export function ownerOf({ principal }: Ctx, { product }: Pick<CallOptions, "product">): string {
  const own = principal.product ?? (seesAll(principal) ? product : undefined);
  return own === undefined ? `caller:${principal.id}` : `product:${own}`;
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
