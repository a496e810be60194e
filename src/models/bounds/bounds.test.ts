import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainCall } from "../../../test/support/gateway/model-call.ts";
import type { ModelCall, Part } from "../conversation.ts";
import { defaultBounds } from "../catalogue/model-families.ts";
import { boundOf } from "./bound.ts";
import { reachOf } from "./references.ts";
import { mostSecondsOf } from "./sound.ts";
import { RuleTrusts } from "./rule-trust.ts";
import { mostTokensOfBytes, mostTokensOfText } from "./text-bound.ts";

const forms = ["NFC", "NFKC"] as const;
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.string({ unit: "grapheme", maxLength: 200 }),
);

describe("the most tokens of a text", () => {
  it("are no fewer than its bytes, in whatever form a tokenizer brings it", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const most = mostTokensOfText(text);
        expect(most).toBeGreaterThanOrEqual(Buffer.byteLength(text));
        for (const form of forms) expect(most).toBeGreaterThanOrEqual(Buffer.byteLength(text.normalize(form)));
      }),
      { numRuns: 2000 },
    );
  });

  it("are no fewer for any character by itself", () => {
    const less: string[] = [];
    for (let code = 0x80; code < 0x110000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const text = String.fromCodePoint(code);
      const longest = Math.max(...forms.map((form) => Buffer.byteLength(text.normalize(form))));
      if (mostTokensOfText(text) < longest) less.push(code.toString(16));
    }
    expect(less).toEqual([]);
  });

  it("are the bytes of plain English, and not counted further once they are enough", () => {
    expect(mostTokensOfText("Why is the sky blue?")).toBe(20);
    expect(mostTokensOfText("ﷺ".repeat(100))).toBe(3300);
  });

  it("are the same of bytes, however long the text is and wherever a character is cut", async () => {
    for (const text of ["plain ".repeat(40_000), "aﷺ".repeat(60_000), "x" + "😀é".repeat(50_000)]) {
      expect(await mostTokensOfBytes(Buffer.from(text))).toBe(mostTokensOfText(text));
    }
  });
});

describe("the length of a recording", () => {
  const wav = (rate: number, format = 1): string => {
    const head = Buffer.alloc(44);
    head.write("RIFF", 0);
    head.write("WAVEfmt ", 8);
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(format, 20);
    head.writeUInt16LE(1, 22);
    head.writeUInt32LE(rate, 24);
    head.writeUInt16LE(16, 34);
    head.write("data", 36);
    return Buffer.concat([head, Buffer.alloc(32_000)]).toString("base64");
  };

  it("follows from what a WAV file says of itself, whatever its rate", () => {
    expect(mostSecondsOf(wav(16_000))).toBeCloseTo(1, 1);
    expect(mostSecondsOf(wav(1))).toBeGreaterThan(16_000);
  });

  it("is not known of what is neither plain WAV nor MP3", () => {
    for (const other of ["fLaC", "OggS", "ID3", "RIFF", "", "\u0000\u0000"]) {
      expect(mostSecondsOf(Buffer.from(`${other}${"x".repeat(50)}`).toString("base64")), other).toBeUndefined();
    }
    expect(mostSecondsOf(wav(16_000, 85))).toBeUndefined();
    expect(mostSecondsOf(wav(0))).toBeUndefined();
  });
});

describe("how far the bytes of a call bound it", () => {
  it.each<[string, Partial<ModelCall>, string]>([
    ["a plain call", { raw: { messages: [{ role: "user", content: "Hi" }] } }, "bytes"],
    ["a server's sampling", { untranslated: ["/min_p", "/chat_template_kwargs"] }, "bytes"],
    ["a speaker's name", { untranslated: ["/messages/0/name"] }, "bytes"],
    [
      "a tool that the caller runs",
      { raw: { tools: [{ type: "bash_20250124" }] }, untranslated: ["/tools/0"] },
      "bytes",
    ],
    ["a file's id", { untranslated: ["/messages/0/content/1/file/file_id"] }, "window"],
    ["citations", { untranslated: ["/messages/0/content/1/citations"] }, "window"],
    ["a container", { untranslated: ["/container"] }, "window"],
    ["an unknown field of a message", { raw: { messages: [{ role: "user", files: [] }] } }, "window"],
    [
      "a tool that the provider runs",
      { raw: { tools: [{ type: "web_search_20250305" }] }, untranslated: ["/tools/0"] },
      "none",
    ],
    ["servers of tools", { untranslated: ["/mcp_servers"] }, "none"],
    ["plugins", { untranslated: ["/plugins"] }, "none"],
    ["whatever nobody knows", { untranslated: ["/a~1b~0c"] }, "bytes"],
    ["an image to be made", { raw: { modalities: ["text", "image"] } }, "none"],
    ["a prediction", { raw: { prediction: { type: "content", content: "x" } } }, "window"],
    ["a context that is summed up", { raw: { context_management: { edits: [{ type: "compact_20260112" }] } } }, "none"],
    [
      "a context that is cleared",
      { raw: { context_management: { edits: [{ type: "clear_tool_uses_20250919" }] } } },
      "bytes",
    ],
    ["unknown embeddings", { dialect: "embeddings", raw: { model: "m", input: "x", images: [] } }, "bytes"],
  ])("with %s", (_name, fields, of) => {
    expect(reachOf(plainCall(fields)).of).toBe(of);
  });
});

describe("the bound of an attempt", () => {
  const deployment = { contextTokens: null, bounds: defaultBounds, serves: "chat" } as const;
  const bound = (call: ModelCall, more: object = {}, ruleTrusts = new RuleTrusts()) =>
    boundOf({
      call,
      textTokens: mostTokensOfText(JSON.stringify(call.raw)),
      deployment: { ...deployment, ...more },
      answers: 1,
      trustOf: (hasMedia) => ruleTrusts.of("P", "d", hasMedia),
    });
  const image: Part = { kind: "image", source: { kind: "url", url: "https://a.example" } };
  const pdf: Part = { kind: "file", source: { kind: "base64", mediaType: "application/pdf", data: "AAAA" } };
  const said = (...parts: Part[]): ModelCall => plainCall({ turns: [{ role: "user", parts }] });

  it("counts every image by its rule, in results of tools as well", () => {
    const nested: Part = { kind: "tool_result", id: "1", parts: [image] };
    const { inputTokens, hasMedia } = bound(said(image, nested), { bounds: { ...defaultBounds, imageTokens: 700 } })(
      10,
    );
    expect([inputTokens, hasMedia]).toEqual([2 + 512 + 1400, true]);
  });

  it("counts thought as output, within the answer's limit only where Anthropic's API says so", () => {
    const written = (fields: Partial<ModelCall>) => bound(plainCall(fields))(5000).outputTokens;
    const more = written({ raw: { thinking_budget: 4000 } }) - written({});
    expect(more).toBe(4000);
    for (const raw of [
      { thinking: { type: "enabled", budget_tokens: 100_000 } },
      { reasoning: { max_tokens: 100_000 } },
      { chat_template_kwargs: { thinking_budget: 100_000 } },
    ]) {
      expect(written({ raw }) - written({}), JSON.stringify(raw)).toBe(100_000);
      expect(written({ raw, dialect: "anthropic-messages" }) - written({})).toBe(100_000);
    }
    const thinking = { type: "enabled", budget_tokens: 4000 };
    expect(written({ raw: { thinking }, dialect: "anthropic-messages" })).toBe(written({}));
  });

  it("takes for no image what its URL calls something else, and for no text what begins as a document", () => {
    for (const url of ["https://a.example/a.pdf?b", "https://www.youtube.com/watch?v=1", "https://a.example/a.MP4#x"]) {
      expect(bound(said({ kind: "image", source: { kind: "url", url } }))(10).without, url).toMatch(/file/);
    }
    const file = (text: string): Part => {
      const data = Buffer.from(text).toString("base64");
      return { kind: "file", source: { kind: "base64", mediaType: "text/plain", data } };
    };
    expect(bound(said(file("Hello there.")))(10).without).toBeUndefined();
    for (const text of ["%PDF-1.7", "\n\n%PDF-1.7", "PK\u0003\u0004"]) {
      expect(bound(said(file(text)))(10).without).toMatch(/file/);
    }
  });

  it("counts media by their rules and not by their base64", () => {
    const data = "A".repeat(9000);
    const inline: Part = { kind: "image", source: { kind: "base64", mediaType: "image/png", data } };
    expect(bound({ ...said(inline), raw: { data } })(10).inputTokens).toBeLessThan(50_000 + 600);
  });

  it("is the window where only that bounds it, and is none where that is not known", () => {
    expect(bound(said(pdf))(10).without).toBe("a file of unknown length");
    const { without, inputTokens, knownTokens } = bound(said(pdf), { contextTokens: 1000 })(10);
    expect([without, inputTokens, knownTokens]).toEqual([undefined, 1050, 512]);
    expect(bound(said(pdf), { bounds: { ...defaultBounds, fileTokens: 30 } })(10)).toMatchObject({ inputTokens: 542 });
  });

  it("is never more than the window, but for embeddings, of which each text has its own", () => {
    const long = plainCall({ raw: { text: "x".repeat(5000) } });
    expect(bound(long, { contextTokens: 1000 })(10).inputTokens).toBe(1050);
    const many = plainCall({ dialect: "embeddings", raw: { model: "m", input: ["x".repeat(5000)] } });
    expect(bound(many, { contextTokens: 1000, serves: "embeddings" })(10)).toMatchObject({ outputTokens: 0 });
    expect(bound(many, { contextTokens: 1000, serves: "embeddings" })(10).inputTokens).toBeGreaterThan(5000);
  });

  it("grows with what was reported beyond it: a little wrong rule by twice as much, any other to the window or to none", () => {
    const ruleTrusts = new RuleTrusts();
    const text = said({ kind: "text", text: "Hi" });
    ruleTrusts.exceeded("P", "d", false, 1.5);
    expect(bound(text, {}, ruleTrusts)(10).inputTokens).toBe(3 * 514);
    expect(bound(said(image), {}, ruleTrusts)(10).inputTokens).toBe(50_514);
    ruleTrusts.exceeded("P", "d", false, 50);
    expect(bound(text, {}, ruleTrusts)(10).without).toMatch(/far more/);
    expect(bound(text, { contextTokens: 8000 }, ruleTrusts)(10)).toMatchObject({
      inputTokens: 8400,
      outputTokens: 8400,
      // With as much as is known of it, a budget that is smaller than the window admits it.
      knownTokens: 3 * 514,
      knownOutputTokens: 3 * 26,
    });
    ruleTrusts.exceeded("P", "d", false, 2);
    expect(bound(text, { contextTokens: 8000 }, ruleTrusts)(10).without).toMatch(/any rule/);
  });
});
