// A gateway between real clients and providers that do as they are told: a scripted upstream, a Charter whose catalogue
// points at it, and the official clients set up with nothing but a base URL and a Charter key.
import { once } from "node:events";
import type { Dirent } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { stringify } from "yaml";
import type { Clock } from "../../../src/kernel/clock.ts";
import type { CallRecord } from "../../../src/gateway/call-record.ts";
import { constitutionWith } from "../app/constitution.ts";
import type { ShownLeaf } from "../ledger/record.ts";
import { startTestCharter } from "../app/in-process.ts";
import type { Answer, TestCharter } from "../app/in-process.ts";
import { wayTo } from "../http/prism.ts";
import { startUpstream } from "./upstream.ts";
import type { ScriptedUpstream } from "./upstream.ts";
import { patienceMs } from "../wait.ts";

/** The keys by which the rig's providers know Charter. They must never be seen anywhere else. */
export const providerKeys = {
  first: "sk-upstream-first-5Zq1vX8rT3nB7wK2",
  second: "sk-upstream-second-9Hc4jM6yL0pD1fG8",
} as const;

/** One deployment of the rig's catalogue; what a test does not care about has a value. */
export interface DeploymentRow {
  readonly name: string;
  readonly provider?: string;
  readonly model?: string;
  readonly tier?: number;
  readonly [field: string]: unknown;
}

/** One provider of the rig's catalogue. */
export type ProviderRow = Readonly<Record<string, unknown>>;

/** How a rig is built. */
export interface RigOptions {
  readonly flags?: Record<string, string>;
  readonly clock?: Clock;
  /** Deployments beside the rig's own. */
  readonly deployments?: readonly DeploymentRow[];
  /** Providers beside the rig's own, from the upstream's URL and the file of a key. */
  readonly providers?: (at: {
    readonly url: string;
    readonly keyFile: (key: string) => string;
  }) => Record<string, ProviderRow>;
  /** Changes to the default constitution, each at a path in its YAML. */
  readonly constitution?: readonly (readonly [path: readonly string[], value: unknown])[];
}

/** A catalogue on disk, with the folder that holds it and the files of the keys. */
export interface RigFiles {
  readonly dir: string;
  readonly flags: Record<string, string>;
}

/** The record of a call in its outcome. */
export function recordOf({ facts }: ShownLeaf): CallRecord {
  if (facts === undefined) throw new Error("the outcome has no record of a call");
  return facts;
}

/** What the ledger says of one call. */
export interface CallLeaves {
  readonly intents: readonly ShownLeaf[];
  readonly outcomes: readonly ShownLeaf[];
  readonly findings: readonly ShownLeaf[];
}

/** A running rig. */
export interface GatewayRig extends AsyncDisposable {
  readonly charter: TestCharter;
  readonly upstream: ScriptedUpstream;
  /** A key of a product, and of an agent of it. */
  readonly productKey: string;
  readonly agentKey: string;
  readonly otherKey: string;
  /** The official clients with a Charter key; the product's when none is named. They try once. */
  openai(key?: string, headers?: Record<string, string>): OpenAI;
  anthropic(key?: string, headers?: Record<string, string>): Anthropic;
  /** One chat as a plain request, with the product's key. */
  chat(body: Record<string, unknown>, more?: { key?: string; headers?: Record<string, string> }): Promise<Answer>;
  /** Everything in the ledger. */
  leaves(): Promise<ShownLeaf[]>;
  /** What the ledger says of the calls of models since a size. */
  callsSince(size: number): Promise<CallLeaves>;
  /** The outcome of the only call since a size, once it is there. */
  outcomeSince(size: number): Promise<ShownLeaf>;
  /** How a product's project stands in tokens under its default budget. */
  budget(project?: string, product?: string): Promise<{ limit: number; used: number; held: number; available: number }>;
}

/** Prices of the rig's own deployments, micro-dollars for a million tokens. */
export const rigPrice = { inputMicrodollarsPerMillion: 1_000_000, outputMicrodollarsPerMillion: 2_000_000 };

/**
 * Writes the catalogue. `up` speaks OpenAI's dialect and needs no key, `claude` Anthropic's, `gem` Google's; each is open, so
 * that every script of the upstream can be named as `up/SCRIPT`. `answers`, `claude-answers` and `gem-answers` are listed
 * and priced, and so is `vectors`, which embeds.
 */
export async function writeRigFiles(url: string, options: RigOptions = {}): Promise<RigFiles> {
  const dir = await mkdtemp(join(tmpdir(), "charter-rig-"));
  const keyFile = (key: string): string => join(dir, `${key.slice(0, 18)}.key`);
  for (const key of Object.values(providerKeys)) await writeFile(keyFile(key), `${key}\n`, { mode: 0o600 });
  const row = ({ name, ...more }: DeploymentRow): object => ({
    name,
    tier: 2,
    provider: "up",
    model: "ok",
    latencyMs: 100,
    compliancePercent: 90,
    price: rigPrice,
    images: true,
    ...more,
  });
  const catalogue = {
    providers: {
      up: { kind: "openai-compatible", baseUrl: `${url}/v1`, keyless: true, open: true },
      claude: { kind: "anthropic", baseUrl: `${url}/v1`, keys: [{ file: keyFile(providerKeys.first) }], open: true },
      gem: { kind: "gemini", baseUrl: `${url}/v1beta`, keys: [{ file: keyFile(providerKeys.first) }], open: true },
      ...options.providers?.({ url, keyFile }),
    },
    deployments: [
      row({ name: "answers" }),
      row({ name: "claude-answers", provider: "claude", model: "ok-claude" }),
      row({ name: "gem-answers", provider: "gem", model: "ok-gem" }),
      row({ name: "vectors", model: "ok-vectors", serves: "embeddings", tier: 1 }),
      ...(options.deployments ?? []).map(row),
    ],
  };
  const file = join(dir, "catalogue.yaml");
  await writeFile(file, stringify(catalogue, { aliasDuplicateObjects: false }));
  // Levels that follow from a few words, so that a test can tell which tier a call is for.
  const flags: Record<string, string> = { "catalogue-file": file, analyser: "classic" };
  if (options.constitution !== undefined) {
    const folder = join(dir, "constitution");
    await mkdir(folder);
    flags["constitution"] = await constitutionWith(folder, options.constitution);
  }
  return { dir, flags };
}

/** Starts an upstream and a Charter in this process. */
export async function startRig(options: RigOptions = {}): Promise<GatewayRig> {
  const upstream = await startUpstream();
  const files = await writeRigFiles(upstream.url, options);
  const charter = await startTestCharter({
    flags: { ...files.flags, ...options.flags },
    ...(options.clock ? { clock: options.clock } : {}),
  });
  const productKey = await charter.keyFor("product", "AI_ASSISTANT");
  const agentKey = await charter.keyFor("ai_agent", "AI_ASSISTANT");
  const otherKey = await charter.keyFor("product", "GURUKUL");
  const rig: GatewayRig = {
    charter,
    upstream,
    productKey,
    agentKey,
    otherKey,
    openai: (key = productKey, headers = {}) => openaiOf(charter.url, key, headers),
    anthropic: (key = productKey, headers = {}) => anthropicOf(charter.url, key, headers),
    chat: (body, { key = productKey, headers = {} } = {}) =>
      charter.ask("/v1/chat/completions", {
        key,
        headers,
        body: { messages: [{ role: "user", content: "Hi" }], ...body },
      }),
    leaves: () => leavesOf(charter),
    async callsSince(size) {
      const all = (await leavesOf(charter)).slice(size).filter(({ resource }) => resource?.startsWith("model/"));
      const of = (kind: ShownLeaf["kind"]): readonly ShownLeaf[] => all.filter((leaf) => leaf.kind === kind);
      return { intents: of("intent"), outcomes: of("outcome"), findings: of("finding") };
    },
    async outcomeSince(size) {
      for (const endMs = performance.now() + patienceMs; performance.now() < endMs; await sleep(10)) {
        const { intents, outcomes } = await rig.callsSince(size);
        if (intents.length > 1 || outcomes.length > 1) throw new Error("there was more than one call");
        const [outcome] = outcomes;
        if (outcome !== undefined) return outcome;
      }
      throw new Error("the call had no outcome in time");
    },
    async budget(project = "default", product = "AI_ASSISTANT") {
      const { json } = await charter.ask(`/api/v1/budget/state?product=${product}&project=${project}`);
      const tokens = json.budgets.filter((each: { unit: string }) => each.unit === "tokens");
      const own = tokens.find((each: { scope: { project?: string } }) => each.scope.project === project);
      const line = own ?? tokens[0];
      if (line === undefined) throw new Error(`no budget: ${JSON.stringify(json)}`);
      return line;
    },
    async [Symbol.asyncDispose]() {
      await charter[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
      await rm(files.dir, { recursive: true, force: true });
    },
  };
  return rig;
}

/** OpenAI's client as its users set it up. */
export function openaiOf(url: string, key: string, headers: Record<string, string> = {}): OpenAI {
  const way = wayTo(url);
  return new OpenAI({
    baseURL: `${way.url}/v1`,
    apiKey: key,
    maxRetries: 0,
    defaultHeaders: { ...headers, ...way.headers },
  });
}

/** Anthropic's client as its users set it up. */
export function anthropicOf(url: string, key: string, headers: Record<string, string> = {}): Anthropic {
  const way = wayTo(url);
  return new Anthropic({
    baseURL: way.url,
    apiKey: key,
    maxRetries: 0,
    defaultHeaders: { ...headers, ...way.headers },
  });
}

/** Every leaf of the ledger, in its order. */
export async function leavesOf(charter: Pick<TestCharter, "ask">): Promise<ShownLeaf[]> {
  const leaves: ShownLeaf[] = [];
  for (let path: string | null = "/ledger/entries?limit=1000"; path !== null;) {
    const { status, json, text } = await charter.ask(path);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    leaves.push(...json.entries.map(({ leaf }: { leaf: ShownLeaf }) => leaf));
    path = json.next === null ? null : `/ledger/entries?limit=1000&cursor=${json.next}`;
  }
  return leaves;
}

/** What came back as a stream: the frames' data, and what Charter said in its last comment. */
export interface ReadStream {
  readonly text: string;
  readonly data: readonly string[];
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly facts: any;
}

/** Takes a stream apart. */
export function readStream(text: string): ReadStream {
  const lines = text.split("\n");
  const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim());
  const comment = lines.find((line) => line.startsWith(": charter "));
  return { text, data, facts: comment === undefined ? undefined : JSON.parse(comment.slice(": charter ".length)) };
}

/** The code of a failure: of a refusal, or of a stream that had its head before it failed, which takes a second. */
export function failureCode({ status, text, json }: Pick<Answer, "status" | "text" | "json">): string | undefined {
  if (status !== 200) return json?.code;
  const last = readStream(text).data.at(-1);
  return last === undefined ? undefined : JSON.parse(last).error?.code;
}

/** A request as a stub saw it. */
export interface StubRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  readonly json: any;
}

/** A provider whose every answer a test writes itself. */
export interface Stub extends AsyncDisposable {
  readonly url: string;
  readonly seen: StubRequest[];
  /** What the next requests are answered by. */
  answer: (request: StubRequest, response: ServerResponse) => void | Promise<void>;
}

/** Starts a stub; it answers 500 until it is told what to answer, and lists no models. */
export async function startStub(): Promise<Stub> {
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      response.writeHead(404).end();
      return;
    }
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const text = Buffer.concat(pieces).toString();
      const seen = { path: request.url ?? "", headers: request.headers, text, json: JSON.parse(text) };
      stub.seen.push(seen);
      void stub.answer(seen, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stub: Stub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    answer: (_request, response) => void response.writeHead(500).end(),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, "close");
    },
  };
  return stub;
}

/** Answers with a body as JSON. */
export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** Begins a stream and sends some data, each in a frame of its own. */
export function sendEvents(response: ServerResponse, frames: readonly string[]): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
  for (const frame of frames) response.write(`data: ${frame}\n\n`);
}

/** Everything below a folder. A running server removes folders meanwhile; then it is listed anew. */
async function everythingIn(dir: string): Promise<Dirent[]> {
  for (let tries = 0; ; tries++) {
    try {
      return await readdir(dir, { recursive: true, withFileTypes: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || tries === 20) throw error;
    }
  }
}

/** Every file below a folder that holds some text, as UTF-8 or as it stands. */
export async function filesHolding(dir: string, text: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await everythingIn(dir)) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // A running server renames and removes files meanwhile.
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    if (bytes.includes(text)) found.push(path);
  }
  return found;
}

/** An instant at which no month ends within half a day, and with it the window of the default budgets; the given one if it can be. */
function amidMonth(nowMs: number): number {
  const [dayMs, now, later] = [86_400_000, new Date(nowMs), new Date(nowMs + 43_200_000)];
  return now.getUTCMonth() === later.getUTCMonth() ? nowMs : nowMs - dayMs;
}

/** A clock that a test moves by hand. */
export function handClock(startMs = amidMonth(Date.now())): Clock & { advance(ms: number): void } {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}

/** Makes chats that nobody has made before, so that no kept answer stands in for the upstream's; all of one length. */
export function questions(): (text?: string) => { readonly messages: { role: "user"; content: string }[] } {
  let asked = 0;
  return (text = "What is six times seven?") => ({
    messages: [{ role: "user", content: `${text} (${String(++asked).padStart(5, "0")})` }],
  });
}

/** What the scripted upstream answers to everything. */
export const scriptedAnswer = "The answer is forty-two.";

/** A whole chat completion, for stubs. */
export function chatReply(model: string, content: string): object {
  return {
    id: "chatcmpl-own",
    object: "chat.completion",
    created: 1,
    model,
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  };
}

/** The data of one chunk of a streamed chat completion, for stubs. */
export function chatChunk(model: string, delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return JSON.stringify({ id: "chatcmpl-own", object: "chat.completion.chunk", created: 1, model, choices });
}

/** The words of a streamed chat completion. */
export function wordsOf({ data }: ReadStream): string {
  const chunks = data.filter((each) => each !== "[DONE]").map((each) => JSON.parse(each));
  return chunks.map(({ choices }) => choices?.[0]?.delta.content ?? "").join("");
}

/** A budget once nothing of it is held any more. */
export async function settledBudget(rig: GatewayRig, project: string): Promise<{ used: number; held: number }> {
  for (const endMs = performance.now() + patienceMs; ; await sleep(20)) {
    const { used, held } = await rig.budget(project);
    if (held === 0 || performance.now() > endMs) return { used, held };
  }
}
