import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testCall } from "../../test/contract/answer-cache.ts";
import { silentLog } from "../kernel/ctx.ts";
import { sha256Hex } from "../kernel/hash.ts";
import { partitionOf } from "./address.ts";
import type { Partition } from "./address.ts";
import { semanticParts } from "./canonical-call.ts";
import type { CanonicalCall } from "./canonical-call.ts";
import { MemorySemanticIndex } from "./memory-semantic-index.ts";
import type { MemorySemanticIndexParts } from "./memory-semantic-index.ts";
import { cosine, numbersIn, unitVector } from "./semantic-index.ts";
import type { Embed, SemanticQuestion } from "./semantic-index.ts";

const digest = (text: string) => sha256Hex(text) as CanonicalCall;
/** Counts of the letters a to h: texts with the same letters point the same way. */
const letters = async (text: string) =>
  Float32Array.from({ length: 8 }, (_, i) => text.split(String.fromCharCode(97 + i)).length - 1);
const open = ({ embed = letters, ...changes }: Partial<MemorySemanticIndexParts> & { embed?: Embed } = {}) => {
  const index = new MemorySemanticIndex({ threshold: 0.95, log: silentLog, ...changes });
  return {
    find: (question: SemanticQuestion) => index.find(question, embed),
    clear: (partition: Partition) => index.clear(partition),
    get size() {
      return index.size;
    },
  };
};
const question = (text: string, product = "shop", frame = "f", constitutionHash = "c1") => ({
  parts: { partition: partitionOf(product), type: "completion", constitutionHash } as const,
  frame: digest(frame),
  text,
});

describe("the semantic index", () => {
  it("finds a question that means the same and says under which call it was answered", async () => {
    const index = open();
    (await index.find(question("abba abba"))).remember(digest("1"));
    (await index.find(question("cccc dd"))).remember(digest("2"));
    const { match } = await index.find(question("baab"));
    expect(match?.canonical).toBe(digest("1"));
    expect(match?.similarity).toBeCloseTo(1, 5);
    expect((await index.find(question("hhhh"))).match).toBeUndefined();
  });

  it("makes room at the cost of the product with the most questions", async () => {
    const index = open({ maxBytes: 10_000 });
    (await index.find(question("abba", "quiet"))).remember(digest("mine"));
    for (let i = 0; i < 100; i++) {
      (await index.find(question(`${"a".repeat(i)}b`, "loud"))).remember(digest(`loud ${i}`));
    }
    expect((await index.find(question("abba", "quiet"))).match?.canonical).toBe(digest("mine"));
    expect(index.size.bytes).toBeLessThanOrEqual(10_000);
  });

  it("chooses the nearest of several that are near enough", async () => {
    const index = open({ threshold: 0.5 });
    (await index.find(question("aaab"))).remember(digest("near"));
    (await index.find(question("ab"))).remember(digest("nearest"));
    (await index.find(question("aaaab"))).remember(digest("farther"));
    expect((await index.find(question("abab"))).match?.canonical).toBe(digest("nearest"));
  });

  it("never matches another product, frame or constitution, even with the same words", async () => {
    const products = ["a", "b", "none", ""];
    const asked = fc.record({
      text: fc.constantFrom("ab", "ba", "aabb", "gh"),
      product: fc.constantFrom(...products),
      frame: fc.constantFrom("f", "g"),
      constitution: fc.constantFrom("c1", "c2"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { maxLength: 60 }), async (all) => {
        const index = open({ maxPerPartition: 5 });
        const sources = new Map<string, string>();
        for (const [i, { text, product, frame, constitution }] of all.entries()) {
          const group = JSON.stringify([product, frame, constitution]);
          const found = await index.find(question(text, product, frame, constitution));
          if (found.match !== undefined) expect(sources.get(found.match.canonical)).toBe(group);
          sources.set(digest(String(i)), group);
          found.remember(digest(String(i)));
        }
      }),
    );
  });

  it("never matches questions with different numbers", async () => {
    const index = open();
    (await index.find(question("bad egg 15"))).remember(digest("15"));
    expect((await index.find(question("bad egg 16"))).match).toBeUndefined();
    expect((await index.find(question("egg bad 15"))).match?.canonical).toBe(digest("15"));
    expect(numbersIn("from 1,000.50 to 7 and ٣")).toBe("1,000.50 7 ٣");
  });

  it("stays within its bounds and forgets what was used longest ago", async () => {
    const index = open({ maxPerPartition: 3 });
    for (const [i, text] of ["a", "b", "c"].entries()) (await index.find(question(text))).remember(digest(String(i)));
    await index.find(question("a"));
    (await index.find(question("d"))).remember(digest("3"));
    expect((await index.find(question("b"))).match).toBeUndefined();
    expect((await index.find(question("a"))).match).toBeDefined();
    expect(index.size.questions).toBe(3);

    const small = open({ maxBytes: 5000 });
    for (let i = 0; i < 100; i++) {
      (await small.find(question("ab", `product ${i}`))).remember(digest(String(i)));
      expect(small.size.bytes).toBeLessThanOrEqual(5000);
    }
    expect((await small.find(question("ab", "product 99"))).match).toBeDefined();
    for (let i = 0; i < 100; i++) small.clear(partitionOf(`product ${i}`));
    expect(small.size).toEqual({ questions: 0, bytes: 0 });
  });

  it("forgets a partition when told to, and no other", async () => {
    const index = open();
    for (const product of ["a", "b"]) (await index.find(question("ab", product))).remember(digest(product));
    index.clear(partitionOf("a"));
    expect((await index.find(question("ab", "a"))).match).toBeUndefined();
    expect((await index.find(question("ab", "b"))).match).toBeDefined();
  });

  it("finds nothing and remembers nothing without a usable embedding", async () => {
    const vectors = [
      new Float32Array(8),
      Float32Array.from([1, Number.NaN]),
      Float32Array.from([Infinity, 1]),
      new Float32Array(0),
    ];
    for (const vector of vectors) {
      const index = open({ embed: async () => vector });
      const found = await index.find(question("ab"));
      found.remember(digest("1"));
      expect([found.match, index.size.questions]).toEqual([undefined, 0]);
    }
    const broken = open({ embed: () => Promise.reject(new Error("no model")) });
    expect((await broken.find(question("ab"))).match).toBeUndefined();
    expect((await open().find(question("   "))).match).toBeUndefined();
    expect((await open().find(question("ab ".repeat(4000)))).match).toBeUndefined();
  });

  it("does not compare vectors of different models", () => {
    expect(cosine(Float32Array.from([1]), Float32Array.from([1, 0]))).toBe(-1);
    expect([...(unitVector(Float32Array.from([3, 4])) ?? [])].map((value) => value.toFixed(3))).toEqual([
      "0.600",
      "0.800",
    ]);
  });

  it("refuses a threshold that would match anything", () => {
    for (const threshold of [0, -1, 1.01, Number.NaN]) expect(() => open({ threshold })).toThrow(RangeError);
  });
});

describe("the parts of a call that are compared", () => {
  const user = (content: unknown, rest: object = {}) =>
    testCall({
      model: "m",
      messages: [
        { role: "system", content: "s" },
        { role: "user", content },
      ],
      ...rest,
    });

  it("are the last user's text, and a digest of the rest that the text does not change", () => {
    const one = semanticParts(user("what is ab?"), {});
    const other = semanticParts(user("tell me ab"), {});
    expect(one?.text).toBe("what is ab?");
    expect(one?.frame).toBe(other?.frame);
  });

  it("differ in the frame whenever anything else differs", () => {
    const frames = [
      semanticParts(user("x"), {}),
      semanticParts(user("x"), { tier: "1" }),
      semanticParts(user("x", { temperature: 0 }), {}),
      semanticParts(user("x", { tools: [] }), {}),
      semanticParts(user([{ type: "text", text: "x" }]), {}),
      semanticParts(
        user([
          { type: "image_url", image_url: { url: "a" } },
          { type: "text", text: "x" },
        ]),
        {},
      ),
      semanticParts(
        user([
          { type: "image_url", image_url: { url: "b" } },
          { type: "text", text: "x" },
        ]),
        {},
      ),
      semanticParts(
        user([
          { type: "text", text: "y" },
          { type: "text", text: "x" },
        ]),
        {},
      ),
      semanticParts(testCall({ input: "x" }, { dialect: "openai-responses" }), {}),
      semanticParts(testCall({ messages: [{ role: "user", content: "x" }] }, { dialect: "anthropic-messages" }), {}),
      semanticParts(testCall({ messages: [{ role: "user", content: "x" }] }), {}),
    ];
    expect(frames.map((parts) => parts?.text)).toEqual(frames.map(() => "x"));
    expect(new Set(frames.map((parts) => parts?.frame)).size).toBe(frames.length);
  });

  it("do not exist where the call does not end in a user's text", () => {
    const calls = [
      testCall({ messages: [{ role: "assistant", content: "x" }] }),
      testCall({ messages: [] }),
      testCall({}),
      user([{ type: "tool_result", text: "x" }]),
      user([
        { type: "text", text: "x" },
        { type: "image_url", image_url: { url: "a" } },
      ]),
      user(null),
      user("x", { conversation: "conv_1" }),
    ];
    for (const call of calls) expect(semanticParts(call, {})).toBeUndefined();
  });
});
