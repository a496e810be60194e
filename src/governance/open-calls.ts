// The calls that are open, so that the end of what they rest on reaches them. Promises:
//
// 1. When a credential is revoked, its owner disabled or changed, or writes are halted here, every open call that this concerns
//    is judged again before the change is acknowledged; one that may not go on is stopped with the reason.
// 2. What passes with time, and what another process of the same database changes, reaches a call within about a second.
// 3. An act that ends authority is on record after every act that rests on what ended and had taken effect before it (`quiet`).
//    It waits for no other act, and for those no longer than `quietMs`: what hangs so long is on record after the end.
import type { CredentialLookup } from "../identity/index.ts";
import { Bag } from "../kernel/bag.ts";
import type { Baggable } from "../kernel/bag.ts";
import type { Ctx, Log } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import { askAgainMs, quietMs, reviewMs } from "../kernel/limits.ts";
import type { Credential } from "../kernel/credential.ts";
import { within } from "../kernel/within.ts";
import type { Attempt } from "./attempt.ts";
import { everyProduct } from "./halts.ts";
import type { Halts } from "./halts.ts";

/** Says why a call may not go on, from what is known in memory; undefined when it may. */
export type Judge = () => Fault | undefined;

/** One call, or one act of it. */
export interface OpenCall {
  /** From here on its effect may take place; `leave` tells that its outcome is on record. */
  takesEffect(): void;
  /**
   * Resolves when every act that had begun to take effect and rests on one of these is on record, but for those that wait for
   * this one, and after `quietMs` at the latest. They are ids of keys, users and clients, or scopes of halts.
   */
  quiet(ended: readonly string[]): Promise<void>;
  leave(): void;
}

/** What open calls are watched with. */
export interface OpenCallsParts {
  readonly credentials: Pick<CredentialLookup, "presentAll">;
  readonly halts: Pick<Halts, "refresh" | "onChange">;
  /** The constitution in force. */
  readonly constitution: { readonly hash: string };
  readonly log: Log;
}

class Call implements OpenCall, Baggable {
  place = -1;
  readonly ctx: Ctx;
  readonly judge: Judge;
  readonly sinceMs = performance.now();
  readonly attempt: Attempt | undefined;
  readonly #calls: Calls;
  #effect: { readonly done: Promise<void>; readonly resolve: () => void } | undefined;
  #waitsFor: readonly Call[] = [];

  constructor(calls: Calls, ctx: Ctx, judge: Judge, attempt?: Attempt) {
    this.#calls = calls;
    this.ctx = ctx;
    this.judge = judge;
    this.attempt = attempt;
  }

  /** Resolves when its outcome is on record; undefined for a call that has no effect yet. */
  get effect(): Promise<void> | undefined {
    return this.#effect?.done;
  }

  /** Whether its outcome comes after that of another call. */
  waitsFor(other: Call, seen = new Set<Call>()): boolean {
    if (seen.has(this)) return false;
    seen.add(this);
    return this.#waitsFor.some((each) => each === other || each.waitsFor(other, seen));
  }

  takesEffect(): void {
    if (this.#effect !== undefined) return;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#effect = { done, resolve };
  }

  async quiet(ended: readonly string[]): Promise<void> {
    this.#waitsFor = this.#calls
      .restingOn(ended)
      .filter((call) => call !== this && call.effect !== undefined && !call.waitsFor(this));
    const effects = this.#waitsFor.map(({ effect }) => effect);
    if (await this.#calls.settled(effects)) return;
    this.ctx.log.warn({ ended }, "an act that rests on what ended hangs; its outcome may be on record after the end");
  }

  leave(): void {
    this.#effect?.resolve();
    this.#calls.remove(this);
  }
}

interface Calls {
  restingOn(ended: readonly string[]): readonly Call[];
  /** Whether all of these, and what was being asked, came to their end in time. */
  settled(effects: readonly unknown[]): Promise<boolean>;
  remove(call: Call): void;
}

/** The open calls of one server. */
export class OpenCalls implements AsyncDisposable {
  readonly #parts: OpenCallsParts;
  readonly #open = new Bag<Call>();
  readonly #asking = new Set<Promise<void>>();
  #sweeping: Promise<void> | undefined;
  readonly #timer: NodeJS.Timeout;
  #constitutionHash: string;
  #askedMs = performance.now();
  #changes = 0;
  /** What every call knows of the others. */
  readonly #calls: Calls = {
    restingOn: (ended) => [...this.#open].filter((each) => ended.some((scope) => concerns(each, scope))),
    settled: (effects) => inTime(Promise.all([...this.#asking, ...effects])),
    remove: (each) => this.#open.take(each),
  };

  constructor(parts: OpenCallsParts) {
    this.#parts = parts;
    this.#constitutionHash = parts.constitution.hash;
    parts.halts.onChange(() => this.review());
    this.#timer = setInterval(() => this.#sweep(), reviewMs).unref();
  }

  /** Takes note of an act until it leaves. */
  enter(ctx: Ctx, judge: Judge, attempt: Attempt): OpenCall {
    return this.#enter(ctx, judge, attempt);
  }

  #enter(ctx: Ctx, judge: Judge, attempt?: Attempt): Call {
    const call = new Call(this.#calls, ctx, judge, attempt);
    this.#open.put(call);
    return call;
  }

  /** How many calls are open. */
  get size(): number {
    return this.#open.size;
  }

  /** How many changes it was told of. */
  get changes(): number {
    return this.#changes;
  }

  /** The same for a call whose caller has just been recognised; what has changed since `changes` was not told to it. */
  admit(ctx: Ctx, judge: Judge, changes: number): OpenCall {
    const call = this.#enter(ctx, judge);
    if (changes !== this.#changes) this.#askNow([call]);
    return call;
  }

  /** Asks again about every open call that rests on this key, user, client, family or token; its change is durable. */
  changed(id: string): void {
    this.#changes++;
    const concerned = [...this.#open].filter(({ ctx }) => restsOn(ctx.credentialState?.credential, id));
    if (concerned.length > 0) this.#askNow(concerned);
  }

  /** Judges every open call again and stops those that may not go on. */
  review(calls: Iterable<Call> = this.#open): void {
    for (const { ctx, judge } of calls) {
      if (ctx.stop === undefined || ctx.signal.aborted) continue;
      const fault = judge();
      if (fault !== undefined) ctx.stop(fault);
    }
  }

  #sweep(): void {
    const { hash } = this.#parts.constitution;
    // Halts and changes of credentials are told when they happen; time passes without a word.
    if (hash === this.#constitutionHash) this.review([...this.#open].filter(hasExpired));
    else this.review();
    this.#constitutionHash = hash;
    const nowMs = performance.now();
    // What is asked because of changes must not put this off: there may always be some.
    if (nowMs - this.#askedMs < askAgainMs || this.#sweeping !== undefined) return;
    this.#askedMs = nowMs;
    const old = [...this.#open].filter(({ sinceMs }) => nowMs - sinceMs >= askAgainMs);
    this.#sweeping = this.#ask(old, true).finally(() => (this.#sweeping = undefined));
  }

  /** Asks before the change that is the reason is acknowledged. */
  #askNow(calls: readonly Call[]): void {
    const asking = this.#ask(calls);
    this.#asking.add(asking);
    void asking.then(() => this.#asking.delete(asking));
  }

  /** Asks the database what these calls rest on, and judges them by what it says. */
  async #ask(calls: readonly Call[], halts = false): Promise<void> {
    try {
      if (halts) await this.#parts.halts.refresh();
      const states = new Set(calls.flatMap(({ ctx }) => ctx.credentialState ?? []));
      if (states.size === 0) return;
      const credentials = new Set([...states].map(({ credential }) => credential));
      const present = await this.#parts.credentials.presentAll([...credentials]);
      for (const credentialState of states) credentialState.see(present.get(credentialState.credential));
      this.review(calls);
    } catch (error) {
      this.#parts.log.warn({ err: error }, "what open calls rest on could not be asked about; trying again");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#asking, this.#sweeping]);
  }
}

function hasExpired({ ctx: { credentialState, clock } }: Call): boolean {
  return credentialState?.stands(clock.nowMs()) === false;
}

/** Whether an act rests on something that ends, or is what a halt of this scope stops. */
function concerns({ ctx, attempt }: Call, ended: string): boolean {
  if (attempt === undefined) return false;
  const { id, product } = ctx.principal;
  const { kind, product: target } = attempt.target;
  if (ended === everyProduct || ended === id || ended === (product ?? target)) return true;
  // Who signs in shows no credential yet, and may do so for any account through any client.
  if (ctx.credentialState === undefined && kind === "identity") return true;
  return restsOn(ctx.credentialState?.credential, ended) || ended === idIn(attempt.resource);
}

/** The id that a resource names: `key_...` of `key/key_...`. */
export function idIn(resource: string): string {
  return resource.slice(resource.indexOf("/") + 1);
}

/** Whether what the end of something waits for came to its end; none of it rejects. */
async function inTime(waiting: Promise<unknown>): Promise<boolean> {
  return within(quietMs, waiting).then(
    () => true,
    () => false,
  );
}

function restsOn(credential: Credential | undefined, id: string): boolean {
  if (credential?.kind === "key") return credential.id === id || credential.owner === id;
  if (credential?.kind !== "token") return false;
  const { account, client, grant, tokenId } = credential;
  return [account, client, grant, tokenId].includes(id);
}
