// For every pair of front door and provider's API: a reply that is said whole, and the same said as a stream, mean the same to the
// official client of the front door, whatever the server's habits are and wherever the bytes are cut.
// `CHARTER_TEST_PAIRS_RUNS` says how many sayings a pair is tried with.
import type { ServerResponse } from "node:http";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { announcedSeed } from "../support/app/process.ts";
import { startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";
import { chatHabits, writeChat } from "../support/providers/chat.ts";
import { geminiHabits, writeGemini } from "../support/providers/gemini.ts";
import { heard, fronts } from "../support/providers/heard.ts";
import type { Front, Heard, HeardChoice } from "../support/providers/heard.ts";
import { messagesHabits, writeMessages } from "../support/providers/messages.ts";
import { responsesHabits, writeResponses } from "../support/providers/responses.ts";
import { mannersOf, objectWords, sayings, withUnknown } from "../support/providers/saying.ts";
import type { Manner, SaidChoice, SaidFinish, SaidPart, Saying, Written } from "../support/providers/saying.ts";

const runs = Number(process.env["CHARTER_TEST_PAIRS_RUNS"] ?? 40);

interface Api {
  readonly habits: readonly string[];
  readonly write: (saying: Saying, manner: Manner) => Written;
  /** Whether it has several answers to one call. */
  readonly hasChoices: boolean;
}

const apis: Readonly<Record<string, Api>> = {
  "openai-chat": { habits: chatHabits, write: writeChat, hasChoices: true },
  "anthropic-messages": { habits: messagesHabits, write: writeMessages, hasChoices: false },
  gemini: { habits: geminiHabits, write: writeGemini, hasChoices: true },
  "openai-responses": { habits: responsesHabits, write: writeResponses, hasChoices: false },
};

/** What no client of a front door can read that is given it as it came. */
const unreadable = [
  // The client asks for the place of every item, and knows no other event than its own.
  "responses: no output index",
  "responses: unknown events",
  // The client reads the start of a block itself, and loses digits in it.
  "messages: input at the start",
];

/** Habits of servers that nothing has to be put right for. */
const asTheyCome: readonly string[] = [
  "empty deltas",
  "null fields",
  "calls in turns",
  "usage null before",
  "usage beside the finish",
  "finish twice",
  "prompt filter first",
  "comments",
  "crlf",
  "pings",
  "unknown events",
  "unknown fields",
  "citations",
  "annotations",
  "server tools",
  "redacted thinking",
  "text in the start",
  "reasoning text",
  "encrypted reasoning",
  "parts of a summary",
  "no deltas",
];

let rig: GatewayRig;
let stub: Stub;
let seed: number;

beforeAll(async () => {
  seed = announcedSeed("pairs");
  stub = await startStub();
  const row = { keyless: true, open: true, baseUrl: `${stub.url}/v1` };
  rig = await startRig({
    providers: () => ({
      "openai-chat": { ...row, kind: "openai-compatible", api: "chat" },
      "anthropic-messages": { ...row, kind: "anthropic" },
      gemini: { ...row, kind: "gemini" },
      "openai-responses": { ...row, kind: "openai-compatible", api: "responses" },
    }),
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});

/** Has the next call answered with this. */
function answerWith({ whole, pieces }: Written): void {
  stub.answer = async ({ path, json }, response) => {
    const isStream = (json as { stream?: boolean }).stream === true || path.includes(":streamGenerateContent");
    if (!isStream) {
      response.writeHead(200, { "content-type": "application/json" }).end(whole);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    await sent(response, pieces);
    response.end();
  };
}

async function sent(response: ServerResponse, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) await new Promise<void>((resolve) => void response.write(piece, () => resolve()));
}

/** What was understood, or what the client raised. */
async function outcomeOf(
  front: Front,
  api: string,
  choices: number,
  hasId: boolean,
  isStream: boolean,
): Promise<Heard | { raised: string }> {
  const more = { "cache-control": "no-store" };
  const asking = {
    openai: rig.openai(rig.productKey, more),
    anthropic: rig.anthropic(rig.productKey, more),
    model: `${api}/said-1`,
    choices,
  };
  try {
    const said = await heard(front, asking, isStream);
    // Of a reply that came without an id, Charter's is in the place of it.
    return hasId || said.id === undefined ? said : { ...said, id: "made" };
  } catch (error) {
    return { raised: (error as Error).message };
  }
}

/** An end that no server gets wrong. */
function endOf(parts: readonly SaidPart[], finish: SaidFinish): SaidFinish {
  if (finish === "length" || finish === "filter") return finish;
  return parts.some(({ kind }) => kind === "call") ? "tools" : "stop";
}

/** What of a choice must be understood, whatever the way. */
function meaningOf({ parts }: SaidChoice, api: string, front: Front, { habits }: Manner): Partial<HeardChoice> {
  const isText = front === "messages" || api === "anthropic-messages" || api === "gemini";
  const said = (...kinds: readonly string[]): string =>
    parts.map((part) => (kinds.includes(part.kind) && "text" in part ? part.text : "")).join("");
  const calls = parts
    .filter((part) => part.kind === "call")
    .map(({ id, name, words }) => {
      const hasNone = habits.has("calls without ids") && !habits.has("every call at index 0");
      const given = api === "gemini" ? habits.has("calls with ids") : !hasNone;
      const isObject = api === "gemini" || api === "anthropic-messages" || habits.has("arguments as objects");
      const said = isObject ? objectWords(words) : words;
      const isBroken = said !== objectWords(said);
      return {
        ...(given && { id }),
        name,
        words: isBroken && front === "messages" ? JSON.stringify({ INVALID_JSON: said }) : said,
      };
    });
  return {
    text: isText ? (api === "openai-chat" ? said("text") + said("refusal") : said("text", "refusal")) : said("text"),
    refusal: isText ? "" : said("refusal"),
    ...(habits.has("parts of a summary") ? {} : { reasoning: said("thought") }),
    calls: calls as HeardChoice["calls"],
  };
}

describe.each([
  [
    "chat",
    "openai-chat",
    "/v1/chat/completions",
    { messages: [{ role: "user", content: "Say it." }], stream_options: { include_usage: true } },
  ],
  [
    "messages",
    "anthropic-messages",
    "/v1/messages",
    { messages: [{ role: "user", content: "Say it." }], max_tokens: 1000 },
  ],
  ["responses", "openai-responses", "/v1/responses", { input: "Say it.", store: false }],
] as const)("%s in front of the same API", (_front, api, path, body) => {
  async function given(isStream: boolean): Promise<Buffer> {
    const { stream_options: options, ...plain } = { stream_options: undefined, ...body };
    const asked = {
      ...plain,
      model: `${api}/said-1`,
      temperature: 1,
      ...(isStream && { stream: true, ...(options && { stream_options: options }) }),
    };
    const headers = {
      authorization: `Bearer ${rig.productKey}`,
      "content-type": "application/json",
      "cache-control": "no-store",
    };
    const response = await fetch(rig.charter.url + path, { method: "POST", headers, body: JSON.stringify(asked) });
    return Buffer.from(await response.arrayBuffer());
  }

  it("gives what came, byte for byte, with what nobody knows", async () => {
    const { habits, write } = apis[api] as Api;
    const flawless = sayings.map(({ choices, ...saying }) => ({
      id: "id-1",
      model: saying.model,
      usage: saying.usage ?? { input: 20, output: 10, cached: 0, reasoning: 0 },
      choices: choices.slice(0, 1).map(({ parts, ...choice }) => ({
        ...choice,
        parts: parts.map((part) => (part.kind === "call" ? { ...part, words: objectWords(part.words) } : part)),
        finish: endOf(parts, choice.finish),
      })),
    }));
    const harmless = habits.filter((habit) => asTheyCome.includes(habit));
    await fc.assert(
      fc.asyncProperty(flawless, mannersOf(harmless), async (saying, manner) => {
        const written = write(saying, manner);
        const { dice } = manner;
        const whole = withUnknown(written.whole, dice);
        const lines = Buffer.concat([...written.pieces])
          .toString()
          .split(/(?<=\n)/);
        const stream = lines.map((line) => (line.startsWith("data: {") ? withUnknown(line, dice) : line)).join("");
        answerWith({ whole, pieces: dice.cutBytes(Buffer.from(stream)) });
        expect((await given(false)).toString()).toBe(whole);
        expect((await given(true)).toString().replace(/: charter .*\n\n/, "")).toBe(stream);
      }),
      { seed, numRuns: runs },
    );
  });
});

describe.each(fronts)("%s", (front) => {
  describe.each(Object.entries(apis))("in front of %s", (api, { habits, write, hasChoices }) => {
    const readable = habits.filter((habit) => !unreadable.includes(`${front}: ${habit}`));

    it("says the same whole and streamed", async () => {
      await fc.assert(
        fc.asyncProperty(sayings, mannersOf(readable), async (said, manner) => {
          const saying = front === "chat" && hasChoices ? said : { ...said, choices: said.choices.slice(0, 1) };
          const choices = saying.choices.length;
          const hasId = saying.id !== "";
          answerWith(write(saying, manner));
          const whole = await outcomeOf(front, api, choices, hasId, false);
          const streamed = await outcomeOf(front, api, choices, hasId, true);
          expect(whole).toMatchObject({
            choices: saying.choices.map((choice) => meaningOf(choice, api, front, manner)),
          });
          expect(streamed).toEqual(whole);
        }),
        { seed, numRuns: runs },
      );
    });
  });
});
