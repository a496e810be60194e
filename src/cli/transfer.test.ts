// Uploads, downloads and listings against a small HTTP server that answers as each test tells it.
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runProgram } from "./program.ts";

type Answerer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

let folder: string;
let server: Server;
let requests: { url: string; headers: IncomingMessage["headers"]; body: Buffer }[];
let answer: Answerer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "charter-cli-"));
  requests = [];
  server = createServer((request, response) => {
    response.setHeader("x-constitution-hash", "0011223344556677");
    void buffer(request).then((body) => {
      requests.push({ url: request.url ?? "", headers: request.headers, body });
      answer(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

async function charter(args: readonly string[], stdin: Readable = Readable.from([])) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { CHARTER_URL: url, CHARTER_KEY: "secret-key" };
  const outBytes = buffer(stdout);
  const code = await runProgram(args, { stdin, stdout, stderr, env, cwd: folder } as never);
  stdout.end();
  return { code, out: (await outBytes).toString("utf8"), err: String(stderr.read() ?? "") };
}

function sendJson(response: ServerResponse, status: number, value: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

const stored = {
  artifact: { artifact_id: "0197-a", size_bytes: 5 },
  receipt: { intent_index: 12, outcome_index: 13 },
  replayed: false,
  warnings: [],
};
const refusal = {
  type: "urn:charter:error:artifact.type_not_allowed",
  title: "The product's allowlist does not hold this artifact type.",
  status: 403,
  code: "artifact.type_not_allowed",
  detail: "AI_ASSISTANT does not store T",
  articles: ["RULE_05_PRODUCT_ISOLATION"],
  remedy: "use ConversationArtifact",
  request_id: "r-1",
  constitution_hash: "0123456789abcdef",
};
const put = ["put", "--product", "P", "--type", "T"];
const sha256 = (data: string): string => createHash("sha256").update(data).digest("base64");

describe("put", () => {
  it("sends the digest, length, key and terms of a file and prints id and receipt", async () => {
    writeFileSync(join(folder, "a.txt"), "hello");
    answer = (_request, response) => sendJson(response, 201, stored);
    const terms = [
      "--tag",
      "x",
      "--tag",
      "y",
      "--derived-from",
      "d",
      "--retention",
      "short",
      "--metadata",
      '{"n":"é"}',
    ];
    const { code, out } = await charter([...put, "a.txt", ...terms]);
    expect([code, out]).toEqual([0, "a.txt  0197-a      5 B  ledger entries 12 and 13\n"]);
    const [request] = requests;
    expect(request!.url).toBe("/v1/artifacts?product=P&type=T&tag=x&tag=y&derived_from=d&retention_class=short");
    expect(request!.body.toString()).toBe("hello");
    expect(request!.headers).toMatchObject({
      authorization: "Bearer secret-key",
      "content-length": "5",
      "content-type": "application/octet-stream",
      "repr-digest": `sha-256=:${sha256("hello")}:`,
      "content-digest": `sha-256=:${sha256("hello")}:`,
      "charter-metadata": Buffer.from('{"n":"é"}').toString("base64url"),
    });
    expect(request!.headers["idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("stores stdin and an empty file", async () => {
    writeFileSync(join(folder, "empty"), "");
    answer = (_request, response) => sendJson(response, 201, stored);
    const { code, out } = await charter([...put, "--json", "-", "empty"], Readable.from(["from ", "stdin"]));
    expect(code).toBe(0);
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines).toContainEqual({ file: "-", artifact_id: "0197-a", ...stored });
    expect(requests.map(({ body }) => body.toString()).sort()).toEqual(["", "from stdin"]);
  });

  it("tries again after 503, 429 and a broken connection, under one idempotency key", async () => {
    writeFileSync(join(folder, "a.txt"), "hello");
    answer = (request, response) => {
      const tried = requests.length;
      if (tried === 1) sendJson(response, 503, { title: "full" }, { "retry-after": "0" });
      else if (tried === 2) sendJson(response, 429, { title: "busy" }, { "retry-after": "0" });
      else if (tried === 3) request.socket.destroy();
      else sendJson(response, 201, stored);
    };
    const { code, err } = await charter([...put, "a.txt"]);
    expect(code).toBe(0);
    expect(requests).toHaveLength(4);
    expect(new Set(requests.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
    expect(err.match(/trying again/g)).toHaveLength(3);
  });

  it("gives up at once when told to wait longer than a minute", async () => {
    writeFileSync(join(folder, "a.txt"), "hello");
    answer = (_request, response) => sendJson(response, 503, { title: "full" }, { "retry-after": "3600" });
    expect((await charter([...put, "a.txt"])).code).toBe(1);
    expect(requests).toHaveLength(1);
  });

  it("explains a refusal, stores the other files and ends with 1", async () => {
    for (const name of ["a", "b", "c"]) writeFileSync(join(folder, name), name);
    answer = (_request, response, body) =>
      body.toString() === "b" ? sendJson(response, 403, refusal) : sendJson(response, 201, stored);
    const { code, out, err } = await charter([...put, "a", "b", "missing", "c"]);
    expect(code).toBe(1);
    expect(out.trim().split("\n")).toHaveLength(2);
    expect(err).toContain("missing: there is no such file");
    expect(err).toContain("b: refused (403): The product's allowlist does not hold this artifact type.");
    expect(err).toContain("what helps:   use ConversationArtifact");
    expect(err).toContain("articles:     RULE_05_PRODUCT_ISOLATION");
  });

  it("prints the problem document under --json", async () => {
    writeFileSync(join(folder, "a"), "a");
    answer = (_request, response) => sendJson(response, 403, refusal);
    const { code, out, err } = await charter([...put, "a", "--json"]);
    expect([code, err]).toEqual([1, ""]);
    expect(JSON.parse(out)).toEqual({ file: "a", ...refusal });
  });

  it("shows plain progress lines only when asked", async () => {
    writeFileSync(join(folder, "a"), "a");
    answer = (_request, response) => sendJson(response, 201, stored);
    expect((await charter([...put, "a"])).err).toBe("");
  });
});

describe("get", () => {
  const content =
    (declared: string): Answerer =>
    (_request, response) =>
      response.writeHead(200, { "repr-digest": `sha-256=:${sha256(declared)}:` }).end("hello");

  it("writes a verified file, leaving nothing else behind", async () => {
    answer = content("hello");
    const { code, out } = await charter(["get", "id/1", "-o", "a.txt"]);
    expect(code).toBe(0);
    expect(out).toContain("verified");
    expect(requests[0]!.url).toBe("/v1/artifacts/id%2F1/content");
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("hello");
    expect(readdirSync(folder)).toEqual(["a.txt"]);
  });

  it("keeps no file whose bytes are not the declared ones", async () => {
    answer = content("other");
    const { code, err } = await charter(["get", "1", "-o", "a.txt"]);
    expect(code).toBe(1);
    expect(err).toContain("the server declared");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("keeps an older file when the connection breaks", async () => {
    writeFileSync(join(folder, "a.txt"), "older");
    answer = (_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("hello");
      setTimeout(() => response.destroy(), 20);
    };
    expect((await charter(["get", "1", "-o", "a.txt"])).code).toBe(1);
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("older");
    expect(readdirSync(folder)).toEqual(["a.txt"]);
  });
});

describe("listings", () => {
  it("follow the cursor with --all and print one heading", async () => {
    const artifact = (artifact_id: string) => ({
      artifact_id,
      created_at: "t",
      size_bytes: 1500,
      product_id: "P",
      artifact_type: "T",
      tags: ["x"],
    });
    answer = (request, response) => {
      const isSecond = request.url?.includes("cursor=two") === true;
      sendJson(
        response,
        200,
        isSecond ? { artifacts: [artifact("b")], next: null } : { artifacts: [artifact("a")], next: "two" },
      );
    };
    const { code, out } = await charter(["ls", "--all", "--product", "P", "--since", "2026-11-01"]);
    expect(code).toBe(0);
    expect(out.split("\n").map((line) => line.split(/ +/)[0])).toEqual(["ID", "a", "b", ""]);
    expect(requests.map(({ url }) => url)).toEqual([
      "/v1/artifacts?product=P&created_after=2026-11-01",
      "/v1/artifacts?product=P&created_after=2026-11-01&cursor=two",
    ]);
  });

  it("say that there is more", async () => {
    answer = (_request, response) => sendJson(response, 200, { artifacts: [], next: "two" });
    expect((await charter(["ls"])).err).toContain("--all");
  });

  it("show hostile text without its control characters", async () => {
    const leaf = { time: "t\u001b[31m", kind: "intent", operation: "o", principal: "p" };
    answer = (_request, response) => sendJson(response, 200, { entries: [{ index: 0, leaf }], next: null });
    expect((await charter(["ledger", "entries"])).out).not.toContain("\u001b");
  });
});

describe("refusals of any command", () => {
  it("are one JSON document on stdout with --json, lines on stderr without", async () => {
    answer = (_request, response) => sendJson(response, 403, refusal);
    const machine = await charter(["keys", "revoke", "k", "--json"]);
    expect([machine.code, machine.err]).toEqual([1, ""]);
    expect(JSON.parse(machine.out)).toEqual(refusal);
    const human = await charter(["keys", "revoke", "k"]);
    expect([human.code, human.out]).toEqual([1, ""]);
    expect(human.err).toContain("refused (403)");
  });

  it("survive an answer that is no problem document", async () => {
    answer = (_request, response) => response.writeHead(502).end("<html>");
    const { code, err } = await charter(["ls"]);
    expect([code, err]).toEqual([1, "refused (502): Bad Gateway\n"]);
  });
});

describe("scrub", () => {
  it("ends with 1 and names what is damaged", async () => {
    answer = (_request, response) =>
      response
        .writeHead(200)
        .end(
          '{"checked":1,"total":2,"bytes":5}\n{"done":true,"checked":2,"bad":[{"artifact_id":"x","reason":"corrupt"}]}\n',
        );
    const { code, out } = await charter(["scrub"]);
    expect(code).toBe(1);
    expect(out).toContain("x  corrupt");
  });

  it("does not take a cut-off report for a clean one", async () => {
    answer = (_request, response) => response.writeHead(200).end('{"checked":1,"total":2,"bytes":5}\n');
    expect((await charter(["scrub"])).code).toBe(1);
  });
});
