import { describe, expect, it } from "vitest";
import { callerOf, hello, openStageRig } from "../../../test/support/gateway/stage-rig.ts";
import { noWishes } from "../../answer-cache/index.ts";
import type { GuardAction } from "../../constitution/data.ts";
import { guard } from "./guard.ts";
import { read } from "./read.ts";

/** Made of two words, so that this file holds none. */
const secret = "akia".toUpperCase() + "Q7RSTUVW3XYZ5ABC";
const saying = (content: string) => ({
  dialect: "openai-chat" as const,
  body: { ...hello, messages: [{ role: "user", content }] },
  options: { cache: noWishes, passed: {} },
});

async function guarded(content: string, action: GuardAction) {
  await using rig = await openStageRig({ guards: { secrets: action, pii: "off", injection: "off" } });
  return guard(callerOf(), read(callerOf(), saying(content), rig.parts), rig.parts);
}

describe("looking through a call", () => {
  it("lets words without anything in them pass as they are", async () => {
    const { findings, denied, call } = await guarded("hello", "redact");
    expect({ findings, denied }).toEqual({ findings: [], denied: undefined });
    expect(call.raw["messages"]).toEqual(hello.messages);
  });

  it("takes a secret out", async () => {
    const { findings, denied, call } = await guarded(`my token is ${secret}`, "redact");
    expect(denied).toBeUndefined();
    expect(findings).toMatchObject([{ guard: "secrets" }]);
    expect(JSON.stringify(call.raw)).not.toContain(secret);
  });

  it("keeps a refusal for the record", async () => {
    const { denied } = await guarded(`my token is ${secret}`, "deny");
    expect(denied).toMatchObject({ code: "guard.denied" });
  });
});
