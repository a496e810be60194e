// Calls through the undici driver to a scripted upstream, for tests.
import { inspect } from "node:util";
import { UndiciUpstream } from "../../../src/outbound/undici-upstream.ts";
import { UpstreamFault } from "../../../src/outbound/upstream.ts";
import type { Deadlines, UpstreamAnswer } from "../../../src/outbound/upstream.ts";
import { startUpstream } from "./upstream.ts";
import type { ScriptedUpstream, SeenRequest } from "./upstream.ts";

/** The credential that every call carries. */
export const secret = "sk-very-secret-0123456789";

const patient: Deadlines = { connectMs: 20_000, headersMs: 20_000, idleMs: 20_000, totalMs: 20_000 };

/** How a call differs from the plainest one. */
export interface Ask {
  readonly stream?: boolean;
  readonly deadlines?: Partial<Deadlines>;
  readonly signal?: AbortSignal;
  readonly headers?: Record<string, string>;
}

/** A scripted upstream with the driver's pools to it. */
export interface UpstreamCalls extends AsyncDisposable {
  readonly scripted: ScriptedUpstream;
  /** A pool; it is closed with the rest. */
  open(options?: {
    readonly connections?: number;
    readonly baseUrl?: string;
    readonly authority?: string;
    readonly proxy?: URL;
  }): UndiciUpstream;
  /** The request that arrived last. */
  newest(): SeenRequest;
}

/** Starts a scripted upstream. */
export async function upstreamCalls(): Promise<UpstreamCalls> {
  const scripted = await startUpstream();
  const pools: UndiciUpstream[] = [];
  return {
    scripted,
    open(options = {}) {
      const pool = new UndiciUpstream({ baseUrl: `${scripted.url}/v1`, connections: 64, ...options });
      pools.push(pool);
      return pool;
    },
    newest() {
      const seen = scripted.seen.at(-1);
      if (seen === undefined) throw new Error("no request has arrived");
      return seen;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(pools.map((pool) => pool[Symbol.asyncDispose]()));
      await scripted[Symbol.asyncDispose]();
    },
  };
}

/** Sends a chat whose model is the script. */
export function send(to: UndiciUpstream, script: string, ask: Ask = {}): Promise<UpstreamAnswer> {
  const messages = [{ role: "user", content: "What is the answer?" }];
  return to.send({
    path: "/chat/completions",
    headers: { authorization: `Bearer ${secret}`, ...ask.headers },
    body: JSON.stringify({ model: script, messages, stream: ask.stream ?? false }),
    deadlines: { ...patient, ...ask.deadlines },
    signal: ask.signal ?? new AbortController().signal,
  });
}

/** The whole body as text. */
export async function textOf(answer: UpstreamAnswer): Promise<string> {
  return (await answer.collect(64 * 1024 * 1024)).toString();
}

/** What was thrown. */
export async function thrownBy(work: Promise<unknown>): Promise<unknown> {
  const [result] = await Promise.allSettled([work]);
  if (result.status === "fulfilled") throw new Error(`it went well: ${inspect(result.value)}`);
  return result.reason;
}

/** The upstream's fault that was thrown. */
export async function faultOf(work: Promise<unknown>): Promise<UpstreamFault> {
  const thrown = await thrownBy(work);
  if (!(thrown instanceof UpstreamFault)) throw thrown;
  return thrown;
}
