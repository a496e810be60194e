// Holds guarded calls to looking at structure: a seal or the bytes of a medium pass only where the dialect's schema has them,
// and even there they are looked at.
import { describe, expect, it } from "vitest";
import { plainCall } from "../../test/support/gateway/model-call.ts";
import { defaultGuardPolicy } from "./guard.ts";
import type { GuardPolicy } from "./guard.ts";
import { guardCall, guardReply } from "./inspection.ts";
import type { GuardedCall } from "./inspection.ts";
import type { DialectName, ModelCall, Part, Turn } from "../models/conversation.ts";

/** Spelt in two halves, so that scanners of this repository do not take it for a leak. */
const token = ["ghp", "16C7e42F292c6912E7710c838347Ae178B4a"].join("_");
const off: GuardPolicy = { secrets: "off", pii: "off", injection: "off" };
const base64 = (bytes: Buffer | string): string => Buffer.from(bytes as string).toString("base64");
const noise = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * i * 31 + i * 7 + (i >> 3)) % 251));
const seal = base64(noise(600));
const png = base64(Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), noise(1200)]));

async function guarded(dialect: DialectName, raw: object, turns: readonly Turn[] = [], policy = defaultGuardPolicy) {
  const call = plainCall({ dialect, raw: raw as ModelCall["raw"], turns });
  return { before: call, ...(await guardCall(call, policy)) };
}

/** The places where each dialect has seals, with a value. */
const sealPlaces: readonly (readonly [DialectName, string, (value: string) => object])[] = [
  ["anthropic-messages", "thinking", (signature) => ({ messages: [{ role: "assistant", content: [{ type: "thinking", thinking: "so", signature }] }] })],
  ["anthropic-messages", "redacted thinking", (data) => ({ messages: [{ role: "assistant", content: [{ type: "redacted_thinking", data }] }] })],
  ["openai-responses", "reasoning", (value) => ({ input: [{ type: "reasoning", summary: [], encrypted_content: value }] })],
  ["openai-responses", "Charter's own", (value) => ({ input: [{ type: "reasoning", summary: [], encrypted_content: `charter:signature:gemini:${value}` }] })],
  ["openai-chat", "Google's front", (thought_signature) => ({ messages: [{ role: "assistant", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" }, extra_content: { google: { thought_signature } } }] }] })],
  ["openai-chat", "OpenRouter's front", (data) => ({ messages: [{ role: "assistant", content: "x", reasoning_details: [{ type: "reasoning.encrypted", data }] }] })],
]; // prettier-ignore

/** Places that only bear the names of seals. */
const namesakes: readonly (readonly [DialectName, string, (value: string) => object])[] = [
  ["anthropic-messages", "at the top", (signature) => ({ signature })],
  ["anthropic-messages", "in metadata", (signature) => ({ metadata: { signature, redacted: signature, thought_signature: signature } })],
  ["anthropic-messages", "in a turn of the user", (signature) => ({ messages: [{ role: "user", content: [{ type: "thinking", thinking: "so", signature }] }] })],
  ["anthropic-messages", "in a block of another type", (signature) => ({ messages: [{ role: "assistant", content: [{ type: "text", text: "so", signature }] }] })],
  ["anthropic-messages", "in a tool's schema", (signature) => ({ tools: [{ name: "t", input_schema: { properties: { signature: { default: signature, enum: [signature] } } } }] })],
  ["anthropic-messages", "deeper", (signature) => ({ messages: [{ role: "assistant", content: [{ type: "thinking", thinking: "so", more: { signature } }] }] })],
  ["openai-responses", "in a message", (value) => ({ input: [{ type: "message", role: "user", encrypted_content: value, content: "x" }] })],
  ["openai-responses", "beside the input", (value) => ({ encrypted_content: value, input: "x" })],
  ["openai-chat", "in a turn of the user", (thought_signature) => ({ messages: [{ role: "user", content: "x", extra_content: { google: { thought_signature } } }] })],
  ["openai-chat", "under another dialect's name", (signature) => ({ messages: [{ role: "assistant", content: "x", signature, encrypted_content: signature }] })],
]; // prettier-ignore

describe("a provider's seal", () => {
  it.each(sealPlaces)("passes as it is in its place: %s, %s", async (dialect, _place, raw) => {
    const { before, call, findings } = await guarded(dialect, raw(seal), [], {
      secrets: "redact",
      pii: "redact",
      injection: "redact",
    });
    expect(call).toBe(before);
    expect(findings).toEqual([]);
  });

  it.each(sealPlaces)(
    "is refused with a secret in it, since it cannot be rewritten: %s, %s",
    async (dialect, place, raw) => {
      const hidden = base64(`the key is ${token}, keep it well`);
      const { denied } = await guarded(dialect, raw(hidden));
      expect(denied).toMatchObject({ code: "guard.denied" });
      expect((await guarded(dialect, raw(hidden), [], { ...off, secrets: "flag" })).findings).toMatchObject([
        { action: "flag" },
      ]);
      if (place !== "Charter's own")
        expect((await guarded(dialect, raw(token))).denied).toMatchObject({ code: "guard.denied" });
    },
  );

  it.each(sealPlaces)("that does not look sealed is text: %s, %s", async (dialect, _place, raw) => {
    const { call, denied } = await guarded(dialect, raw(`the key is ${token}`));
    expect(denied).toBeUndefined();
    expect(JSON.stringify(call.raw)).not.toContain(token);
  });

  it.each(namesakes)("is text where only a name says it: %s, %s", async (dialect, _place, raw) => {
    for (const value of [token, base64(`the key is ${token}`)]) {
      const { call, denied } = await guarded(dialect, raw(value));
      expect(denied).toBeUndefined();
      expect(JSON.stringify(call.raw)).not.toContain(value);
      expect(JSON.stringify(call.raw)).toContain("[redacted: github-pat");
    }
  });

  it("stands in the neutral form only in reasoning of the assistant", async () => {
    const part: Part = { kind: "reasoning", text: "so", signature: `gemini:${seal}` };
    const own = await guarded("openai-chat", {}, [{ role: "assistant", parts: [part] }]);
    expect(own.call).toBe(own.before);
    const hidden: Part = { kind: "reasoning", text: "so", signature: token };
    expect((await guarded("openai-chat", {}, [{ role: "assistant", parts: [hidden] }])).denied).toBeDefined();
    const user = await guarded("openai-chat", {}, [{ role: "user", parts: [hidden] }]);
    expect(JSON.stringify(user.call.turns)).not.toContain(token);
  });
});

/** The places where each dialect has media, with a media type and bytes. */
const mediaPlaces: readonly (readonly [DialectName, string, (type: string, data: string) => object])[] = [
  ["openai-chat", "image", (type, data) => ({ messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: `data:${type};base64,${data}` } }] }] })],
  ["openai-chat", "file", (type, data) => ({ messages: [{ role: "user", content: [{ type: "file", file: { filename: "f", file_data: `data:${type};base64,${data}` } }] }] })],
  ["openai-responses", "image", (type, data) => ({ input: [{ role: "user", content: [{ type: "input_image", image_url: `data:${type};base64,${data}` }] }] })],
  ["openai-responses", "file", (type, data) => ({ input: [{ role: "user", content: [{ type: "input_file", file_data: `data:${type};base64,${data}` }] }] })],
  ["anthropic-messages", "image", (media_type, data) => ({ messages: [{ role: "user", content: [{ type: "image", source: { type: "base64", media_type, data } }] }] })],
  ["anthropic-messages", "document in a result", (media_type, data) => ({ messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "1", content: [{ type: "document", source: { type: "base64", media_type, data } }] }] }] })],
]; // prettier-ignore

/** What the base64 in a body says. */
function decodedIn({ call }: GuardedCall): string {
  const found = JSON.stringify(call.raw).match(/[A-Za-z0-9+/]{40,}={0,2}/g) ?? [];
  return found.map((each) => Buffer.from(each, "base64").toString()).join("\n");
}

describe("bytes in a call", () => {
  it.each(mediaPlaces)("pass as they are when they begin as their type does: %s, %s", async (dialect, _place, raw) => {
    const { before, call, findings } = await guarded(dialect, raw("image/png", png), [], {
      ...off,
      secrets: "deny",
      pii: "deny",
    });
    expect(call).toBe(before);
    expect(findings).toEqual([]);
  });

  it.each(mediaPlaces)(
    "that are text have secrets taken out and stay an attachment: %s, %s",
    async (dialect, _place, raw) => {
      const text = `name;value\nkey;${token}\nend;1\n`;
      for (const type of [
        "text/plain",
        "text/csv",
        "application/json",
        "image/svg+xml",
        "application/octet-stream",
        "image/png",
      ]) {
        const result = await guarded(dialect, raw(type, base64(text)));
        expect(result.denied, type).toBeUndefined();
        expect(decodedIn(result), type).toContain("key;[redacted: github-pat]\nend;1");
        expect(decodedIn(result), type).not.toContain(token);
      }
    },
  );

  it.each(mediaPlaces)(
    "are refused with a secret between them, since they cannot be rewritten: %s, %s",
    async (dialect, _place, raw) => {
      const bytes = Buffer.concat([Buffer.from(png, "base64"), Buffer.from(` ${token} `), noise(70_000)]);
      expect((await guarded(dialect, raw("image/png", base64(bytes)))).denied).toMatchObject({ code: "guard.denied" });
      const letters = `${png.slice(0, 400)}-${token}-${png.slice(0, 400)}`;
      expect((await guarded(dialect, raw("image/png", letters))).denied).toMatchObject({ code: "guard.denied" });
    },
  );

  it("are text like any other outside the places for media", async () => {
    const value = base64(`${"x".repeat(600)} the key is ${token}`);
    for (const raw of [
      { data: value },
      { metadata: { url: `data:image/png;base64,${value}` } },
      { tools: [{ b64_json: value }] },
    ]) {
      const { call } = await guarded("openai-chat", raw);
      expect(JSON.stringify(call.raw)).not.toContain(value);
    }
  });

  it("are redacted alike in the neutral form and in the body, also in UTF-16", async () => {
    const data = Buffer.from(`\uFEFFkey ${token}\n`, "utf16le").toString("base64");
    const turns: readonly Turn[] = [
      { role: "user", parts: [{ kind: "file", source: { kind: "base64", mediaType: "text/plain", data } }] },
    ];
    const raw = {
      messages: [{ role: "user", content: [{ type: "file", file: { file_data: `data:text/plain;base64,${data}` } }] }],
    };
    const { call } = await guarded("openai-chat", raw, turns);
    const redacted = Buffer.from("\uFEFFkey [redacted: github-pat]\n", "utf16le").toString("base64");
    expect(call.turns[0]!.parts[0]).toMatchObject({ source: { data: redacted } });
    expect(JSON.stringify(call.raw)).toContain(`data:text/plain;base64,${redacted}`);
  });

  it("that are large are decoded in turns", async () => {
    const text = `${"lorem ipsum dolor sit amet ".repeat(90_000)}${token} end`;
    const raw = mediaPlaces[1]![2]("text/plain", base64(text));
    expect(decodedIn(await guarded("openai-chat", raw)).endsWith("[redacted: github-pat] end")).toBe(true);
  });
});

const halves = [token.slice(0, 15), token.slice(15)] as const;

describe("a token that is cut", () => {
  const says = (role: Turn["role"], ...texts: readonly string[]): Turn => ({
    role,
    parts: texts.map((text) => ({ kind: "text", text })),
  });
  const cuts: readonly (readonly [string, readonly Turn[], object])[] = [
    ["over parts", [says("user", `it is ${halves[0]}`, `${halves[1]} now`)], { messages: [{ role: "user", content: [{ type: "text", text: `it is ${halves[0]}` }, { type: "text", text: `${halves[1]} now` }] }] }],
    ["over turns", [says("user", `it is ${halves[0]}`), says("assistant", "go on"), says("user", `${halves[1]} now`)], { messages: [{ role: "user", content: `it is ${halves[0]}` }, { role: "assistant", content: "go on" }, { role: "user", content: `${halves[1]} now` }] }],
    ["over items of a list", [], { metadata: { list: halves } }],
    ["letter by letter over items of a list", [], { metadata: { list: Array.from(token) } }],
    ["over a key and its value", [], { metadata: { [halves[0]]: halves[1] } }],
    ["over values", [], { metadata: { first: halves[0], second: halves[1] } }],
    ["in base64 over items of a list", [], { metadata: { list: base64(`key ${token} end`).match(/.{1,12}/g) } }],
  ]; // prettier-ignore

  it.each(cuts)("%s is taken out of every text", async (_name, turns, raw) => {
    const { call, denied } = await guarded("openai-chat", raw, turns);
    expect(denied).toBeUndefined();
    const sent = JSON.stringify([call.turns, call.raw]);
    for (const half of [...halves, token.slice(4, 9), token.slice(-6)]) expect(sent).not.toContain(half);
    expect(sent).toContain("[redacted: github-pat");
    expect(sent).not.toContain(base64(`key ${token} end`).slice(12, 24));
  });

  it.each(cuts)("%s is refused where the policy says so", async (_name, turns, raw) => {
    expect((await guarded("openai-chat", raw, turns, { ...off, secrets: "deny" })).denied).toMatchObject({
      code: "guard.denied",
    });
  });

  it("over the parts of a reply is taken out too", async () => {
    const parts: readonly Part[] = halves.map((text) => ({ kind: "text", text }));
    const choices = [{ parts, finish: "stop" as const }];
    const { reply } = await guardReply(
      { id: "r", model: "m", choices, rawUsage: null, usage: null },
      defaultGuardPolicy,
    );
    expect(JSON.stringify(reply.choices)).not.toContain(halves[1]);
  });
});

describe("a value behind a name", () => {
  it("is taken for what the name says, as it is in text", async () => {
    const raw = {
      metadata: { password: "Tr0ub4dor&3x", api_key: "q7RtX2mLp9Zk4Wv8Nb3c", page: "12", note: "Tr0ub4dor" },
    };
    const { call } = await guarded("openai-chat", raw);
    expect(call.raw).toEqual({
      metadata: {
        password: "[redacted: generic-password]",
        api_key: "[redacted: generic-api-key]",
        page: "12",
        note: "Tr0ub4dor",
      },
    });
  });
});
