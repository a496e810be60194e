// Holds the guards to a bound on what one call has them decode, and to refusing what lies beyond it.
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { plainCall } from "../../../test/support/gateway/model-call.ts";
import type { GuardPolicy } from "../guard.ts";
import { guardCall, guardReply } from "../inspection.ts";
import { redactSecrets } from "../secrets.ts";
import { streamGuard } from "../stream-guard.ts";
import { DecodingRoom, mostDecodedChars } from "./room.ts";

/** Spelt in two halves, so that scanners of this repository do not take it for a leak. */
const token = ["ghp", "16C7e42F292c6912E7710c838347Ae178B4a"].join("_");
const hidden = Buffer.from(`the token is ${token}, keep it`).toString("base64");
const prose = "The quick brown fox jumps over the lazy dog, and then it sleeps. ";
const redact: GuardPolicy = { secrets: "redact", pii: "off", injection: "flag" };
const flag: GuardPolicy = { secrets: "flag", pii: "off", injection: "flag" };

/** Compressed pages in base64, each a little different, of a megabyte together for each two of them. */
const padding = (count: number) =>
  Array.from({ length: count }, (_, i) => gzipSync(`${i} ${prose.repeat(8000)}`).toString("base64")).join("\n\n");

const callOf = (...texts: readonly string[]) =>
  plainCall({
    raw: { model: "m", messages: texts.map((content) => ({ role: "user", content })) },
    turns: texts.map((text) => ({ role: "user", parts: [{ kind: "text", text }] })),
  });

describe("more encoded text than a call has room for", () => {
  it.each([
    ["in one text", [`${padding(6)}\n\n${hidden}`]],
    ["in a text of its own, with the padding in others", [...padding(6).split("\n\n"), hidden]],
  ])("does not hide a token behind it, %s", async (_, texts) => {
    const { denied } = await guardCall(callOf(...texts), redact);
    expect(denied?.code).toBe("guard.denied");
    expect(denied?.message).toContain("too much encoded text to look at");
  });

  it("is flagged where the policy only flags", async () => {
    const { denied, findings } = await guardCall(callOf(`${padding(6)}\n\n${hidden}`), flag);
    expect(denied).toBeUndefined();
    expect(findings).toContainEqual(expect.objectContaining({ guard: "secrets", rule: "undecoded", action: "flag" }));
  });

  it("is not shown in a reply, in a stream or in a provider's words", async () => {
    const text = `${padding(6)}\n\n${hidden}\n`;
    const reply = { choices: [{ parts: [{ kind: "text", text }], finish: "stop" }] };
    const guarded = await guardReply(reply as unknown as Parameters<typeof guardReply>[0], redact);
    expect(guarded.denied?.code).toBe("guard.denied");
    const stream = streamGuard(redact, "/x")!;
    const shown = stream.push(text).text + stream.flush().text;
    expect(shown).not.toContain(hidden);
    expect(redactSecrets(text)).toBe("[redacted: undecoded]");
  });
});

describe("compressed text", () => {
  const compressed = (text: string): string => gzipSync(text).toString("base64");

  it("in a short text is looked at however much it grows, up to a megabyte", async () => {
    const text = compressed(`${prose.repeat(12_000)} ${token}`);
    expect(text.length).toBeLessThan(4096);
    const { call, denied } = await guardCall(callOf(text), redact);
    expect(denied).toBeUndefined();
    expect(call.turns[0]!.parts[0]).toEqual({ kind: "text", text: "[redacted: github-pat]" });
  });

  it("that grows larger is refused", async () => {
    const { denied } = await guardCall(callOf(compressed(`${prose.repeat(20_000)} ${token}`)), redact);
    expect(denied?.code).toBe("guard.denied");
  });

  it("that is cut over two texts is refused when it is too large to be looked at there", async () => {
    const text = compressed(`${prose.repeat(12_000)} ${token}`).slice(0, 1200);
    const { denied } = await guardCall(callOf(text.slice(0, 600), text.slice(600)), redact);
    expect(denied?.code).toBe("guard.denied");
  });
});

describe("encoded text that a call has room for", () => {
  it.each([1, 2, 3])(
    "is looked at when a large text stands in base64 %d times, and nothing of it is refused",
    async (times) => {
      let [text, large] = [`${token} is mine`, prose.repeat(16_000)];
      for (let i = 0; i < times; i++) {
        [text, large] = [text, large].map((each) => Buffer.from(each).toString("base64")) as [string, string];
      }
      const { denied, findings } = await guardCall(callOf(`${large} ${text}`), redact);
      expect(denied).toBeUndefined();
      expect(findings.map(({ rule }) => rule)).toEqual(["github-pat"]);
    },
  );

  it("grows with the call, up to a bound", () => {
    const room = new DecodingRoom();
    expect(room.take(1_100_000)).toBe(false);
    const large = new DecodingRoom();
    large.grow(1_000_000_000);
    expect(large.take(mostDecodedChars)).toBe(true);
    expect(large.take(1)).toBe(false);
    expect(large.isOver).toBe(true);
  });
});
