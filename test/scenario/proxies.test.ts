// The proxies of deploy/ as the real programs: their own checks accept the files, and in front of a Charter process they
// pass on artifacts and the client's address, and nothing that a client says about its address.
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Agent, request } from "undici";
import { afterAll, beforeAll, expect, it } from "vitest";
import { certificateFolder } from "../support/http/certificates.ts";
import type { CertificateFolder } from "../support/http/certificates.ts";
import { prepareCaddy, prepareNginx } from "../support/http/front-proxies.ts";
import type { FrontProxy, PreparedProxy } from "../support/http/front-proxies.ts";
import { spawnCharter } from "../support/app/process.ts";
import type { CharterProcess } from "../support/app/process.ts";
import { describeWith } from "../support/servers/requires.ts";

const streamed = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";

for (const [name, prepare] of [
  ["nginx", prepareNginx],
  ["caddy", prepareCaddy],
] as const) {
  describeWith([name], `${name} in front of Charter`, () => {
    let folder: string;
    let certificates: CertificateFolder;
    let charter: CharterProcess;
    let prepared: PreparedProxy;
    let proxy: FrontProxy;
    let dispatcher: Agent;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "charter-proxied-"));
      certificates = await certificateFolder();
      const args = ["--trusted-proxies", "127.0.0.1", "--allowed-hosts", "localhost,127.0.0.1"];
      charter = await spawnCharter({ dataDir: join(folder, "data"), args });
      prepared = await prepare(certificates, new URL(charter.url).host);
      proxy = await prepared.start();
      // Another loopback address than the proxy's own, so that the client's address can be told from the proxy's.
      dispatcher = new Agent({
        connect: { ca: certificates.authority, family: 4 },
        localAddress: "127.0.0.9",
        allowH2: false,
      });
    });
    afterAll(async () => {
      await dispatcher?.close();
      await proxy?.[Symbol.asyncDispose]();
      prepared?.[Symbol.dispose]();
      await charter?.[Symbol.asyncDispose]();
      await certificates?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    const ask = async (path: string, key: string, headers: Record<string, string> = {}) => {
      const answer = await request(`${proxy.url}${path}`, {
        dispatcher,
        headers: { authorization: `Bearer ${key}`, ...headers },
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        bytes: Buffer.from(await answer.body.arrayBuffer()),
      };
    };
    const keyFrom = async (network: string): Promise<string> =>
      (await charter.ask("/v1/keys", { body: { kind: "auditor", networks: [network] } })).json.key;

    it("has a configuration that the program itself accepts", () => {
      const { status, words } = prepared.check();
      expect(status, words).toBe(0);
      expect(words).not.toMatch(/\b(warn|error)\b.*format/i);
    });

    it("passes an artifact of many megabytes in and out", async () => {
      const body = randomBytes(24 * 1024 * 1024);
      const stored = await request(`${proxy.url}${streamed}`, {
        dispatcher,
        method: "POST",
        headers: { authorization: `Bearer ${charter.adminKey}`, "content-type": "application/octet-stream" },
        body,
      });
      const { artifact } = (await stored.body.json()) as { artifact: { artifact_id: string; content_hash: string } };
      expect(stored.statusCode).toBe(201);
      expect(artifact.content_hash).toBe(`sha256:${createHash("sha256").update(body).digest("hex")}`);
      const read = await ask(`/v1/artifacts/${artifact.artifact_id}/content`, charter.adminKey);
      expect([read.status, read.bytes.equals(body)]).toEqual([200, true]);
      const part = await ask(`/v1/artifacts/${artifact.artifact_id}/content`, charter.adminKey, {
        range: "bytes=10-19",
      });
      expect([part.status, part.bytes.equals(body.subarray(10, 20))]).toEqual([206, true]);
    });

    it("streams a body: Charter refuses it before the client has sent it", async () => {
      const sent = { bytes: 0 };
      async function* endless() {
        for (let piece = 0; piece < 4000; piece++) {
          sent.bytes += 65_536;
          yield Buffer.alloc(65_536);
        }
      }
      const answer = await request(`${proxy.url}${streamed}`, {
        dispatcher,
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: Readable.from(endless()),
      }).catch((error: NodeJS.ErrnoException) => error);
      if (!(answer instanceof Error)) {
        expect(answer.statusCode).toBe(401);
        await answer.body.dump();
      }
      expect(sent.bytes).toBeLessThan(4000 * 65_536);
    });

    it("passes on the client's address, and none that a client makes up", async () => {
      const [own, other] = [await keyFrom("127.0.0.9"), await keyFrom("203.0.113.7")];
      expect((await ask("/ledger/entries", own)).status).toBe(200);
      expect((await ask("/ledger/entries", other)).status).toBe(401);
      const spoofed: Record<string, string>[] = [
        { "x-forwarded-for": "203.0.113.7" },
        { "x-forwarded-for": "203.0.113.7, 127.0.0.1" },
        { forwarded: "for=203.0.113.7" },
        { "x-real-ip": "203.0.113.7" },
      ];
      for (const headers of spoofed) {
        expect([headers, (await ask("/ledger/entries", other, headers)).status]).toEqual([headers, 401]);
        expect([headers, (await ask("/ledger/entries", own, headers)).status]).toEqual([headers, 200]);
      }
    });

    it("lets Charter know that the client came over TLS, and passes its headers on", async () => {
      const { status, headers } = await ask("/health", charter.adminKey, {
        "x-forwarded-proto": "http",
        "x-forwarded-host": "evil.example.com",
      });
      expect([status, headers["strict-transport-security"]]).toEqual([200, "max-age=31536000; includeSubDomains"]);
      expect(headers["x-frame-options"]).toBe("DENY");
      expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
      expect((await ask("/v1/products", charter.adminKey, { "x-forwarded-host": "evil.example.com" })).status).toBe(
        200,
      );
      expect(String(headers["server"] ?? "")).not.toMatch(/\d/);
    });

    it("keeps measurements to the machine and the API's own paths open", async () => {
      expect((await ask("/metrics", charter.adminKey)).status).toBe(403);
      expect((await ask("/metrics/storage-capacity", charter.adminKey)).status).toBe(200);
    });

    it("sends clients of plain HTTP to https", async () => {
      const answer = await request(`${proxy.plainUrl}/v1/artifacts`, { method: "GET" });
      await answer.body.dump();
      expect(answer.statusCode).toBe(308);
      expect(String(answer.headers["location"])).toMatch(/^https:\/\/localhost/);
    });
  });
}
