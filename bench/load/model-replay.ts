// A replay of a workload in which most requests have been made before, as skewed as real ones are: two products, the same
// prompts in both, some requests at the same time, some streamed. The provider numbers its answers, so that an answer that
// reaches two products, or another prompt's caller, shows.
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { seededRandom } from "../../test/support/app/process.ts";

/** One request of the workload. */
interface Ask {
  readonly product: number;
  readonly prompt: number;
  readonly stream: boolean;
}

/** What the replay showed. */
export interface Replayed {
  readonly requests: number;
  /** Requests that the same product had made before, or was making. */
  readonly repeats: number;
  readonly hits: number;
  /** Requests that reached the provider. */
  readonly reached: number;
  /** Answers that two products got, and answers to something else than what was asked. */
  readonly crossed: number;
  readonly wrong: number;
  readonly failed: number;
}

/** Requests under way at a time. */
const atOnce = 16;
/** Share of the requests that are streamed. */
const streamedShare = 0.3;
/** How skewed: the exponent of Zipf's law, close to 1 in traces of web and model caches. */
const skew = 1;

/** A provider whose every answer says which prompt it is for and has its own number. */
export async function startNumberingUpstream(): Promise<{ url: string; reached(): number } & AsyncDisposable> {
  let answers = 0;
  const server = createServer((request, response) => {
    bodyOf(request).then(
      (body) => say(response, body, ++answers),
      () => response.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reached: () => answers,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

interface Said {
  readonly stream?: boolean;
  readonly messages: readonly { readonly content: string }[];
}

async function bodyOf(request: IncomingMessage): Promise<Said> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return JSON.parse(Buffer.concat(pieces).toString()) as Said;
}

function say(response: ServerResponse, { stream, messages }: Said, answer: number): void {
  const prompt = /prompt (\d+)\b/.exec(messages.at(-1)?.content ?? "")?.[1];
  const content = `answer ${answer} to prompt ${prompt}`;
  const head = { id: "r", created: 1_760_000_000, model: "numbered" };
  const usage = { prompt_tokens: 20, completion_tokens: 8, total_tokens: 28 };
  if (stream !== true) {
    const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }];
    const text = JSON.stringify({ ...head, object: "chat.completion", choices, usage });
    return void response.writeHead(200, { "content-type": "application/json" }).end(text);
  }
  const frame = (delta: object, finish: string | null): string =>
    `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  const last = `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [], usage })}\n\n`;
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(`${frame({ role: "assistant", content }, null)}${frame({}, "stop")}${last}data: [DONE]\n\n`);
}

/**
 * The workload: every pair of product and prompt once, and the rest drawn by Zipf's law, in a random order. With one pair for
 * ten requests, nine of ten are repeats.
 */
function workload(requests: number, random: () => number): Ask[] {
  const pairs = Math.max(2, Math.floor(requests / 10));
  const prompts = Math.ceil(pairs / 2);
  const sums: number[] = [];
  for (let rank = 1; rank <= pairs; rank++) sums.push((sums.at(-1) ?? 0) + 1 / rank ** skew);
  const drawn = (): number => {
    const at = random() * (sums.at(-1) ?? 1);
    let [low, high] = [0, pairs - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const asks = Array.from({ length: requests }, (_, i): Ask => {
    const pair = i < pairs ? i : drawn();
    // The products like different prompts, and every prompt is asked by both.
    const product = pair % 2;
    const prompt = product === 0 ? pair >> 1 : prompts - 1 - (pair >> 1);
    return { product, prompt, stream: random() < streamedShare };
  });
  for (let i = asks.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [here, there] = [asks[i], asks[j]];
    if (here !== undefined && there !== undefined) [asks[i], asks[j]] = [there, here];
  }
  return asks;
}

/** Replays the workload against a server, with the key of each of two products. */
export async function replay(
  { url, keys }: { readonly url: string; readonly keys: readonly string[] },
  requests: number,
  reached: () => number,
): Promise<Replayed> {
  const asks = workload(requests, seededRandom(4));
  const pool = new Pool(url, { connections: atOnce, pipelining: 1 });
  const owners = new Map<string, Ask>();
  const seen = new Set<string>();
  let [repeats, hits, crossed, wrong, failed] = [0, 0, 0, 0, 0];
  const one = async (ask: Ask): Promise<void> => {
    const { product, prompt, stream } = ask;
    const pair = `${product} ${prompt}`;
    if (seen.has(pair)) repeats++;
    seen.add(pair);
    const content = `This is prompt ${prompt}. ${"It says a little more. ".repeat(prompt % 40)}`;
    const { statusCode, headers, body } = await pool.request({
      method: "POST",
      path: "/v1/chat/completions",
      headers: { "content-type": "application/json", authorization: `Bearer ${keys[product]}` },
      body: JSON.stringify({ model: "numbered", temperature: 0, stream, messages: [{ role: "user", content }] }),
    });
    const text = await body.text();
    const found = /answer (\d+) to prompt (\d+)/.exec(text);
    if (statusCode !== 200 || found?.[1] === undefined) return void failed++;
    if (headers["x-charter-cache"] === "hit") hits++;
    if (found[2] !== String(prompt)) wrong++;
    const owner = owners.get(found[1]);
    if (owner === undefined) owners.set(found[1], ask);
    else if (owner.product !== product) crossed++;
  };
  const queue = asks.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const ask of queue) await one(ask);
    }),
  );
  await pool.close();
  return { requests, repeats, hits, reached: reached(), crossed, wrong, failed };
}
