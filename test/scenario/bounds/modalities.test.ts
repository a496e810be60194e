// Whatever a call holds, 200 of them at once never take a budget past its limit: neither what is charged, nor, of a provider
// that keeps to its rules, what the provider accounts.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dearest, startMetered } from "../../support/gateway/metered.ts";
import type { Metered } from "../../support/gateway/metered.ts";

const window = 400_000;
const crowd = 200;

let on: Metered;
beforeAll(async () => {
  on = await startMetered({
    flags: { "default-budget-tokens": "0" },
    // Whoever has lied once is not believed again, so liars are others than the honest ones.
    deployments: ["", "-liar"].flatMap((kind) => [
      { name: `dense${kind}`, provider: "metered", model: `dense${kind}` },
      { name: `claude${kind}`, provider: "metered-claude", model: `dense${kind}` },
      { name: `windowed${kind}`, provider: "metered-claude", model: `windowed${kind}`, contextTokens: window },
      { name: `gem${kind}`, provider: "metered-gem", model: `gem${kind}` },
      { name: `embeds${kind}`, provider: "metered", model: `embeds${kind}`, serves: "embeddings" },
    ]),
  });
});
afterAll(() => on[Symbol.asyncDispose]());

const png = `data:image/png;base64,${randomBytes(300).toString("base64")}`;
const mp3 = Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0]), randomBytes(4000)]).toString("base64");
const user = (...content: object[]) => ({ messages: [{ role: "user", content }] });
const text = { type: "text", text: "!@#$%^&*".repeat(500) };
const image = (url: string) => ({ type: "image_url", image_url: { url } });
const limit = { max_tokens: 100 };

/** Calls that have a bound: where they go, and what they say. */
const bounded: Readonly<Record<string, readonly [path: string, body: object]>> = {
  "dense text": ["/v1/chat/completions", { model: "dense", ...limit, ...user(text) }],
  "Arabic ligatures": [
    "/v1/chat/completions",
    { model: "dense", ...limit, ...user({ type: "text", text: "ﷺ".repeat(100) }) },
  ],
  "images by URL": [
    "/v1/chat/completions",
    { model: "dense", ...limit, ...user(image("https://a.example/1"), image("https://a.example/2")) },
  ],
  "images inline": ["/v1/chat/completions", { model: "dense", ...limit, ...user(image(png), text) }],
  "a recording": [
    "/v1/chat/completions",
    { model: "dense", ...limit, ...user({ type: "input_audio", input_audio: { format: "mp3", data: mp3 } }) },
  ],
  "tools and a schema": [
    "/v1/chat/completions",
    {
      model: "dense",
      ...limit,
      ...user(text),
      tools: [
        { type: "function", function: { name: "f", description: "?!".repeat(300), parameters: { type: "object" } } },
      ],
      response_format: {
        type: "json_schema",
        json_schema: { name: "s", schema: { type: "object", description: "%".repeat(500) } },
      },
    },
  ],
  "no limit named": ["/v1/chat/completions", { model: "dense", ...user(text) }],
  "a limit of null": ["/v1/chat/completions", { model: "dense", max_tokens: null, ...user(text) }],
  "a limit in a foreign spelling": ["/v1/chat/completions", { model: "dense", num_predict: 50, ...user(text) }],
  "several answers": ["/v1/chat/completions", { model: "dense", n: 4, max_tokens: 300, ...user(text) }],
  "parameters of servers": [
    "/v1/chat/completions",
    { model: "dense", ...limit, min_p: 0.1, repetition_penalty: 1.1, ...user(text) },
  ],
  "messages with an image": [
    "/v1/messages",
    {
      model: "claude",
      ...limit,
      ...user({ type: "image", source: { type: "url", url: "https://a.example/x" } }),
    },
  ],
  "messages for a chat model": [
    "/v1/messages",
    { model: "dense", ...limit, ...user({ type: "image", source: { type: "url", url: "https://a.example/x" } }) },
  ],
  "chat for a messages model": [
    "/v1/chat/completions",
    { model: "claude", ...user(text, image("https://a.example/1")) },
  ],
  "chat for a Gemini model": [
    "/v1/chat/completions",
    { model: "gem", ...user(text, image("https://a.example/1.png")) },
  ],
  responses: [
    "/v1/responses",
    { model: "dense", input: [{ role: "user", content: [{ type: "input_image", image_url: "https://a.example/1" }] }] },
  ],
  embeddings: ["/v1/embeddings", { model: "embeds", input: Array.from({ length: 40 }, () => "#?".repeat(40)) }],
  "a file by URL, under a window": [
    "/v1/messages",
    { model: "windowed", ...limit, ...user({ type: "document", source: { type: "url", url: "https://a.example/1" } }) },
  ],
};

/** Calls that nothing bounds: they run alone. */
const unbounded: Readonly<Record<string, readonly [path: string, body: object]>> = {
  "a file by URL": [
    "/v1/messages",
    { model: "claude", ...limit, ...user({ type: "document", source: { type: "url", url: "https://a.example/1" } }) },
  ],
  "a PDF that is called an image": [
    "/v1/chat/completions",
    { model: "gem", ...limit, ...user(image("https://a.example/2.pdf")) },
  ],
  "a PDF inline": [
    "/v1/chat/completions",
    {
      model: "dense",
      ...user({ type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" } }),
    },
  ],
  "a file by its id": [
    "/v1/chat/completions",
    { model: "dense", ...user({ type: "file", file: { file_id: "file-1" } }) },
  ],
  "a recording of any length": [
    "/v1/chat/completions",
    {
      model: "dense",
      ...user({
        type: "input_audio",
        input_audio: { format: "wav", data: Buffer.from("fLaC0000").toString("base64") },
      }),
    },
  ],
  "a search by the provider": [
    "/v1/messages",
    { model: "claude", ...limit, ...user(text), tools: [{ type: "web_search_20250305", name: "web_search" }] },
  ],
  "a prediction": [
    "/v1/chat/completions",
    { model: "dense", ...user(text), prediction: { type: "content", content: "x" } },
  ],
  "an unknown field of a message": [
    "/v1/chat/completions",
    { model: "dense", ...limit, messages: [{ role: "user", content: "Hi", attachments: ["a"] }] },
  ],
};

async function setBudget(project: string, unit: "tokens" | "microdollars", most: number): Promise<void> {
  const scope = { product: "AI_ASSISTANT", project };
  const { status, text: said } = await on.rig.charter.ask("/v1/budgets", {
    body: { scope, unit, window: "total", limit: most },
  });
  expect(status, said).toBe(201);
}

/** The same call so many times at once, half of them streamed; resolves with how many were answered. */
async function crowdOf(project: string, path: string, body: object, count = crowd): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const streams = i % 2 === 1 && path !== "/v1/embeddings" ? { stream: true } : {};
      const headers = { "x-charter-project": project, "cache-control": "no-store" };
      const answer = await on.rig.charter.ask(path, { key: on.rig.productKey, headers, body: { ...body, ...streams } });
      expect([200, 402, 409], answer.text).toContain(answer.status);
      if (answer.status !== 200) expect(answer.text).toMatch(/budget\.(?:insufficient|exhausted)/);
      return answer.status;
    }),
  );
  return answers.filter((status) => status === 200).length;
}

describe("200 calls at once", () => {
  for (const [name, [path, body]] of Object.entries(bounded)) {
    it(`with ${name} cost an honest provider no more than the budget in tokens`, async () => {
      on.meter = name.includes("under a window") ? () => ({ input: window, output: 100 }) : dearest;
      const [project, most] = [`tokens ${name}`, 1_000_000];
      await setBudget(project, "tokens", most);
      on.take();
      const answered = await crowdOf(project, path, body);
      const { tokens } = on.take();
      const { used, held } = await on.budget(project);
      expect([used, held]).toEqual([tokens, 0]);
      expect(tokens).toBeLessThanOrEqual(most);
      // Several at once, or the bound would be of no use.
      expect(answered).toBeGreaterThan(1);
    });

    it(`with ${name} are never charged more than the budget in money, whatever is reported`, async () => {
      let turn = 0;
      on.meter = () => ({ input: 1 + ((turn * 7919) % 3_000_000), output: 1 + ((turn++ * 104_729) % 900_000) });
      const [project, most] = [`money ${name}`, 1_500_000];
      await setBudget(project, "microdollars", most);
      const answered = await crowdOf(project, path, { ...body, model: `${(body as { model: string }).model}-liar` });
      expect(answered).toBeGreaterThan(0);
      const { used, held } = await on.budget(project, "microdollars");
      expect(held).toBe(0);
      expect(used).toBeLessThanOrEqual(most);
    });
  }

  for (const [name, [path, body]] of Object.entries(unbounded)) {
    it(`with ${name} run one by one, and are charged no more than the budget`, async () => {
      on.meter = () => ({ input: 90_000, output: 500 });
      const [project, most] = [`alone ${name}`, 200_000];
      await setBudget(project, "tokens", most);
      on.take();
      const answered = await crowdOf(project, path, body);
      const { atOnce, requests } = on.take();
      expect([atOnce, requests]).toEqual([1, answered]);
      const { used, held } = await on.budget(project);
      expect(held).toBe(0);
      expect(used).toBeLessThanOrEqual(most);
    });
  }
});
