// The calls that are open, so that the end of what they rest on reaches them. Promises:
//
// 1. When a credential is revoked, its owner disabled or changed, or writes are halted here, every open call that this concerns
//    is judged again before the change is acknowledged; one that may not go on is stopped with the reason.
// 2. What passes with time, and what another process of the same database changes, reaches a call within about a second.
// 3. An act that ends authority is on record after every act that had taken effect before it (`quiet`).
import type { Standings } from "../identity/index.ts";
import type { Ctx, Log } from "../kernel/ctx.ts";
import type { Fault } from "../kernel/fault.ts";
import { askAgainMs, reviewMs } from "../kernel/limits.ts";
import type { Credential } from "../kernel/standing.ts";
import type { Halts } from "./halts.ts";

/** Says why a call may not go on, from what is known in memory; undefined when it may. */
export type Judge = () => Fault | undefined;

/** One call, or one act of it. */
export interface OpenCall {
  /** From here on its effect may take place; `leave` tells that its outcome is on record. */
  takesEffect(): void;
  /** Resolves when every act that had begun to take effect is on record, but for those that wait likewise. */
  quiet(): Promise<void>;
  leave(): void;
}

/** What open calls are watched with. */
export interface OpenCallsParts {
  readonly standings: Pick<Standings, "presentAll">;
  readonly halts: Pick<Halts, "refresh" | "onChange">;
  /** The constitution in force. */
  readonly constitution: { readonly hash: string };
  readonly log: Log;
}

class Call implements OpenCall {
  readonly ctx: Ctx;
  readonly judge: Judge;
  readonly sinceMs = performance.now();
  readonly #calls: Calls;
  #effect: { readonly done: Promise<void>; readonly resolve: () => void } | undefined;
  #waits = false;

  constructor(calls: Calls, ctx: Ctx, judge: Judge) {
    this.#calls = calls;
    this.ctx = ctx;
    this.judge = judge;
  }

  /** Resolves when its outcome is on record; undefined for a call that has no effect yet, or waits for others itself. */
  get effect(): Promise<void> | undefined {
    return this.#waits ? undefined : this.#effect?.done;
  }

  takesEffect(): void {
    if (this.#effect !== undefined) return;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#effect = { done, resolve };
  }

  async quiet(): Promise<void> {
    this.#waits = true;
    await this.#calls.quiet();
  }

  leave(): void {
    this.#effect?.resolve();
    this.#calls.remove(this);
  }
}

interface Calls {
  quiet(): Promise<void>;
  remove(call: Call): void;
}

/** The open calls of one server. */
export class OpenCalls implements AsyncDisposable {
  readonly #parts: OpenCallsParts;
  readonly #open = new Set<Call>();
  readonly #asking = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #constitutionHash: string;
  #askedMs = performance.now();
  #changes = 0;

  constructor(parts: OpenCallsParts) {
    this.#parts = parts;
    this.#constitutionHash = parts.constitution.hash;
    parts.halts.onChange(() => this.review());
    this.#timer = setInterval(() => this.#sweep(), reviewMs).unref();
  }

  /** Takes note of a call until it leaves. */
  enter(ctx: Ctx, judge: Judge): OpenCall {
    return this.#enter(ctx, judge);
  }

  #enter(ctx: Ctx, judge: Judge): Call {
    const call = new Call({ quiet: () => this.#quiet(), remove: (each) => void this.#open.delete(each) }, ctx, judge);
    this.#open.add(call);
    return call;
  }

  /** How many changes it was told of. */
  get changes(): number {
    return this.#changes;
  }

  /** The same for a call whose caller has just been recognised; what has changed since `changes` was not told to it. */
  admit(ctx: Ctx, judge: Judge, changes: number): OpenCall {
    const call = this.#enter(ctx, judge);
    if (changes !== this.#changes) this.#ask([call]);
    return call;
  }

  /** Asks again about every open call that rests on this key, user, client, family or token; its change is durable. */
  changed(id: string): void {
    this.#changes++;
    const concerned = [...this.#open].filter(({ ctx }) => restsOn(ctx.standing?.credential, id));
    if (concerned.length > 0) this.#ask(concerned);
  }

  /** Judges every open call again and stops those that may not go on. */
  review(calls: Iterable<Call> = this.#open): void {
    for (const { ctx, judge } of calls) {
      if (ctx.stop === undefined || ctx.signal.aborted) continue;
      const fault = judge();
      if (fault !== undefined) ctx.stop(fault);
    }
  }

  async #quiet(): Promise<void> {
    const effects = [...this.#open].flatMap(({ effect }) => effect ?? []);
    await Promise.all([...this.#asking, ...effects]);
  }

  #sweep(): void {
    const { hash } = this.#parts.constitution;
    // Halts and changes of credentials are told when they happen; time passes without a word.
    if (hash === this.#constitutionHash) this.review([...this.#open].filter(hasExpired));
    else this.review();
    this.#constitutionHash = hash;
    const nowMs = performance.now();
    if (nowMs - this.#askedMs < askAgainMs || this.#asking.size > 0) return;
    this.#askedMs = nowMs;
    this.#ask(
      [...this.#open].filter(({ sinceMs }) => nowMs - sinceMs >= askAgainMs),
      true,
    );
  }

  /** Asks the database what these calls rest on, and judges them by what it says. */
  #ask(calls: readonly Call[], halts = false): void {
    const asking = (async () => {
      try {
        if (halts) await this.#parts.halts.refresh();
        const standings = new Set(calls.flatMap(({ ctx }) => ctx.standing ?? []));
        if (standings.size === 0) return;
        const credentials = new Set([...standings].map(({ credential }) => credential));
        const present = await this.#parts.standings.presentAll([...credentials]);
        for (const standing of standings) standing.see(present.get(standing.credential));
        this.review(calls);
      } catch (error) {
        this.#parts.log.warn({ err: error }, "what open calls rest on could not be asked about; trying again");
      }
    })();
    this.#asking.add(asking);
    void asking.then(() => this.#asking.delete(asking));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#asking);
  }
}

function hasExpired({ ctx: { standing, clock } }: Call): boolean {
  return standing?.stands(clock.nowMs()) === false;
}

function restsOn(credential: Credential | undefined, id: string): boolean {
  if (credential?.kind === "key") return credential.id === id || credential.owner === id;
  if (credential?.kind !== "token") return false;
  const { account, client, grant, tokenId } = credential;
  return [account, client, grant, tokenId].includes(id);
}
