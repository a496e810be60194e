// Callers that end each other, and many requests that end at once.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { byRevocation, clearHalt, haltProduct } from "../../support/app/endings.ts";
import { handClock } from "../../support/gateway/gateway.ts";
import { startTestCharter } from "../../support/app/in-process.ts";
import type { TestCharter } from "../../support/app/in-process.ts";
import { openRequest } from "../../support/http/open-request.ts";
import { eventually } from "../../support/wait.ts";

const clock = handClock();
let charter: TestCharter;
beforeAll(async () => void (charter = await startTestCharter({ clock })));
afterAll(() => charter[Symbol.asyncDispose]());

const streamed = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";

describe("two admins", () => {
  it("that revoke each other's keys at the same moment do not both succeed", async () => {
    for (let round = 0; round < 10; round++) {
      const make = async () => (await charter.ask("/v1/keys", { body: { kind: "admin" } })).json;
      const [left, right] = await Promise.all([make(), make()]);
      const answers = await Promise.all([
        charter.ask(`/v1/keys/${right.id}`, { method: "DELETE", key: left.key }),
        charter.ask(`/v1/keys/${left.id}`, { method: "DELETE", key: right.key }),
      ]);
      expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 401]);
    }
  });

  it("may each end their own key, and are told so", async () => {
    const { id, key } = (await charter.ask("/v1/keys", { body: { kind: "admin" } })).json;
    expect((await charter.ask(`/v1/keys/${id}`, { method: "DELETE", key })).status).toBe(200);
    expect((await charter.ask("/api/v1/auth/me", { key })).status).toBe(401);
  });
});

describe("many uploads under one key", () => {
  it("are all told when it is revoked", async () => {
    const { key, end } = await byRevocation.caller(charter, clock);
    const size = await charter.ledgerSize();
    const headers = { "content-type": "text/plain", "content-length": 10 };
    const uploads = Array.from({ length: 80 }, () => {
      const upload = openRequest(charter, streamed, { key, headers });
      upload.send("012345678");
      return upload;
    });
    await eventually(async () => (await charter.ledgerSize()) >= size + uploads.length);
    await end();
    const answers = await Promise.all(uploads.map(({ answer }) => answer));
    expect(new Set(answers.map(({ status, json }) => `${status} ${json.code}`))).toEqual(
      new Set(["401 credential.ended"]),
    );
  });

  it("under one Idempotency-Key end together, and the key is good for another try", async () => {
    const key = await charter.keyFor("product", "AI_ASSISTANT");
    const size = await charter.ledgerSize();
    const headers = { "content-type": "text/plain", "idempotency-key": "one" };
    const uploads = [1, 2, 3].map(() => {
      const upload = openRequest(charter, streamed, { key, headers });
      upload.send("012345678");
      return upload;
    });
    await Promise.all(uploads.map(({ reached }) => reached));
    await eventually(async () => (await charter.ledgerSize()) > size);
    await haltProduct(charter);
    for (const { answer } of uploads) expect((await answer).json.code).toBe("governance.halted");
    await clearHalt(charter);
    expect((await charter.ask(streamed, { key, headers, body: "0123456789" })).status).toBe(201);
  });
});
