// A provider that does as it is told: a plain HTTP server that speaks OpenAI's, Anthropic's and Gemini's dialects and
// misbehaves by script. The model's name is the script; `script([...])` sets a sequence that goes before it.
//
// `ok` (also any unknown name), `ok-N-chunks`, `slow-N` and `paced-N` (milliseconds before the answer, between frames),
// `stall-before-headers`, `stall-mid-stream`, `cut-before-headers`, `cut-mid-stream`, `trickle`, `endless`, `no-done`,
// `no-usage`, `lie-usage-negative`, `lie-usage-huge`, `garbage`, `garbage-sse`, `not-http`, `gzip`, `html-error`, `redirect`,
// `huge-reply`, `huge-head`, `error-in-stream`, `refuse-context`, `leak-key`, `tool`, `json`, `echo`, `429-retry-after`, and
// any status from 400 on.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { embeddingsReply, voices } from "./upstream-bodies.ts";
import type { Speech, SpokenDialect } from "./upstream-bodies.ts";
import { eventually } from "../wait.ts";

/** A turn as any of the dialects writes it. */
interface Said {
  readonly role: string;
  readonly content?: string | readonly { readonly text?: string }[];
  readonly parts?: readonly { readonly text?: string }[];
}

/** What the scripted upstream reads of a body; tests may look at the rest. */
export interface SeenBody {
  readonly [name: string]: unknown;
  readonly model?: string;
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly messages?: readonly Said[];
  readonly contents?: readonly Said[];
  readonly tools?: readonly {
    readonly name?: string;
    readonly function?: { readonly name: string };
    readonly functionDeclarations?: readonly { readonly name: string }[];
  }[];
  readonly input?: string | readonly unknown[];
  readonly encoding_format?: string;
}

/** A request as the upstream saw it. */
export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body, parsed; an empty object when it is not JSON. */
  readonly json: SeenBody;
  readonly script: string;
  /** The client hung up before the answer was complete. */
  aborted: boolean;
  /** Bytes of the answer that the upstream could hand to its socket so far. */
  sentBytes: number;
}

/** A running scripted upstream. */
export interface ScriptedUpstream extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`; OpenAI's dialect is below `/v1`, Gemini's below `/v1beta`. */
  readonly url: string;
  /** Every request so far, in the order of arrival; the newest 10 000. */
  readonly seen: SeenRequest[];
  /** How many clients hung up before their answer was complete. */
  readonly aborted: number;
  /** Connections that are open now, and how many were ever opened. */
  readonly connections: number;
  readonly connectionsOpened: number;
  /** What the next requests get, whatever model they name. */
  script(names: readonly string[]): void;
  /** Waits until something holds; throws after ten seconds. */
  until(holds: () => boolean): Promise<void>;
}

/** Requests that are remembered. */
const maxSeen = 10_000;

interface Asked {
  readonly script: string;
  readonly dialect: SpokenDialect;
  readonly stream: boolean;
  readonly seen: SeenRequest;
  readonly response: ServerResponse;
}

const defaultPieces = ["The ", "answer ", "is ", "forty", "-two", "."];

function number(script: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(script)?.[1];
  return found === undefined ? undefined : Number(found);
}

function usageOf(script: string, output: number): Speech["usage"] {
  if (script === "no-usage") return undefined;
  if (script === "lie-usage-negative") return { input: -12, output: -8 };
  if (script === "lie-usage-huge") return { input: 9_000_000_000_000_000, output: 9_000_000_000_000_000 };
  return { input: 12, output };
}

function piecesOf(script: string, json: SeenBody): readonly string[] {
  const chunks = number(script, /^ok-(\d+)-chunks$/);
  if (chunks !== undefined) return Array.from({ length: chunks }, (_, at) => `word${at} `);
  if (script === "json") return ['{"answer"', ":42}"];
  if (script === "echo") return [lastUserText(json)];
  if (script === "huge-reply") return ["x".repeat(20 * 1024 * 1024)];
  return defaultPieces;
}

function lastUserText(json: SeenBody): string {
  const said = (json.messages ?? json.contents ?? []).findLast(({ role }) => role === "user");
  const parts = said?.content ?? said?.parts ?? "";
  return typeof parts === "string" ? parts : parts.map(({ text }) => text ?? "").join("");
}

function toolOf(script: string, json: SeenBody): { readonly tool?: string } {
  if (script !== "tool") return {};
  const [offer] = json.tools ?? [];
  const name = offer?.function?.name ?? offer?.name ?? offer?.functionDeclarations?.[0]?.name ?? "weather";
  return { tool: name };
}

function speechOf({ script, seen: { json } }: Asked): Speech {
  const pieces = piecesOf(script, json);
  const usage = usageOf(script, pieces.length);
  const wantsUsage = json.stream_options?.include_usage === true;
  return { model: json.model ?? script, pieces, wantsUsage, ...toolOf(script, json), ...(usage && { usage }) };
}

/** Writes and counts; resolves when there is room for more, at once when the client has gone. */
async function write({ response, seen }: Asked, bytes: Buffer | string): Promise<void> {
  if (response.destroyed) return;
  const hasRoom = response.write(bytes);
  seen.sentBytes += Buffer.byteLength(bytes);
  if (!hasRoom) await Promise.race([once(response, "drain"), once(response, "close")]);
}

function answer(
  { response, seen }: Asked,
  status: number,
  type: string,
  body: Buffer | string,
  more: object = {},
): void {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  response.writeHead(status, { "content-type": type, "content-length": bytes.length, ...more });
  response.end(bytes);
  seen.sentBytes += bytes.length;
}

function refuse(asked: Asked, status: number, code: string, message: string, more: object = {}): void {
  answer(asked, status, "application/json", JSON.stringify(voices[asked.dialect].error(status, code, message)), more);
}

function hangUp({ response }: Asked): void {
  response.socket?.destroy();
}

/** The frames of a stream, or the whole reply as two halves, so that every script works on both. */
function framesOf(asked: Asked): readonly string[] {
  const voice = voices[asked.dialect];
  if (asked.stream) return voice.frames(speechOf(asked));
  const text = JSON.stringify(voice.reply(speechOf(asked)));
  const half = Math.ceil(text.length / 2);
  return [text.slice(0, half), text.slice(half)];
}

function begin({ response, stream }: Asked): void {
  response.writeHead(200, { "content-type": stream ? "text/event-stream" : "application/json" });
}

/** Sends frames one by one. */
async function sendFrames(asked: Asked, frames: readonly string[], pauseMs: number | undefined): Promise<void> {
  begin(asked);
  for (const frame of frames) {
    await write(asked, frame);
    await (pauseMs === undefined ? turn() : sleep(pauseMs));
  }
}

/** Begins like any answer and stops before its middle. */
async function sendBeginning(asked: Asked): Promise<void> {
  const frames = framesOf(asked);
  await sendFrames(asked, frames.slice(0, asked.stream ? 3 : 1), undefined);
}

async function sendEndless(asked: Asked): Promise<void> {
  begin(asked);
  const frame = voices[asked.dialect].frames({ model: "endless", pieces: ["on and on "], wantsUsage: false })[1] ?? " ";
  const batch = asked.stream ? frame.repeat(16) : " ".repeat(4096);
  while (!asked.response.destroyed) {
    await write(asked, batch);
    await turn();
  }
}

const scripts: Readonly<Record<string, (asked: Asked) => void | Promise<void>>> = {
  "stall-before-headers": () => {},
  "stall-mid-stream": sendBeginning,
  "cut-before-headers": hangUp,
  "cut-mid-stream": async (asked) => {
    await sendBeginning(asked);
    hangUp(asked);
  },
  trickle: async (asked) => {
    begin(asked);
    for (const byte of Buffer.from(framesOf(asked).join(""))) {
      await write(asked, Buffer.of(byte));
      await turn();
    }
    asked.response.end();
  },
  endless: sendEndless,
  "no-done": async (asked) => {
    const frames = framesOf(asked);
    await sendFrames(asked, asked.stream ? frames.slice(0, -voices[asked.dialect].closing) : frames, undefined);
    asked.response.end();
  },
  "error-in-stream": async (asked) => {
    if (!asked.stream) return refuse(asked, 503, "overloaded_error", "The scripted upstream is overloaded.");
    await sendBeginning(asked);
    asked.response.end(voices[asked.dialect].errorFrame("The scripted upstream gave up."));
  },
  garbage: (asked) => answer(asked, 200, "application/json", '{"id": "chatcmpl-1", "choices": [{]]} <<<'),
  "garbage-sse": (asked) => answer(asked, 200, "text/event-stream", "data: {broken\n\nnot: sse\n\u0000\ndata: 17\n\n"),
  "not-http": ({ response }) => void response.socket?.end("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
  gzip: (asked) => {
    const body = gzipSync(framesOf(asked).join(""));
    answer(asked, 200, "application/json", body, { "content-encoding": "gzip" });
  },
  "html-error": (asked) => answer(asked, 502, "text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>"),
  redirect: (asked) => answer(asked, 307, "text/plain", "", { location: "http://127.0.0.1:9/elsewhere" }),
  "huge-head": (asked) => answer(asked, 200, "application/json", "{}", { "x-padding": "x".repeat(100_000) }),
  "refuse-context": (asked) =>
    refuse(asked, 400, "context_length_exceeded", "This model's maximum context length is 8192 tokens."),
  "leak-key": (asked) => {
    const { authorization, "x-api-key": apiKey, "x-goog-api-key": googleKey } = asked.seen.headers;
    refuse(asked, 401, "invalid_api_key", `Incorrect API key: ${String(authorization ?? apiKey ?? googleKey)}`);
  },
  "429-retry-after": (asked) => refuse(asked, 429, "rate_limit_exceeded", "Slow down.", { "retry-after": "7" }),
};

/** The part of an answer that does not depend on the request, by script, dialect and kind. */
type Prepared = Map<string, Buffer>;

function sendOk(asked: Asked, prepared: Prepared): void {
  const { script, dialect, stream, seen } = asked;
  const speech = speechOf(asked);
  const type = stream ? "text/event-stream" : "application/json";
  const key = `${dialect} ${stream} ${speech.wantsUsage} ${speech.tool} ${speech.model} ${script}`;
  let bytes = script === "echo" ? undefined : prepared.get(key);
  if (bytes === undefined) {
    const voice = voices[dialect];
    bytes = Buffer.from(stream ? voice.frames(speech).join("") : JSON.stringify(voice.reply(speech)));
    if (prepared.size < 1000) prepared.set(key, bytes);
  }
  if (!stream) return answer(asked, 200, type, bytes);
  asked.response.writeHead(200, { "content-type": type });
  asked.response.end(bytes);
  seen.sentBytes += bytes.length;
}

async function perform(asked: Asked, prepared: Prepared): Promise<void> {
  const { script, seen, response, stream } = asked;
  const scripted = scripts[script];
  if (scripted !== undefined) return scripted(asked);
  const status = number(script, /^([45]\d\d)$/);
  if (status !== undefined) return refuse(asked, status, `scripted_${status}`, `A scripted ${status}.`);
  if (seen.path.endsWith("/embeddings")) {
    const { input, encoding_format: format, model } = seen.json;
    // One list of numbers is one text, in tokens.
    const inputs = Array.isArray(input) && typeof input[0] !== "number" ? input.length : 1;
    return answer(
      asked,
      200,
      "application/json",
      JSON.stringify(embeddingsReply(model ?? script, inputs, format === "base64")),
    );
  }
  const slowMs = number(script, /^slow-(\d+)$/);
  if (slowMs !== undefined) await sleep(slowMs);
  const pacedMs = number(script, /^paced-(\d+)$/);
  if (stream && (pacedMs !== undefined || /^ok-\d+-chunks$/.test(script))) {
    await sendFrames(asked, framesOf(asked), pacedMs);
    return void response.end();
  }
  sendOk(asked, prepared);
}

function dialectOf(path: string): SpokenDialect {
  if (path.includes("/models/")) return "gemini";
  return path.endsWith("/messages") ? "anthropic" : "openai";
}

function jsonOf(body: Buffer): SeenBody {
  try {
    return JSON.parse(body.toString());
  } catch {
    return {};
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

const models = JSON.stringify({
  object: "list",
  data: [{ id: "ok", object: "model", created: 0, owned_by: "scripted" }],
});

/** Starts a scripted upstream in this process, on a free loopback port unless one is named. */
export async function startUpstream(port = 0): Promise<ScriptedUpstream> {
  const seen: SeenRequest[] = [];
  const prepared: Prepared = new Map();
  let queue: string[] = [];
  let aborted = 0;
  let connections = 0;
  let connectionsOpened = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (request.method === "GET") return void response.end(models);
    const body = await bodyOf(request);
    const json = jsonOf(body);
    const named = /\/models\/([^:]+):/.exec(path)?.[1] ?? json.model;
    const script = queue.shift() ?? (typeof named === "string" ? named : "ok");
    const record: SeenRequest = { path, headers: request.headers, body, json, script, aborted: false, sentBytes: 0 };
    seen.push(record);
    if (seen.length > maxSeen) seen.splice(0, maxSeen / 2);
    response.once("close", () => {
      if (response.writableFinished || script.startsWith("cut-") || script === "not-http") return;
      record.aborted = true;
      aborted++;
    });
    const stream = json.stream === true || path.includes(":streamGenerateContent");
    await perform({ script, dialect: dialectOf(path), stream, seen: record, response }, prepared);
  }

  const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    // A client that hangs up ends its own request only.
    serve(request, response).catch(() => response.socket?.destroy());
  });
  server.on("connection", (socket) => {
    connections++;
    connectionsOpened++;
    socket.once("close", () => connections--);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get aborted() {
      return aborted;
    },
    get connections() {
      return connections;
    },
    get connectionsOpened() {
      return connectionsOpened;
    },
    script(names) {
      queue = [...names];
    },
    async until(holds) {
      await eventually(holds, "what the upstream waited for");
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, "close");
    },
  };
}

/** Starts a scripted upstream as a process of its own, for measurements that it must not disturb. */
export async function spawnUpstream(): Promise<{ readonly url: string } & AsyncDisposable> {
  const program = fileURLToPath(new URL("upstream-process.ts", import.meta.url));
  const child = spawn(process.execPath, [program, "--port", "0"], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  if (child.stdout === null) throw new Error("the upstream has no output");
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const { url } = JSON.parse(line) as { url: string };
  return {
    url,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.kill()) await once(child, "exit");
    },
  };
}
