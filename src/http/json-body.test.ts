import { describe, expect, it } from "vitest";
import { maxJsonDepth } from "../kernel/limits.ts";
import { parseHeaderJson, parseJson } from "./json-body.ts";

const filler = `"filler":"${"x".repeat(20_000)}"`;

describe("the JSON of a request", () => {
  it.each([
    ["a short body", '{"product_id":"A","product_id":"B"}', "body/product_id"],
    ["a key in another spelling", '{"a":{"b":1,"\\u0062":2}}', "body/a/b"],
    ["a long body", `{${filler},"a":[{"b":1,"b":2}]}`, "body/a/0/b"],
  ])("is refused where a key stands twice: %s", async (_name, text, at) => {
    await expect(parseJson(Buffer.from(text))).rejects.toMatchObject({
      code: "request.malformed",
      message: expect.stringMatching(/^the body holds the key "(product_id|b)" twice/),
      facts: { at },
    });
  });

  it("takes `__proto__` for a key like any other", async () => {
    for (const text of ['{"__proto__":{"admin":true}}', `{${filler},"__proto__":{"admin":true}}`]) {
      const value = (await parseJson(Buffer.from(text))) as { readonly admin?: unknown };
      expect(Object.hasOwn(value, "__proto__")).toBe(true);
      expect(value.admin).toBeUndefined();
      expect(JSON.stringify(value)).toBe(text);
    }
    expect(Object.hasOwn(Object.prototype, "admin")).toBe(false);
  });

  it.each([
    ["request.malformed", '{"a":1'],
    ["request.malformed", '{"a":1} x'],
    ["request.too_deep", "[".repeat(maxJsonDepth + 1) + "]".repeat(maxJsonDepth + 1)],
  ])("is refused with %s", async (code, text) => {
    await expect(parseJson(Buffer.from(text))).rejects.toMatchObject({ code });
    await expect(parseJson(Buffer.from(text.replace("{", `{${filler},`)))).rejects.toMatchObject({ code });
  });

  it("is refused where it is no UTF-8", async () => {
    await expect(parseJson(Buffer.from([0x22, 0xff, 0x22]))).rejects.toMatchObject({ code: "request.malformed" });
  });

  it("in a header is refused alike, and named by the header", () => {
    expect(() => parseHeaderJson("Charter-Metadata", Buffer.from('{"a":1,"a":2}'))).toThrow(
      expect.objectContaining({
        code: "request.malformed",
        facts: expect.objectContaining({ at: "Charter-Metadata/a" }),
      }),
    );
    expect(parseHeaderJson("Charter-Metadata", Buffer.from('{"a":1}'))).toEqual({ a: 1 });
  });
});
