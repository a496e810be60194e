// Callers that leave, read nothing, or would choose where their call goes; and a server that is stopped meanwhile.
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  openaiOf,
  questions,
  recordOf,
  scriptedAnswer,
  sendJson,
  settledBudget,
  startRig,
  startStub,
  writeRigFiles,
} from "../support/gateway/gateway.ts";
import type { GatewayRig, Stub } from "../support/gateway/gateway.ts";
import { spawnCharter } from "../support/app/process.ts";
import { expectSound } from "../support/ledger/record.ts";
import { startUpstream } from "../support/gateway/upstream.ts";
import { patienceMs } from "../support/wait.ts";

let rig: GatewayRig;
let stub: Stub;

beforeAll(async () => {
  stub = await startStub();
  rig = await startRig({
    providers: () => ({ own: { kind: "openai-compatible", baseUrl: `${stub.url}/v1`, keyless: true, open: true } }),
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await stub[Symbol.asyncDispose]();
});
afterEach(() => rig.upstream.script([]));

const question = questions();

describe("a caller that leaves", () => {
  it("in an endless stream ends the upstream's work at once and pays for what was used", async () => {
    const headers = { "x-charter-project": "left" };
    const size = await rig.charter.ledgerSize();
    const before = rig.upstream.aborted;
    const client = rig.openai(rig.productKey, headers);
    const stream = await client.chat.completions.create({ ...question(), model: "up/endless", stream: true });
    let words = 0;
    for await (const _ of stream) {
      if (++words === 50) break;
    }
    await rig.upstream.until(() => rig.upstream.aborted === before + 1);
    expect(rig.upstream.seen.at(-1)?.aborted).toBe(true);
    const outcome = await rig.outcomeSince(size);
    expect(outcome).toMatchObject({ outcome: "failed", code: "call.aborted" });
    const { input_tokens, output_tokens, estimated } = recordOf(outcome);
    expect(estimated).toBe(true);
    expect(output_tokens).toBeGreaterThan(40);
    expect(await settledBudget(rig, "left")).toEqual({ used: input_tokens + output_tokens, held: 0 });
  });

  it("before the answer has begun ends the upstream's work at once and pays what was reserved, since nobody knows how far it was", async () => {
    await using patient = await startRig();
    const size = await patient.charter.ledgerSize();
    const leaving = new AbortController();
    const call = patient
      .openai()
      .chat.completions.create({ ...question(), model: "up/stall-before-headers" }, { signal: leaving.signal });
    const ended = call.then(
      () => "answered",
      () => "left",
    );
    await patient.upstream.until(() => patient.upstream.seen.length === 1);
    leaving.abort();
    expect(await ended).toBe("left");
    await patient.upstream.until(() => patient.upstream.aborted === 1);
    expect(await patient.outcomeSince(size)).toMatchObject({ outcome: "failed", code: "call.aborted" });
    const { used, held } = await patient.budget();
    expect(held).toBe(0);
    expect(used).toBeGreaterThanOrEqual(1000);
    expect((await patient.charter.ask("/circuit-breakers")).json).toMatchObject({
      "up/stall-before-headers": { state: "closed", failure_count: 0 },
    });
  });

  it("or reads nothing costs no memory: the upstream is held up", async () => {
    const before = rig.upstream.seen.length;
    const { hostname, port } = new URL(rig.charter.url);
    const socket = connect({ host: hostname, port: Number(port) });
    try {
      socket.pause();
      const body = JSON.stringify({ ...question(), model: "up/endless", stream: true });
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${rig.productKey}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
      await rig.upstream.until(() => rig.upstream.seen.length > before);
      const seen = rig.upstream.seen[before]!;
      let sent = -1;
      await rig.upstream.until(() => seen.sentBytes > 0);
      for (const endMs = performance.now() + patienceMs; sent !== seen.sentBytes; await sleep(500)) {
        if (performance.now() > endMs) throw new Error(`the upstream went on sending: ${seen.sentBytes} bytes`);
        sent = seen.sentBytes;
      }
      // What the kernel holds on both ways of the loopback: at most 6 MiB to receive and 4 MiB to send on each (man 7 tcp).
      expect(sent).toBeLessThan(24 * 1024 * 1024);
      expect(seen.aborted).toBe(false);
    } finally {
      socket.destroy();
    }
    await rig.upstream.until(() => rig.upstream.seen[before]!.aborted);
  });
});

describe("where a call goes", () => {
  it("is never the caller's choice of an address", async () => {
    await using decoy = await startStub();
    decoy.answer = (_request, response) => sendJson(response, { caught: true });
    const { host, hostname, port } = new URL(decoy.url);
    const names = [
      decoy.url,
      `${decoy.url}/v1`,
      `up@${host}`,
      `up/../../${host}`,
      `//${host}/v1`,
      `up/http://${host}/`,
    ];
    for (const model of names) {
      const { status } = await rig.chat({ ...question(), model });
      expect(status, model).not.toBe(500);
    }
    for (const model of [`gem/../../..//${host}/x`, `gem/x?key=1#`, `gem/x:generateContent/../../y`]) {
      await rig.chat({ ...question(), model });
      const { path } = rig.upstream.seen.at(-1)!;
      expect(path, model).toMatch(/^\/v1beta\/models\/[^/?#]+:generateContent$/);
    }
    const fields = ["base_url", "baseUrl", "api_base", "endpoint", "custom_host", "url", "proxy"];
    for (const field of fields) await rig.chat({ ...question(), model: "answers", [field]: decoy.url });
    const headers = ["x-portkey-custom-host", "x-base-url", "x-forwarded-host", "forwarded", "x-upstream", "x-host"];
    for (const name of headers) await rig.chat({ ...question(), model: "answers" }, { headers: { [name]: decoy.url } });
    expect(decoy.seen).toEqual([]);
    expect([hostname, port].every(Boolean)).toBe(true);
  });

  it("is not changed by a provider's redirect", async () => {
    await using decoy = await startStub();
    stub.answer = (_request, response) => void response.writeHead(307, { location: `${decoy.url}/v1` }).end();
    const { status } = await rig.chat({ ...question(), model: "own/away" });
    expect(status).toBe(502);
    expect(decoy.seen).toEqual([]);
  });
});

describe("a server that is stopped in the middle of a stream", () => {
  it("lets it come to its end, and leaves nothing open", async () => {
    await using upstream = await startUpstream();
    const files = await writeRigFiles(upstream.url);
    const dataDir = await mkdtemp(join(tmpdir(), "charter-stopped-"));
    try {
      const args = Object.entries(files.flags).flatMap(([name, value]) => [`--${name}`, value]);
      await using server = await spawnCharter({ dataDir, args });
      const client = openaiOf(server.url, await server.keyFor("product", "AI_ASSISTANT"));
      const stream = await client.chat.completions.create({ ...question(), model: "up/paced-150", stream: true });
      let words = "";
      let stopped: Promise<number | null> | undefined;
      for await (const { choices } of stream) {
        // Once: a second signal later on ends the process at once.
        stopped ??= server.stop();
        words += choices[0]?.delta.content ?? "";
      }
      expect(words).toBe(scriptedAnswer);
      expect(await stopped).toBe(0);
      expect(await expectSound(dataDir)).toMatchObject({ openIntents: 0 });
    } finally {
      await rm(dataDir, { recursive: true, force: true });
      await rm(files.dir, { recursive: true, force: true });
    }
  });
});
