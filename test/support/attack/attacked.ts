// A gateway between callers and providers of bad faith: a rig whose second provider says what a test writes, calls in its
// product's name, and budgets that can be looked at once everything has ended.
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerResponse } from "node:http";
import { expect } from "vitest";
import { providerKeys, sendEvents, startRig, startStub } from "../gateway/gateway.ts";
import type { GatewayRig, Stub } from "../gateway/gateway.ts";
import type { Answer } from "../app/in-process.ts";
import { expectEachIntentClosed } from "../ledger/record.ts";
import { patienceMs } from "../wait.ts";

/** The turns of the simplest question. */
export const hello = [{ role: "user", content: "Hi" }];

/** A chat completion with some fields changed. */
export function completion(more: object = {}): object {
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hello." } }],
    usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
    ...more,
  };
}

/** One chunk of a streamed chat completion. */
export function chunk(delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m", choices });
}

/** The frames of a whole streamed chat completion. */
export const whole = [
  chunk({ role: "assistant", content: "Hel" }),
  chunk({ content: "lo." }),
  chunk({}, "stop"),
  "[DONE]",
];

/** Sends frames and ends. */
export function stream(response: ServerResponse, frames: readonly string[]): void {
  sendEvents(response, frames);
  response.end();
}

/** Writes the same bytes until the reader has gone. */
export function pour(response: ServerResponse, bytes: string): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const more = (): void => {
    while (!response.destroyed && response.write(bytes));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
}

/** A rig under attack. */
export interface Attacked extends AsyncDisposable {
  readonly rig: GatewayRig;
  /** Answers for the providers `own` (OpenAI's API, with a key) and `messages` (Anthropic's). */
  readonly stub: Stub;
  /** Headers for a project of its own, with a budget over all time when one is given. */
  project(name: string, limit?: number, unit?: string): Promise<Record<string, string>>;
  /** What a project has used, once nothing is held any more. */
  used(name: string): Promise<number>;
  /** A call in the product's name, in any API. */
  post(path: string, body: unknown, headers?: Record<string, string>, key?: string): Promise<Answer>;
  /** A chat, of the model `plain` when none is named. */
  chat(body: object, headers?: Record<string, string>, key?: string): Promise<Answer>;
  /** Reads a stream until so many bytes have come, and leaves. */
  leaveAfter(bytes: number, path: string, body: object, headers: Record<string, string>): Promise<void>;
  /** Asserts that every intent has its one outcome, and that no project's budget holds anything. */
  expectAllSettled(): Promise<void>;
}

/** Starts it. */
export async function startAttacked(): Promise<Attacked> {
  const stub = await startStub();
  const rig = await startRig({
    flags: { "upstream-total-timeout-ms": "1500", "max-reply-bytes": "200000", "max-attempts": "2" },
    providers: ({ keyFile }) => ({
      own: {
        kind: "openai-compatible",
        baseUrl: `${stub.url}/v1`,
        keys: [{ file: keyFile(providerKeys.second) }],
        open: true,
      },
      messages: { kind: "anthropic", baseUrl: `${stub.url}/v1`, keyless: true, open: true },
    }),
    deployments: [
      { name: "plain", provider: "own", model: "plain" },
      { name: "claude-plain", provider: "messages", model: "claude-plain" },
      { name: "unpriced", provider: "own", model: "unpriced", price: null },
    ],
    constitution: [
      [["products", "AI_AVATAR", "models"], { models: ["plain"] }],
      [["products", "WORKFLOW", "models"], { semanticCache: true }],
    ],
  });
  const projects = new Set<string>();

  async function project(name: string, limit?: number, unit = "tokens"): Promise<Record<string, string>> {
    projects.add(name);
    if (limit !== undefined) {
      const scope = { product: "AI_ASSISTANT", project: name };
      const { status, text } = await rig.charter.ask("/v1/budgets", { body: { scope, unit, window: "total", limit } });
      expect(status, text).toBe(201);
    }
    return { "x-charter-project": name, "cache-control": "no-store" };
  }

  async function used(name: string): Promise<number> {
    for (const endMs = performance.now() + patienceMs; ; await sleep(20)) {
      const { json } = await rig.charter.ask(`/api/v1/budget/state?product=AI_ASSISTANT&project=${name}`);
      const own = json.budgets.find(({ scope }: { scope: { project?: string } }) => scope.project === name);
      const { held, used } = own;
      if (held === 0) return used;
      if (performance.now() > endMs) throw new Error(`${name} still holds ${held}`);
    }
  }

  function post(
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
    key = rig.productKey,
  ): Promise<Answer> {
    return rig.charter.ask(path, { key, headers, body });
  }

  function chat(body: object, headers: Record<string, string> = {}, key = rig.productKey): Promise<Answer> {
    return post("/v1/chat/completions", { model: "plain", messages: hello, ...body }, headers, key);
  }

  async function leaveAfter(bytes: number, path: string, body: object, headers: Record<string, string>): Promise<void> {
    const gone = new AbortController();
    const response = await fetch(`${rig.charter.url}${path}`, {
      method: "POST",
      signal: gone.signal,
      headers: { authorization: `Bearer ${rig.productKey}`, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    let seen = 0;
    for await (const piece of response.body ?? []) {
      seen += piece.length;
      if (seen >= bytes) break;
    }
    gone.abort();
  }

  return {
    rig,
    stub,
    project,
    used,
    post,
    chat,
    leaveAfter,
    async expectAllSettled() {
      for (const name of projects) await used(name);
      expectEachIntentClosed(await rig.leaves());
    },
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await stub[Symbol.asyncDispose]();
    },
  };
}
