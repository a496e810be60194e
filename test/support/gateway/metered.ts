// A provider that accounts for what it is asked as the dearest honest tokenizer would, or as a liar pleases; it remembers what
// it accounted. It speaks OpenAI's, Anthropic's and Gemini's dialects, whole and streamed.
import { setTimeout as sleep } from "node:timers/promises";
import { startRig, startStub } from "./gateway.ts";
import type { GatewayRig, RigOptions, StubRequest } from "./gateway.ts";
import { embeddingsReply, voices } from "./upstream-bodies.ts";
import type { SpokenDialect } from "./upstream-bodies.ts";
import { patienceMs } from "../wait.ts";

/** What a provider says that one request took. */
export interface Account {
  readonly input: number;
  readonly output: number;
}

/** The dearest image of the published rules: OpenAI's small models, 2 048 by 768. */
export const dearestImage = 48_169;

/** A rig whose providers `metered`, `metered-claude` and `metered-gem` account by `meter`. */
export interface Metered extends AsyncDisposable {
  readonly rig: GatewayRig;
  /** How the next requests are accounted for, the dearest honest way when it is not set; undefined fails the request. */
  meter: (request: StubRequest) => Account | undefined;
  /** What has been accounted since the last look, in tokens, how many requests that were, and most of them at a time. */
  take(): { readonly tokens: number; readonly requests: number; readonly atOnce: number };
  /** The bodies since the last look. */
  readonly seen: readonly StubRequest[];
  budget(project: string, unit?: "tokens" | "microdollars"): Promise<{ used: number; held: number }>;
}

/** Every token that the dearest honest provider can find in a request, with the longest answers that it allows. */
export function dearest({ json }: Pick<StubRequest, "json">): Account {
  let input = 200;
  const walk = (value: unknown, key: string): void => {
    if (typeof value === "string") {
      const isMedia = /^(https?:|data:)/.test(value) || key === "data" || key === "file_data";
      input += isMedia ? 0 : Buffer.byteLength(value);
    } else if (Array.isArray(value)) for (const each of value) walk(each, key);
    else if (typeof value === "object" && value !== null) {
      const { type, image_url: url, inlineData, fileData } = value as Record<string, unknown>;
      if (url !== undefined || type === "image" || inlineData !== undefined || fileData !== undefined) {
        input += dearestImage;
      }
      for (const [name, each] of Object.entries(value)) walk(each, name);
    }
  };
  walk(json, "");
  const limit = json.max_tokens ?? json.max_completion_tokens ?? json.generationConfig?.maxOutputTokens;
  const answers = Math.max(json.n ?? 1, json.best_of ?? 1, json.generationConfig?.candidateCount ?? 1);
  return { input, output: json.input === undefined ? answers * (limit ?? 1_000_000) : 0 };
}

/** Starts it. */
export async function startMetered(options: Omit<RigOptions, "providers"> = {}): Promise<Metered> {
  const stub = await startStub();
  let [tokens, requests, running, atOnce] = [0, 0, 0, 0];
  stub.answer = async (request, response): Promise<void> => {
    requests++;
    atOnce = Math.max(atOnce, ++running);
    const usage = metered.meter(request);
    if (usage === undefined) {
      running--;
      response.writeHead(503).end();
      return;
    }
    tokens += usage.input + usage.output;
    // So that calls of one moment overlap.
    await sleep(5);
    running--;
    if (request.path.endsWith("/embeddings")) {
      const body = {
        ...embeddingsReply("m", 1, false),
        usage: { prompt_tokens: usage.input, total_tokens: usage.input },
      };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
      return;
    }
    const dialect: SpokenDialect = request.path.includes("/models/")
      ? "gemini"
      : request.path.endsWith("/messages")
        ? "anthropic"
        : "openai";
    const speech = { model: "m", pieces: ["Yes."], wantsUsage: true, usage };
    const streams = request.json.stream === true || request.path.includes("streamGenerateContent");
    response.writeHead(200, { "content-type": streams ? "text/event-stream" : "application/json" });
    response.end(streams ? voices[dialect].frames(speech).join("") : JSON.stringify(voices[dialect].reply(speech)));
  };
  const at = (path: string) => ({ baseUrl: `${stub.url}${path}`, keyless: true, open: true });
  const rig = await startRig({
    ...options,
    providers: () => ({
      metered: { kind: "openai-compatible", ...at("/v1") },
      "metered-claude": { kind: "anthropic", ...at("/v1") },
      "metered-gem": { kind: "gemini", ...at("/v1beta") },
    }),
  });
  const metered: Metered = {
    rig,
    meter: dearest,
    seen: stub.seen,
    take() {
      const taken = { tokens, requests, atOnce };
      [tokens, requests, atOnce] = [0, 0, 0];
      stub.seen.length = 0;
      return taken;
    },
    async budget(project, unit = "tokens") {
      for (const endMs = performance.now() + patienceMs; ; await sleep(20)) {
        const { json } = await rig.charter.ask(`/api/v1/budget/state?product=AI_ASSISTANT&project=${project}`);
        const line = json.budgets.find(
          (each: { scope: { project?: string }; unit: string }) => each.scope.project === project && each.unit === unit,
        );
        if (line?.held === 0 || performance.now() > endMs) return line;
      }
    },
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await stub[Symbol.asyncDispose]();
    },
  };
  return metered;
}
