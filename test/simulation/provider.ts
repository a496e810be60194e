// A provider of models that does as the seed says: it answers, or is slow, silent, cut off, wrong, or lies about what it used. It
// remembers what it billed, which is what budgets must have been charged at least.
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { End } from "./network.ts";
import type { Random } from "./random.ts";
import { programOf } from "./timeline.ts";
import type { Timeline } from "./timeline.ts";

/** Ways to answer, each as often as it stands here. */
const ways = [
  ..."answers answers answers answers answers answers slowly slowly".split(" "),
  ..."unreadably unreadably silently cut refuses busy boasts says-nothing".split(" "),
] as const;

/** What was billed for one call. */
export interface Bill {
  /** The words by which its caller knows the call. */
  readonly marker: string;
  readonly tokens: number;
  readonly atMs: number;
}

interface Asked {
  readonly stream?: boolean;
  readonly messages: readonly { readonly content: string }[];
}

/** Answers calls at a port. */
export class Provider {
  /** Whole answers that left, with a usage that can be believed. */
  readonly bills: Bill[] = [];
  readonly #timeline: Timeline;
  readonly #chance: Random;

  constructor(timeline: Timeline, chance: Random) {
    this.#timeline = timeline;
    this.#chance = chance;
  }

  /** Begins to listen. */
  async open(port: number): Promise<void> {
    await this.#timeline.run(programOf(`provider-${port}`, port), async () => {
      const server = createServer((request, response) => void this.#answer(request, response));
      await new Promise<void>((resolve) => server.listen({ port }, resolve));
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    response.on("error", () => {});
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
    } catch {
      return;
    }
    if (request.method !== "POST") return void response.writeHead(404).end();
    const asked = JSON.parse(Buffer.concat(pieces).toString()) as Asked;
    const way = this.#chance.pick(ways);
    this.#timeline.note(`provider ${way}`);
    if (way === "silently") return;
    if (way === "refuses") return void response.writeHead(400, json).end('{"error":{"message":"no","type":"invalid"}}');
    if (way === "busy") return void response.writeHead(503, json).end('{"error":{"message":"busy","type":"server"}}');
    await this.#sleep(way === "slowly" ? this.#chance.between(1000, 90_000) : this.#chance.between(1, 200));
    const reply = this.#replyTo(asked, way);
    if (asked.stream === true) await this.#stream(response, reply, way);
    else if (way === "cut") (response.socket as unknown as End).cut();
    else this.#send(response, JSON.stringify(wholeOf(reply)), reply);
  }

  #replyTo({ messages }: Asked, way: string): Reply {
    const marker = messages.at(-1)?.content ?? "";
    const [read, written] = [5 + this.#chance.below(20), 1 + this.#chance.below(30)];
    const words = Array.from({ length: written }, (_, n) => `word${n} `);
    const usage =
      way === "says-nothing" ? undefined : { read, written: way === "boasts" ? written + 1_000_000 : written };
    // A call of a tool that has no name cannot be passed on.
    return { marker, words, usage, isWrong: way === "unreadably" };
  }

  /** Ends an answer; what it says of its use is billed once its last byte has left. */
  #send(response: ServerResponse, last: string, { marker, usage }: Reply): void {
    if (!response.headersSent) response.writeHead(200, json);
    response.on("finish", () => {
      if (usage === undefined || usage.written > 1_000_000) return;
      this.bills.push({ marker, tokens: usage.read + usage.written, atMs: this.#timeline.nowMs });
    });
    response.end(last);
  }

  async #stream(response: ServerResponse, reply: Reply, way: string): Promise<void> {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const cutAt = way === "cut" ? this.#chance.below(reply.words.length) : Number.POSITIVE_INFINITY;
    for (const [n, content] of reply.words.entries()) {
      if (n === cutAt) return (response.socket as unknown as End).cut();
      response.write(frame({ choices: [{ index: 0, delta: reply.isWrong ? namelessCall : { content } }] }));
      await this.#sleep(this.#chance.between(0, 50));
      if (response.destroyed) return;
    }
    response.write(frame({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }));
    const end = reply.usage === undefined ? "" : frame({ choices: [], usage: usageOf(reply.usage) });
    this.#send(response, `${end}data: [DONE]\n\n`, reply);
  }

  #sleep(ms: number): Promise<void> {
    return this.#timeline.sleep(ms);
  }
}

const json = { "content-type": "application/json" };

interface Reply {
  readonly marker: string;
  readonly words: readonly string[];
  readonly usage: { readonly read: number; readonly written: number } | undefined;
  readonly isWrong: boolean;
}

const namelessCall = { tool_calls: [{ index: 0, id: "call_1", type: "function", function: { arguments: "{}" } }] };

const usageOf = ({ read, written }: NonNullable<Reply["usage"]>) => ({
  prompt_tokens: read,
  completion_tokens: written,
  total_tokens: read + written,
});

const head = { id: "chat-1", created: 1_893_456_000, model: "simulated" };

const frame = (fields: object): string =>
  `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...fields })}\n\n`;

const wholeOf = ({ words, usage, isWrong }: Reply) => ({
  ...head,
  object: "chat.completion",
  choices: [
    {
      index: 0,
      message: isWrong
        ? { role: "assistant", content: null, tool_calls: namelessCall.tool_calls }
        : { role: "assistant", content: words.join("") },
      finish_reason: isWrong ? "tool_calls" : "stop",
    },
  ],
  ...(usage === undefined ? {} : { usage: usageOf(usage) }),
});
