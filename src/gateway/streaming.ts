// Passes a streamed answer on to its caller, and ends the call when the stream ends, however it ends. Promises:
//
// 1. Pieces are pulled: a slow reader slows the upstream, and nothing piles up here.
// 2. An answer in the caller's own dialect goes through as it came, byte for byte, but for what the product's guards take
//    out, and the usage that the caller has not asked for.
// 3. After the first byte nothing is tried elsewhere: a stream that breaks ends with a typed error frame of its dialect, and
//    so does one whose call is ended from here.
// 4. While its source is silent, something is written that keeps it awake (keep-alive.ts).
// 5. The call's outcome is durable before the last frame, which a comment with what Charter has to say precedes.
import type { Finish, FrontDialect, StreamEvent, StreamWriter, Cost } from "../models/index.ts";
import { gatewayFault } from "./errors.ts";
import { stampOf } from "./call-session.ts";
import type { CallSession } from "./call-session.ts";
import { Fault } from "../kernel/fault.ts";
import { publicNames } from "../kernel/json-case.ts";
import { endOf, throwIfEnded } from "../kernel/credential.ts";
import { endOfWords, frameGuard, GuardedWords, HeldBlocks, isLong, laneOf } from "../guards/index.ts";
import type { Block, FrameGuard } from "../guards/index.ts";
import { KeepAlive, keepAliveFrame, quiet } from "./keep-alive.ts";
import type { Item } from "./upstream-stream.ts";
import type { Attempted } from "./overrun.ts";
import type { StreamedForm } from "./reply-form.ts";
import { noUsage, TokenEstimator } from "../models/index.ts";
import { reasonOf, settleAnswer, settleFailure } from "./stages/settle.ts";
import type { Ending } from "./stages/settle.ts";
import type { AnswerFacts } from "./answer-facts.ts";

/** Where pieces come from: an upstream, another call that is followed, or an answer that is kept. */
export interface Source {
  next(): Promise<readonly Item[] | undefined>;
  complete(): void;
  broke(error: unknown): void;
}

/** What a stream is passed on with. */
export interface StreamParts {
  readonly session: CallSession;
  readonly source: Source;
  readonly front: FrontDialect;
  /** The source speaks the caller's dialect, so that bytes can pass as they came. */
  readonly asItCame: boolean;
  /** What is paid for; undefined where nothing is, because the answer was there or is another call's. */
  readonly attempt: Attempted | undefined;
  /** The product's guards look through it. */
  readonly isGuarded: boolean;
  /** Judges the form of what is said; absent where none was asked for. */
  readonly form?: StreamedForm;
}

/** The comment that precedes the last frame: what the headers of a whole answer say. */
export function factsComment(facts: AnswerFacts): string {
  return `: charter ${JSON.stringify(publicNames(facts))}\n\n`;
}

/** A streamed answer on its way. Iterating it sends it; leaving the loop early means that the caller has gone. */
export class StreamedAnswer implements AsyncIterable<Buffer> {
  readonly #parts: StreamParts;
  readonly #writer: StreamWriter;
  /** Looks through what frames hold other than words; undefined when the policy looks for nothing. */
  readonly #frames: FrameGuard | undefined;
  /** Looks through the words, across frames. */
  readonly #words: GuardedWords;
  /** The pieces that a writer must have seen to go on in the middle: all but what only repeats the kind before it. */
  #outline: StreamEvent[] | undefined = [];
  readonly #output = new TokenEstimator();
  #usage: Readonly<Record<string, unknown>> | null = null;
  #tier: string | undefined;
  #model = "";
  #finish: Finish | undefined;
  #endFrame: Buffer | string | undefined;
  /** Blocks whose text a guard has not decided on. */
  readonly #held = new HeldBlocks();
  /** A guard has changed something, so that blocks no longer pass as they come. */
  #rewrites = false;
  readonly #keepAliveFrame: Buffer;
  /** What the source was asked for and has not given yet. */
  #pending: Promise<readonly Item[] | undefined> | undefined;
  /** The source has come to its end: what the provider has said of it by then is all. */
  #isWhole = false;
  /** The stream broke off. */
  #isCut = false;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    const { session, front, isGuarded } = parts;
    this.#writer = front.streamWriter(session.call, stampOf(session));
    this.#keepAliveFrame = keepAliveFrame(front);
    const { guards } = session.prepared.terms;
    this.#frames = isGuarded ? frameGuard(guards) : undefined;
    this.#words = new GuardedWords(isGuarded ? guards : undefined, (findings) => session.found(findings));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    const { session } = this.#parts;
    const { signal } = session.ctx;
    const startMs = performance.now();
    using keepAlive = new KeepAlive();
    try {
      for (;;) {
        const askedMs = performance.now();
        const items = await keepAlive.until(this.#next());
        const nowMs = performance.now();
        session.waited(nowMs - askedMs);
        throwIfEnded(signal);
        if (items === quiet) {
          session.streamed(this.#keepAliveFrame);
          yield this.#keepAliveFrame;
          keepAlive.sent();
          continue;
        }
        this.#pending = undefined;
        if (items === undefined) break;
        const bytes = items.some(isLong) ? await this.#passLong(items) : this.#pass(items);
        if (bytes.length === 0) {
          // A comment, a ping, words that a guard holds back: the provider is at work, and the caller gets nothing of it.
          keepAlive.heard();
          continue;
        }
        session.streamed(bytes, nowMs);
        yield bytes;
        keepAlive.sent();
        // The time that the reader took is not Charter's.
        session.waited(performance.now() - nowMs);
        if (this.#endFrame !== undefined) break;
      }
      const rest = this.#rest();
      if (rest.length > 0) {
        session.streamed(rest);
        yield rest;
      }
      throwIfEnded(signal);
      yield await this.#end(startMs);
    } catch (error) {
      if (session.isOver) throw error;
      yield await this.#broken(error, startMs);
    } finally {
      if (!session.isOver) await this.#left(startMs);
    }
  }

  /** The next items; asked for once, however often they are waited for. */
  #next(): Promise<readonly Item[] | undefined> {
    this.#pending ??= this.#parts.source.next();
    return this.#pending;
  }

  /** The bytes for some items, as one piece. Words that items in a row go on with are looked at together. */
  #pass(items: readonly Item[]): Buffer {
    const out: Buffer[] = [];
    for (let at = 0, end = 0; at < items.length && this.#endFrame === undefined; at = end) {
      end = endOfWords(items, at);
      const row = items.slice(at, end).map((item) => this.#taken(item));
      const guarded = this.#words.guardedRow(row);
      for (let i = 0; i < row.length; i++) this.#send(row[i] as Item, guarded[i] ?? [], out);
    }
    return joined(out);
  }

  /** The same for items that take the guards long, with turns for everyone else in between. */
  async #passLong(items: readonly Item[]): Promise<Buffer> {
    const out: Buffer[] = [];
    for (const each of items) {
      if (this.#endFrame !== undefined) break;
      const item = this.#taken(each);
      const guarded: (readonly StreamEvent[])[] = [];
      for (const piece of item.pieces) guarded.push(await this.#words.guardedInParts(piece));
      this.#send(item, guarded, out);
    }
    return joined(out);
  }

  /** An item, counted. */
  #taken(item: Item): Item {
    this.#count(item);
    return this.#framed(item);
  }

  /** Puts what may go out of an item to the rest. @param guarded What the guards let pass at each of its pieces. */
  #send({ raw, pieces }: Item, guarded: readonly (readonly StreamEvent[])[], out: Buffer[]): void {
    if (raw !== undefined && this.#parts.asItCame && !this.#rewrites)
      out.push(...this.#forwarded(raw, pieces, guarded));
    else for (const each of guarded) out.push(...this.#written(each));
  }

  /** An item as the product's guards let it pass, but for the words in it, which they look at across items. */
  #framed(item: Item): Item {
    if (this.#frames === undefined) return item;
    const { asItCame, session } = this.#parts;
    const kept = asItCame && !this.#rewrites ? item.raw : undefined;
    const { raw, pieces, findings, denied } = this.#frames.look(kept, item.pieces, item.text);
    session.found(findings);
    if (denied !== undefined) throw denied;
    return { ...(raw === undefined ? {} : { raw }), pieces };
  }

  /** Blocks as they came, or rewritten from the first one on in which a guard has changed something. */
  #forwarded(
    raw: Buffer,
    pieces: readonly StreamEvent[],
    guarded: readonly (readonly StreamEvent[])[],
  ): readonly Buffer[] {
    const isSame = guarded.every((each, i) => each.length === 1 && each[0] === pieces[i]);
    if (isSame && this.#held.isEmpty) return this.#passed({ raw, pieces });
    this.#held.add({ raw, pieces }, guarded.flat());
    return this.#decided();
  }

  /** What need not wait any longer. */
  #decided(): readonly Buffer[] {
    if (!this.#held.isChanged) return this.#held.release().flatMap((block) => this.#passed(block));
    this.#rewrites = true;
    this.#catchUp();
    const pieces = this.#held.drain();
    // The frame that opens words has passed: the writer must not open them again.
    const first = pieces.find((piece) => laneOf(piece) !== undefined);
    if (this.#parts.front.opensWords === true && first !== undefined) this.#writer.write(first);
    return pieces.flatMap((piece) => this.#said(piece));
  }

  /** A block as it came; the last one is held back until the outcome is durable. */
  #passed({ raw, pieces }: Block): readonly Buffer[] {
    for (const piece of pieces) this.#note(piece);
    if (pieces.some(({ kind }) => kind === "end")) {
      this.#endFrame = raw.length > 0 ? raw : Buffer.from(this.#parts.front.closing ?? "");
      return [];
    }
    // A block that holds nothing but the usage is the one that the caller would not have got without asking.
    const isUsage = pieces.length > 0 && pieces.every(({ kind }) => kind === "usage");
    const { session, front } = this.#parts;
    return isUsage && !session.call.wantsUsage && front.hidesUsage === true ? [] : [raw];
  }

  #written(pieces: readonly StreamEvent[]): readonly Buffer[] {
    const out = pieces.flatMap((each) => this.#said(each));
    this.#outline = undefined;
    return out;
  }

  /** A piece in the writer's words, noted; the end is held back until the outcome is durable. */
  #said(piece: StreamEvent): readonly Buffer[] {
    if (piece.kind === "end") {
      this.#endFrame = "";
      return [];
    }
    this.#note(piece);
    return this.#frame(piece.kind === "usage" ? { ...piece, usage: this.#cost().usage } : piece);
  }

  #frame(piece: StreamEvent): readonly Buffer[] {
    const text = this.#writer.write(piece);
    return text === "" ? [] : [Buffer.from(text)];
  }

  /** Lets the writer know what has gone out without it. */
  #catchUp(): void {
    for (const piece of this.#outline ?? []) this.#writer.write(piece);
    this.#outline = undefined;
  }

  /** Counts what has come: it is paid for, also where a guard still holds it back when the stream breaks off. */
  #count({ pieces }: Item): void {
    for (const piece of pieces) {
      if ("text" in piece) this.#output.add(piece.text);
      if (piece.kind !== "usage") continue;
      this.#usage = piece.raw;
      this.#tier = piece.serviceTier ?? this.#tier;
    }
  }

  /** Takes note of a piece that goes out. */
  #note(piece: StreamEvent): void {
    this.#parts.session.passed(piece);
    this.#parts.form?.note(piece);
    if (piece.kind === "start") this.#model = piece.model;
    if (piece.kind === "finish") this.#finish ??= piece.finish;
    const last = this.#outline?.at(-1);
    // Texts in a row differ in nothing that a writer keeps in mind.
    if (last?.kind !== piece.kind || piece.kind === "tool_start") this.#outline?.push(piece);
    if ((this.#outline?.length ?? 0) > maxOutline) this.#outline = [];
  }

  /** What guards hold back of texts that ended without saying so. */
  #rest(): Buffer {
    const pieces = this.#words.rest();
    if (!this.#parts.asItCame || this.#rewrites) return Buffer.concat(pieces.flatMap((piece) => this.#said(piece)));
    if (this.#held.isEmpty) return Buffer.alloc(0);
    this.#held.add({ raw: Buffer.alloc(0), pieces: [] }, pieces);
    return Buffer.concat(this.#decided());
  }

  /** The comment and the last frame, once the outcome is durable. */
  async #end(startMs: number): Promise<Buffer> {
    const { session, source, attempt, form, front } = this.#parts;
    this.#isWhole = true;
    session.passed({ kind: "end" });
    session.formed(form?.judge());
    const ending = this.#ending(this.#finish ?? "unknown");
    source.complete();
    if (attempt !== undefined) session.keepStream(attempt.seat.deployment.name, ending);
    session.phase("stream", startMs);
    const facts = await settleAnswer(session, ending);
    // Where the provider has said nothing of it, anyone who waits for the usage gets the estimate.
    const isUnsaid = attempt !== undefined && this.#usage === null;
    const isAwaited = isUnsaid && session.call.wantsUsage && front.hidesUsage === true;
    const raw = typeof this.#endFrame === "string" || isAwaited ? undefined : this.#endFrame;
    if (raw === undefined && this.#outline !== undefined) this.#catchUp();
    if (isUnsaid) this.#writer.write({ kind: "usage", raw: {}, usage: ending.usage });
    return Buffer.concat([Buffer.from(factsComment(facts)), raw ?? Buffer.from(this.#writer.write({ kind: "end" }))]);
  }

  /** The error frame of a stream that broke off; what was used until then is settled. */
  async #broken(error: unknown, startMs: number): Promise<Buffer> {
    const { session } = this.#parts;
    const { signal } = session.ctx;
    const failure = await this.#cut(error, reasonOf(session, error), startMs);
    const isGone = signal.aborted && endOf(signal) === undefined;
    return isGone ? Buffer.alloc(0) : Buffer.from(this.#writer.fail(failure));
  }

  /** The caller has left in the middle; for those who follow, the stream goes on. */
  async #left(startMs: number): Promise<void> {
    const { session } = this.#parts;
    try {
      while (session.isFollowed && this.#endFrame === undefined) {
        const items = await this.#next();
        this.#pending = undefined;
        if (items === undefined) return void (await this.#end(startMs));
        await this.#passLong(items);
      }
      if (this.#endFrame !== undefined) return void (await this.#end(startMs));
    } catch (error) {
      return void (await this.#broken(error, startMs));
    }
    const error = endOf(session.ctx.signal) ?? gatewayFault("call.aborted", "the caller has gone", {}, "left");
    await this.#cut(error, error, startMs);
  }

  /** Ends a call whose stream broke off and says what its caller may read of it. @param fault What goes on record. */
  async #cut(error: unknown, fault: unknown, startMs: number): Promise<{ code: string; message: string }> {
    const { session } = this.#parts;
    this.#isCut = !this.#isWhole;
    session.phase("stream", startMs, { error: fault instanceof Fault ? fault.code : "internal.error" });
    try {
      this.#giveUp(error);
      return await settleFailure(session, fault, this.#known());
    } catch (failure) {
      if (failure instanceof Fault) return { code: failure.code, message: failure.message };
      session.ctx.log.error({ err: failure }, "a stream failed inside");
      return { code: "internal.error", message: "something failed inside" };
    }
  }

  #cost(): Cost {
    const { session, attempt } = this.#parts;
    if (attempt === undefined) return { usage: noUsage, microdollars: 0 };
    const reply = { rawUsage: this.#usage, model: this.#model };
    const priced = { reply, ...(this.#tier && { serviceTier: this.#tier }) };
    return session.costOf(attempt, priced, this.#output.tokens, this.#isCut);
  }

  /** Lets go of the source and of those who follow. Whatever goes wrong with that, the call has yet to be ended. */
  #giveUp(error: unknown): void {
    const { session, source } = this.#parts;
    try {
      this.#words.giveUp();
      source.broke(error);
      session.abandoned(error);
    } catch (worse) {
      session.ctx.log.error({ err: worse }, "a broken stream could not be let go");
    }
  }

  /** What is known of a stream that broke off; where not even that can be said, all that was held for it counts. */
  #known(): Ending | undefined {
    try {
      return this.#ending("error");
    } catch (error) {
      this.#parts.session.ctx.log.error({ err: error }, "what a broken stream has cost cannot be said");
      return undefined;
    }
  }

  #ending(finish: string): Ending {
    const model = this.#model === "" ? this.#parts.session.call.model : this.#model;
    return { ...this.#cost(), model, finish, reply: this.#parts.session.streamDigest() };
  }
}

function joined(buffers: readonly Buffer[]): Buffer {
  const [only] = buffers;
  return buffers.length === 1 && only !== undefined ? only : Buffer.concat(buffers);
}

/** Longest outline, pieces; a stream beyond it is rewritten without one. */
const maxOutline = 10_000;
