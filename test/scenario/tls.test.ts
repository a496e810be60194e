// TLS: what `charter certs dev` makes is accepted by foreign clients, what a server serves follows its files, and pairs
// that cannot serve are refused.
import { spawn, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { request as plainRequest } from "node:http";
import { Agent as HttpsAgent, get as httpsGet } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { Agent, fetch as undiciFetch } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCharter } from "../../src/app/start.ts";
import { runProgram } from "../../src/cli/program.ts";
import { loadConfig } from "../../src/config/index.ts";
import type { Log } from "../../src/kernel/ctx.ts";
import { establishedAt } from "../support/attack/slow-sockets.ts";
import { certificateFolder, certificatesAt } from "../support/http/certificates.ts";
import type { CertificateFolder } from "../support/http/certificates.ts";
import { describeWith } from "../support/servers/requires.ts";
import { eventually } from "../support/wait.ts";

const yearMs = 365 * 24 * 60 * 60 * 1000;

/** A log that can be looked at. */
function keptLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const keep = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { lines, log: { debug: keep, info: keep, warn: keep, error: keep } };
}

/** A window short enough to wait for. */
const pace = { "min-bytes-per-second": "5000", "slow-client-window-ms": "1000" };

/** A Charter over TLS with its data in a folder of its own. */
async function serveTls(files: Pick<CertificateFolder, "certFile" | "keyFile">) {
  const dataDir = await mkdtemp(join(tmpdir(), "charter-tls-"));
  const flags = {
    port: "0",
    data: dataDir,
    "tls-cert": files.certFile,
    "tls-key": files.keyFile,
    "tls-poll-ms": "100",
    ...pace,
  };
  const { log, lines } = keptLog();
  try {
    const { config } = loadConfig({ flags, env: {}, cwd: dataDir, readFile: () => undefined });
    const charter = await startCharter(config, { version: "0.0.0-test", log });
    const { port } = new URL(charter.url);
    return {
      url: charter.url,
      port: Number(port),
      adminKey: charter.adminKey ?? "",
      lines,
      async [Symbol.asyncDispose]() {
        await charter.close();
        await rm(dataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** A TLS connection, once its handshake is done. */
function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: "127.0.0.1", servername: "localhost", ...options }, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Runs a command line of Charter. */
async function run(cwd: string, ...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const printed = { out: "", err: "" };
  stdout.on("data", (piece: Buffer) => (printed.out += piece.toString()));
  stderr.on("data", (piece: Buffer) => (printed.err += piece.toString()));
  const code = await runProgram(args, {
    stdin: process.stdin,
    stdout: stdout as never,
    stderr: stderr as never,
    env: {},
    cwd,
  });
  return { code, ...printed };
}

describe("charter certs dev", () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "charter-certs-"))));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("makes an authority that can sign servers only, and a certificate for the local names and those asked for", async () => {
    const made = await run(folder, "certs", "dev", "--dir", "certs", "--host", "charter.test", "--host", "10.0.0.5");
    expect(made.code, made.err).toBe(0);
    expect(made.out).toContain("--cacert");
    const dir = join(folder, "certs");
    expect((await readdir(dir)).toSorted()).toEqual(["ca.key", "ca.pem", "server.key", "server.pem"]);
    for (const name of ["ca.key", "server.key", "ca.pem", "server.pem"])
      expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
    const [authority, server] = await Promise.all(
      ["ca.pem", "server.pem"].map(async (name) => new X509Certificate(await readFile(join(dir, name)))),
    );
    expect([authority!.ca, server!.ca, server!.verify(authority!.publicKey)]).toEqual([true, false, true]);
    for (const name of ["localhost", "charter.test"]) expect(server!.checkHost(name)).toBe(name);
    for (const address of ["127.0.0.1", "::1", "10.0.0.5"]) expect(server!.checkIP(address)).toBe(address);
    expect(server!.checkHost("example.com")).toBeUndefined();
    const days = (server!.validToDate.getTime() - server!.validFromDate.getTime()) / (24 * 60 * 60 * 1000);
    expect(days).toBeLessThanOrEqual(397);
    expect(authority!.validToDate.getTime() - Date.now()).toBeGreaterThan(9.9 * yearMs);
    expect(server!.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  });

  it("replaces nothing that is there unless it is told to", async () => {
    const before = await readFile(join(folder, "certs", "ca.pem"), "utf8");
    const refused = await run(folder, "certs", "dev", "--dir", "certs");
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("--force")]);
    expect(await readFile(join(folder, "certs", "ca.pem"), "utf8")).toBe(before);
    expect((await run(folder, "certs", "dev", "--dir", "certs", "--force", "--json")).code).toBe(0);
    expect(await readFile(join(folder, "certs", "ca.pem"), "utf8")).not.toBe(before);
  });

  it("refuses names that are none", async () => {
    for (const host of ["Upper.example", "a b", "https://x", "*.x", "-x", ""]) {
      expect([host, (await run(folder, "certs", "dev", "--dir", "odd", "--host", host)).code]).toEqual([host, 2]);
    }
    expect(await readdir(folder)).not.toContain("odd");
  });
});

describe("a server with a certificate", () => {
  let certificates: CertificateFolder;
  let server: Awaited<ReturnType<typeof serveTls>>;
  beforeAll(async () => {
    certificates = await certificateFolder();
    server = await serveTls(certificates);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await certificates[Symbol.asyncDispose]();
  });

  it("says https, and serves Node's own client and undici with HSTS", async () => {
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const dispatcher = new Agent({ connect: { ca: certificates.authority } });
    const answer = await undiciFetch(`https://localhost:${server.port}/health`, { dispatcher });
    expect([answer.status, answer.headers.get("strict-transport-security")]).toEqual([
      200,
      "max-age=31536000; includeSubDomains",
    ]);
    await dispatcher.close();
    const agent = new HttpsAgent({ ca: certificates.authority });
    const status = await new Promise((resolve, reject) => {
      httpsGet(`${server.url}/health`, { agent }, (reply) => resolve(reply.resume().statusCode)).once("error", reject);
    });
    agent.destroy();
    expect(status).toBe(200);
    await expect(undiciFetch(`https://localhost:${server.port}/health`)).rejects.toThrow();
  });

  it("prefers TLS 1.3, takes 1.2 with forward secrecy, and nothing older or weaker", async () => {
    const ca = certificates.authority;
    const modern = await handshake(server.port, { ca, ALPNProtocols: ["h2", "http/1.1"] });
    expect([modern.getProtocol(), modern.alpnProtocol]).toEqual(["TLSv1.3", "http/1.1"]);
    modern.destroy();
    const older = await handshake(server.port, { ca, maxVersion: "TLSv1.2" });
    expect([older.getProtocol(), older.getCipher().name]).toEqual(["TLSv1.2", expect.stringMatching(/^ECDHE-ECDSA-/)]);
    older.destroy();
    const weak = { ca, ciphers: "ALL:@SECLEVEL=0" } as const;
    await expect(handshake(server.port, { ...weak, minVersion: "TLSv1", maxVersion: "TLSv1.1" })).rejects.toThrow();
    const cbc = {
      ca,
      maxVersion: "TLSv1.2",
      ciphers: "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
    } as const;
    await expect(handshake(server.port, cbc)).rejects.toThrow();
  });

  it("answers plain HTTP on its port with a problem that says what to do, and goes on", async () => {
    const { status, text } = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      plainRequest({ port: server.port, host: "127.0.0.1", path: "/health" }, (reply) => {
        let text = "";
        reply.on("data", (piece) => (text += String(piece)));
        reply.on("end", () => resolve({ status: reply.statusCode, text }));
      })
        .once("error", reject)
        .end();
    });
    expect([status, JSON.parse(text).code]).toEqual([400, "request.malformed"]);
    expect(text).toContain("TLS");
    for (const noise of [
      Buffer.from("SSH-2.0-x\r\n"),
      Buffer.alloc(500, 0x16),
      Buffer.from([0x16, 3, 1, 0, 5, 1, 2, 3]),
    ]) {
      const socket = connect(server.port, "127.0.0.1").on("error", () => {});
      socket.resume().end(noise);
      await new Promise((resolve) => socket.once("close", resolve));
    }
    (await handshake(server.port, { ca: certificates.authority })).destroy();
  });

  it("cuts off slow senders and slow readers as it does without TLS", async () => {
    const ca = certificates.authority;
    const bearer = `Host: h\r\nAuthorization: Bearer ${server.adminKey}`;
    const path = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";
    const sender = await handshake(server.port, { ca });
    let heard = "";
    sender.on("data", (piece) => (heard += String(piece))).on("error", () => {});
    sender.write(`POST ${path} HTTP/1.1\r\n${bearer}\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n`);
    const drip = setInterval(() => sender.writable && sender.write("x"), 50);
    await new Promise((resolve) => sender.once("close", resolve));
    clearInterval(drip);
    expect(heard).toMatch(/^HTTP\/1\.1 408 /);

    const bytes = 24 * 1024 * 1024;
    const dispatcher = new Agent({ connect: { ca } });
    const stored = await undiciFetch(`${server.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${server.adminKey}`, "content-type": "text/plain" },
      body: Buffer.alloc(bytes, "x"),
      dispatcher,
    });
    const { artifact } = (await stored.json()) as { artifact: { artifact_id: string } };
    await dispatcher.close();
    const before = await establishedAt(server.url);
    const reader = await handshake(server.port, { ca });
    reader.on("error", () => {}).pause();
    reader.write(`GET /v1/artifacts/${artifact.artifact_id}/content HTTP/1.1\r\n${bearer}\r\n\r\n`);
    await eventually(async () => (await establishedAt(server.url)) > before);
    // The server's end goes away first; what is under way stays to be read.
    await eventually(async () => (await establishedAt(server.url)) <= before);
    let read = 0;
    reader.on("data", (piece: Buffer) => (read += piece.length)).resume();
    await new Promise((resolve) => reader.once("close", resolve));
    expect(read).toBeLessThan(bytes);
  });

  it("stores and returns an artifact larger than any buffer", async () => {
    const dispatcher = new Agent({ connect: { ca: certificates.authority } });
    const headers = { authorization: `Bearer ${server.adminKey}`, "content-type": "text/plain" };
    const body = Buffer.alloc(5_000_000, "tls");
    const stored = await undiciFetch(`${server.url}/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact`, {
      method: "POST",
      headers,
      body,
      dispatcher,
    });
    const { artifact } = (await stored.json()) as { artifact: { artifact_id: string } };
    const read = await undiciFetch(`${server.url}/v1/artifacts/${artifact.artifact_id}/content`, {
      headers,
      dispatcher,
    });
    expect(Buffer.from(await read.arrayBuffer()).equals(body)).toBe(true);
    await dispatcher.close();
  });
});

describe("a server over TLS that stops", () => {
  it("does not wait for a connection that was opened ahead, and does for a request whose first bytes have come", async () => {
    await using certificates = await certificateFolder();
    const server = await serveTls(certificates);
    const options = { rejectUnauthorized: false };
    const begun = await handshake(server.port, options);
    begun.write("GET /health HTTP/1.1\r\n");
    const unused = await handshake(server.port, options);
    const closed = (socket: TLSSocket, name: string): Promise<string> =>
      new Promise((resolve) =>
        socket
          .on("error", () => {})
          .once("close", () => resolve(name))
          .resume(),
      );
    const ends = [closed(begun, "begun"), closed(unused, "unused")];
    const stopped = server[Symbol.asyncDispose]();
    expect(await Promise.race(ends)).toBe("unused");
    begun.write("Host: h\r\n\r\n");
    await Promise.all([stopped, ...ends]);
  });
});

describe("a certificate that is replaced", () => {
  it("serves new connections while old ones go on; one that cannot serve is logged and not used", async () => {
    await using certificates = await certificateFolder();
    await using server = await serveTls(certificates);
    const serialNow = async (ca: string): Promise<string | undefined> => {
      try {
        const socket = await handshake(server.port, { ca });
        const serial = socket.getPeerCertificate().serialNumber;
        socket.destroy();
        return serial;
      } catch {
        return undefined;
      }
    };
    const old = await handshake(server.port, { ca: certificates.authority });
    let heard = "";
    old.on("data", (piece) => (heard += String(piece)));
    const first = await serialNow(certificates.authority);
    expect(first).toMatch(/^[0-9A-F]+$/);

    const next = await certificatesAt();
    await certificates.replace(next);
    await eventually(async () => (await serialNow(next.authorityCert)) !== undefined);
    expect(await serialNow(next.authorityCert)).not.toBe(first);
    expect(await serialNow(certificates.authority)).toBeUndefined();
    expect(server.lines.join("\n")).toContain("serving with the new certificate");
    old.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await eventually(async () => heard.includes("200 OK"));
    old.destroy();

    const others = await certificatesAt();
    const broken: readonly [pair: { serverCert: string; serverKey: string }, words: string][] = [
      [{ serverCert: "no certificate", serverKey: others.serverKey }, "holds no certificate"],
      [{ serverCert: others.serverCert, serverKey: next.serverKey }, "is not the key"],
      [await certificatesAt(Date.now() - 2 * yearMs), "expired on"],
    ];
    for (const [pair, words] of broken) {
      const linesBefore = server.lines.length;
      await certificates.replace(pair);
      const isLogged = async () => server.lines.slice(linesBefore).some((line) => line.includes("cannot be used"));
      await eventually(isLogged, words);
      expect(await serialNow(next.authorityCert)).toMatch(/^[0-9A-F]+$/);
    }
    await certificates.replace(others);
    await eventually(async () => (await serialNow(others.authorityCert)) !== undefined);
    expect(server.lines.join("\n")).not.toContain("PRIVATE KEY");
  });
});

describe("a pair that cannot serve", () => {
  const cases: readonly [
    name: string,
    words: RegExp,
    spoil: (folder: CertificateFolder) => Promise<{ certFile?: string; keyFile?: string }>,
  ][] = [
    [
      "is not there",
      /missing\.pem cannot be read \(ENOENT\)/,
      async ({ dir }) => ({ certFile: join(dir, "missing.pem") }),
    ],
    ["is a folder", /cannot be read/, async ({ dir }) => ({ certFile: dir })],
    [
      "has its files swapped",
      /holds no certificate/,
      async ({ certFile, keyFile }) => ({ certFile: keyFile, keyFile: certFile }),
    ],
    [
      "has the authority's certificate",
      /is not the key of the first certificate/,
      async ({ authorityFile }) => ({ certFile: authorityFile }),
    ],
    [
      "has expired",
      /expired on 20\d\d-/,
      async (folder) => {
        await folder.replace(await certificatesAt(Date.now() - 2 * yearMs));
        return {};
      },
    ],
    [
      "is not valid yet",
      /is valid only from 20\d\d-/,
      async (folder) => {
        await folder.replace(await certificatesAt(Date.now() + yearMs));
        return {};
      },
    ],
  ];
  it.each(cases)("%s: the start is refused with a sentence", async (_name, words, spoil) => {
    await using folder = await certificateFolder();
    await expect(serveTls({ ...folder, ...(await spoil(folder)) })).rejects.toThrow(words);
  });

  it("is half a pair: the configuration is refused", async () => {
    await using folder = await certificateFolder();
    await expect(serveTls({ ...folder, keyFile: "" })).rejects.toThrow("are given together or not at all");
    await expect(serveTls({ ...folder, certFile: "" })).rejects.toThrow("are given together or not at all");
  });
});

describeWith(["openssl", "curl"], "openssl and curl", () => {
  it("accept the chain and the server, and refuse another name and a missing authority", async () => {
    await using folder = await certificateFolder();
    const verify = (...more: string[]) =>
      spawnSync("openssl", ["verify", "-x509_strict", "-purpose", "sslserver", ...more, folder.certFile], {
        encoding: "utf8",
      });
    const ca = ["-CAfile", folder.authorityFile];
    expect(verify(...ca, "-verify_hostname", "localhost").stdout).toContain(": OK");
    expect(verify(...ca, "-verify_ip", "127.0.0.1").status).toBe(0);
    expect(verify(...ca, "-verify_hostname", "example.com").status).not.toBe(0);
    expect(verify().status).not.toBe(0);
    await using server = await serveTls(folder);
    const curl = (...args: string[]): Promise<{ status: number | null; stdout: string }> =>
      runAside("curl", ["-sS", "--max-time", "20", ...args]);
    const good = await curl("--cacert", folder.authorityFile, `https://localhost:${server.port}/health`);
    expect([good.status, JSON.parse(good.stdout).status]).toEqual([0, "ok"]);
    expect((await curl(`https://localhost:${server.port}/health`)).status).toBe(60);
  });
});

/** Runs a program without blocking this process, which is the server. */
async function runAside(command: string, args: readonly string[]): Promise<{ status: number | null; stdout: string }> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  let stdout = "";
  child.stdout.on("data", (piece) => (stdout += String(piece)));
  return new Promise((resolve) => child.once("close", (status) => resolve({ status, stdout })));
}
