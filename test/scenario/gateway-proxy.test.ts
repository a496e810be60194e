// The whole server behind a company's proxy: providers elsewhere go through it, those on this machine do not.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chatReply, sendJson, startRig, startStub } from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";

let rig: GatewayRig;
let proxy: Stub;
let near: Stub;

beforeAll(async () => {
  proxy = await startStub();
  near = await startStub();
  rig = await startRig({
    flags: { "upstream-proxy": proxy.url },
    providers: () => {
      const own = { kind: "openai-compatible", keyless: true, open: true };
      return {
        far: { ...own, baseUrl: "http://models.test:8000/v1" },
        near: { ...own, baseUrl: `${near.url}/v1` },
      };
    },
  });
  for (const stub of [proxy, near])
    stub.answer = ({ json }, response) => sendJson(response, chatReply(json.model, "yes"));
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await Promise.all([proxy, near].map((stub) => stub[Symbol.asyncDispose]()));
});

describe("a server behind a proxy", () => {
  it("asks the proxy for providers elsewhere, and those on this machine itself", async () => {
    const ask = (model: string) => rig.chat({ model, messages: [{ role: "user", content: `Hi ${model}` }] });
    expect((await ask("far/m")).status).toBe(200);
    expect((await ask("near/m")).status).toBe(200);
    expect(proxy.seen.map(({ path }) => path)).toEqual(["http://models.test:8000/v1/chat/completions"]);
    expect(near.seen.map(({ path }) => path)).toEqual(["/v1/chat/completions"]);
  });
});
