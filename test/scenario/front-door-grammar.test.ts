// What the door takes and refuses follows from the RFCs' grammars and not from lists: methods, media types, digests, numbers.
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operations } from "../../src/http/operations.ts";
import { envelope, startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";

let charter: TestCharter;
beforeAll(async () => {
  charter = await startTestCharter();
});
afterAll(() => charter[Symbol.asyncDispose]());

const streamed = "/v1/artifacts?product=AI_ASSISTANT&type=ConversationArtifact";

/** Stores a body under a media type. */
const stored = (type: string, body = "words") =>
  charter.ask(streamed, { method: "POST", headers: { "content-type": type }, body });

describe("HEAD (RFC 9110 section 9.3.2)", () => {
  const paths = Object.values(operations).flatMap(({ method, path }) =>
    method === "GET" && !path.includes("{") ? [path] : [],
  );
  it.each(paths)("%s answers as GET does, without the body", async (path) => {
    const get = await charter.ask(path);
    const head = await charter.ask(path, { method: "HEAD" });
    expect([head.status, head.text]).toEqual([get.status, ""]);
    expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
  });

  it("of what needs a credential is refused without one", async () => {
    expect((await charter.ask("/v1/keys", { method: "HEAD", key: null })).status).toBe(401);
  });
});

describe("a media type (RFC 9110 sections 5.6.6 and 8.3.1, RFC 6838 section 4.2)", () => {
  it.each([
    'text/plain; charset="utf-8"',
    "text/plain;charset=utf-8;",
    "TEXT/Plain ; Charset=UTF-8",
    'video/mp4; codecs="avc1.42E01E, mp4a.40.2"',
    String.raw`text/plain; title="a \"quoted\" word"`,
    'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
    'multipart/related; type="application/xop+xml"; boundary="a b"',
    "application/vnd.api+json",
  ])("is taken and given back as it is: %s", async (type) => {
    const { status, json } = await stored(type);
    expect([status, json.artifact.media_type]).toEqual([201, type]);
    const got = await charter.ask(`/v1/artifacts/${json.artifact.artifact_id}/content`);
    expect(got.headers.get("content-type")).toBe(type);
  });

  it.each([
    "text",
    "text/",
    "/plain",
    "text/pl ain",
    "text/plain; charset",
    "text/plain; charset =utf-8",
    'text/plain; charset="utf-8',
    "text/plain, text/html",
    `text/${"x".repeat(200)}`,
    "+x/plain",
  ])("is refused when it is none: %s", async (type) => {
    expect([415, 400]).toContain((await stored(type)).status);
  });
});

describe("a digest of content (RFC 9530)", () => {
  /** What the server answers to a body in chunks with a trailer. */
  async function withTrailer(announced: string, trailer: string): Promise<string> {
    const { hostname, port } = new URL(charter.url);
    const socket = connect(Number(port), hostname);
    const answer: Buffer[] = [];
    socket.on("data", (chunk) => answer.push(chunk));
    socket.write(
      `POST ${streamed} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${charter.adminKey}\r\n` +
        `Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n${announced}\r\n` +
        `5\r\nhello\r\n0\r\n${trailer}\r\n`,
    );
    await new Promise((resolve) => socket.once("close", resolve));
    return Buffer.concat(answer).toString();
  }

  it("that comes behind the body is refused, announced or not, and nothing is stored; other trailers are not read", async () => {
    const digest = "Content-Digest: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:\r\n";
    const count = async (): Promise<number> => (await charter.ask("/v1/artifacts?limit=1000")).json.artifacts.length;
    const before = await count();
    for (const announced of ["Trailer: Content-Digest\r\n", ""]) {
      const answer = await withTrailer(announced, digest);
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).toContain("a digest behind the body is not checked".slice(2));
    }
    expect(await count()).toBe(before);
    expect(await withTrailer("Trailer: X-Note\r\n", "X-Note: hello\r\n")).toMatch(/^HTTP\/1.1 201 /);
  });
});

describe("a number", () => {
  it.each(["3.14159265358979323846264338327", "0.1000000000000000055511151231257827", "1e400", "1.5e-400"])(
    "whose digits would get lost is refused in what is stored: %s",
    async (number) => {
      const text = JSON.stringify(envelope({ payload: "PLACE" })).replace('"PLACE"', number);
      const { status, json } = await charter.ask("/v1/artifacts", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: text,
      });
      expect([status, json.code]).toEqual([400, "request.malformed"]);
    },
  );

  it.each(["3.141592653589793", "1.10", "1e3", "0.1", "-0.5", "100000000000000000000.0e-20"])(
    "that a double holds is stored: %s",
    async (number) => {
      const text = JSON.stringify(envelope({ payload: "PLACE" })).replace('"PLACE"', number);
      const headers = { "content-type": "application/json" };
      const { status, json } = await charter.ask("/v1/artifacts", { method: "POST", headers, body: text });
      expect(status).toBe(201);
      const content = await charter.ask(`/v1/artifacts/${json.artifact.artifact_id}/content`);
      expect(content.json).toBe(Number(number));
    },
  );
});

describe("what is private", () => {
  it("is kept apart by credential in a cache that serves several", async () => {
    const { json } = await stored("text/plain");
    const { headers } = await charter.ask(`/v1/artifacts/${json.artifact.artifact_id}/content`);
    expect([headers.get("cache-control"), headers.get("vary")]).toEqual([
      expect.stringContaining("private"),
      "Authorization",
    ]);
  });
});
