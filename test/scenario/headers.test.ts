// What every answer carries and what a request may say about itself: security headers, request ids, CORS, the client's
// address behind proxies, and the host.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { sendBytes } from "../support/http/wire.ts";
import type { WireAnswer } from "../support/http/wire.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const expected: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "strict-origin-when-cross-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cache-control": "no-store",
};

/** The first answer to some lines on a bare socket. */
async function wire(charter: TestCharter, ...lines: string[]): Promise<WireAnswer> {
  const bytes = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "utf8");
  const { answers } = await sendBytes(charter.url, [bytes], false, 20_000);
  expect(answers.length).toBeGreaterThan(0);
  return answers[0]!;
}

const get = (path: string, ...headers: string[]): string[] => [
  `GET ${path} HTTP/1.1`,
  ...(headers.some((header) => /^host:/i.test(header)) ? [] : ["Host: h"]),
  "Connection: close",
  ...headers,
];

describe("security headers", () => {
  let charter: TestCharter;
  beforeAll(async () => void (charter = await startTestCharter()));
  afterAll(() => charter[Symbol.asyncDispose]());

  const cases: readonly [name: string, status: number, lines: string[]][] = [
    ["an ordinary answer", 200, get("/health")],
    ["a refusal", 401, get("/v1/artifacts")],
    ["a path that does not exist", 404, get("/nowhere")],
    ["a URL that cannot be decoded", 400, get("/%zz")],
    ["a parameter that is too long", 400, get(`/v1/artifacts/${"a".repeat(300)}`)],
    ["bytes that are no request", 400, ["nonsense"]],
    ["headers that are too large", 431, get("/health", `X: ${"x".repeat(20_000)}`)],
  ];
  for (const [name, status, lines] of cases) {
    it(`stand on ${name}`, async () => {
      const answer = await wire(charter, ...lines);
      expect(answer.status).toBe(status);
      for (const [header, value] of Object.entries(expected))
        expect([header, answer.headers.get(header)]).toEqual([header, value]);
      expect(answer.headers.get("x-request-id")).toMatch(uuid);
      expect(answer.headers.get("x-constitution-hash")).toMatch(/^[0-9a-f]{16}$/);
      for (const name of ["server", "x-powered-by", "strict-transport-security", "access-control-allow-origin"]) {
        expect([name, answer.headers.has(name)]).toEqual([name, false]);
      }
    });
  }

  it("do not promise TLS because a stranger's header says so", async () => {
    const answer = await wire(charter, ...get("/health", "X-Forwarded-Proto: https"));
    expect(answer.headers.has("strict-transport-security")).toBe(false);
  });
});

describe("X-Request-ID", () => {
  let charter: TestCharter;
  beforeAll(async () => void (charter = await startTestCharter()));
  afterAll(() => charter[Symbol.asyncDispose]());

  const own = "5f0c8a52-7f0f-4c58-9a38-0d8f6a3b9c11";

  it("is the caller's own UUID, also in problems and on leaves", async () => {
    const refused = await charter.ask("/nowhere", { headers: { "x-request-id": own } });
    expect([refused.headers.get("x-request-id"), refused.json.request_id]).toEqual([own, own]);
    const other = "5f0c8a52-7f0f-4c58-9a38-0d8f6a3b9c12";
    await charter.ask("/v1/keys", { body: { kind: "auditor" }, headers: { "x-request-id": other } });
    const { json } = await charter.ask(`/ledger/entries?request=${other}&limit=10`);
    expect(json.entries.map(({ leaf }: { leaf: { kind: string } }) => leaf.kind)).toEqual(["intent", "outcome"]);
  });

  it("is a new one when the caller's was used just now, so that leaves of two requests do not mix", async () => {
    const again = await charter.ask("/health", { headers: { "x-request-id": own } });
    expect(again.headers.get("x-request-id")).toMatch(uuid);
    const given = again.headers.get("x-request-id") ?? "";
    const stolen = await charter.ask("/health", { headers: { "x-request-id": given } });
    expect(stolen.headers.get("x-request-id")).not.toBe(given);
  });

  const hostile: readonly [name: string, value: string][] = [
    ["text", "hello"],
    ["an upper-case UUID", "5F0C8A52-7F0F-4C58-9A38-0D8F6A3B9C11"],
    ["a UUID with something behind it", `${own}x`],
    ["the nil UUID", "00000000-0000-0000-0000-000000000000"],
    ["10 kB", "a".repeat(10_000)],
    ["unicode", "é\u202e\u{1f600}"],
    ["a header's end in percent signs", `${own}%0d%0aX-Evil:%201`],
    ["markup", "<script>alert(1)</script>"],
    ["nothing", ""],
  ];
  for (const [name, value] of hostile) {
    it(`is never ${name}`, async () => {
      const answer = await wire(charter, ...get("/health", `X-Request-ID: ${value}`));
      expect(answer.status).toBe(200);
      expect(answer.headers.get("x-request-id")).toMatch(uuid);
    });
  }

  it("lets no line break through: neither a second header nor one that is folded", async () => {
    const injected = await wire(charter, ...get("/health", `X-Request-ID: ${own.replace("11", "77")}\rX-Evil: 1`));
    expect([injected.status, injected.headers.has("x-evil")]).toEqual([400, false]);
    const twice = await wire(charter, ...get("/health", `X-Request-ID: ${own}`, "X-Request-ID: 1"));
    expect(twice.headers.get("x-request-id")).toMatch(uuid);
  });
});

describe("CORS", () => {
  const origin = "https://console.example.com";
  let charter: TestCharter;
  beforeAll(async () => {
    charter = await startTestCharter({ flags: { "cors-origins": `${origin}, http://localhost:5173` } });
  });
  afterAll(() => charter[Symbol.asyncDispose]());

  it("answers the preflight of every path without a credential, for a listed origin", async () => {
    for (const path of ["/v1/artifacts", "/v1/keys/key_00000000", "/nowhere"]) {
      const asked = "authorization,x-charter-project,x-a-header-that-is-not-made-yet";
      const headers = { origin, "access-control-request-method": "DELETE", "access-control-request-headers": asked };
      const { status, headers: got, text } = await charter.ask(path, { method: "OPTIONS", key: null, headers });
      expect([path, status, text]).toEqual([path, 204, ""]);
      expect(got.get("access-control-allow-origin")).toBe(origin);
      expect(got.get("access-control-allow-methods")).toContain("DELETE");
      expect(got.get("access-control-allow-headers")).toBe(asked);
      expect(got.get("access-control-allow-credentials")).toBeNull();
      expect(got.get("x-request-id")).toMatch(uuid);
    }
  });

  it("lets a listed origin read answers and refusals, with the headers it needs", async () => {
    for (const [path, key, status] of [
      ["/v1/artifacts", undefined, 200],
      ["/v1/artifacts", null, 401],
      ["/nowhere", null, 404],
    ] as const) {
      const { status: got, headers } = await charter.ask(path, {
        ...(key === null ? { key } : {}),
        headers: { origin },
      });
      expect([path, got]).toEqual([path, status]);
      expect(headers.get("access-control-allow-origin")).toBe(origin);
      expect(headers.get("vary")).toContain("Origin");
      const exposed = headers.get("access-control-expose-headers");
      for (const name of ["X-Request-ID", "X-Constitution-Hash", "RateLimit", "Retry-After", "ETag", "Content-Range"]) {
        expect(exposed).toContain(name);
      }
      for (const name of ["Request-Id", "X-Should-Retry", "X-Charter-Model", "X-Charter-Cost-Microdollars"]) {
        expect(exposed).toContain(name);
      }
    }
  });

  it("tells other origins nothing", async () => {
    for (const other of ["https://evil.example.com", "null", `${origin}.evil.example`, "https://CONSOLE.example.com"]) {
      const headers = { origin: other, "access-control-request-method": "GET" };
      const preflight = await charter.ask("/v1/artifacts", { method: "OPTIONS", key: null, headers });
      const plain = await charter.ask("/health", { headers });
      expect([other, preflight.status, plain.status]).toEqual([other, 404, 200]);
      for (const answer of [preflight, plain]) {
        expect(answer.headers.get("access-control-allow-origin")).toBeNull();
        expect(answer.headers.get("vary")).toContain("Origin");
      }
    }
  });

  it.each(["*", "https://a.example.com/path", "console.example.com", "null", "https://a.example.com,*"])(
    "refuses to start with %s as an origin",
    async (origins) => {
      await expect(startTestCharter({ flags: { "cors-origins": origins } })).rejects.toThrow(/http\.corsOrigins must/);
    },
  );
});

describe("the client's address", () => {
  let behind: TestCharter;
  let alone: TestCharter;
  let keyFrom: (charter: TestCharter, network: string) => Promise<string>;
  beforeAll(async () => {
    behind = await startTestCharter({ flags: { "trusted-proxies": "127.0.0.1, 10.0.0.0/8" } });
    alone = await startTestCharter();
    keyFrom = async (charter, network) =>
      (await charter.ask("/v1/keys", { body: { kind: "auditor", networks: [network] } })).json.key;
  });
  afterAll(async () => {
    await behind[Symbol.asyncDispose]();
    await alone[Symbol.asyncDispose]();
  });

  it("is the rightmost one that is no trusted proxy, when a trusted proxy says it", async () => {
    const key = await keyFrom(behind, "203.0.113.7");
    const statusFor = async (chain: string): Promise<number> =>
      (await behind.ask("/ledger/entries", { key, headers: { "x-forwarded-for": chain } })).status;
    expect(await statusFor("203.0.113.7")).toBe(200);
    expect(await statusFor("203.0.113.7, 10.1.2.3")).toBe(200);
    expect(await statusFor("198.51.100.1, 203.0.113.7, 10.1.2.3")).toBe(200);
    expect(await statusFor("::ffff:203.0.113.7")).toBe(200);
    expect(await statusFor("203.0.113.7:4711")).toBe(200);
    expect(await statusFor("203.0.113.7, 198.51.100.1")).toBe(401);
    expect(await statusFor("203.0.113.7, nonsense, 10.1.2.3")).toBe(401);
    expect(await statusFor("")).toBe(401);
  });

  it("is the socket's when no proxy is trusted, whatever headers say", async () => {
    const key = await keyFrom(alone, "203.0.113.7");
    const local = await keyFrom(alone, "127.0.0.1");
    for (const name of ["x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip"]) {
      const headers = { [name]: name === "forwarded" ? "for=203.0.113.7" : "203.0.113.7" };
      expect((await alone.ask("/ledger/entries", { key, headers })).status).toBe(401);
      expect((await alone.ask("/ledger/entries", { key: local, headers })).status).toBe(200);
    }
  });

  it("comes with the scheme, which decides on HSTS", async () => {
    const over = async (proto: string) =>
      (await behind.ask("/health", { headers: { "x-forwarded-proto": proto } })).headers.get(
        "strict-transport-security",
      );
    expect(await over("https")).toBe("max-age=31536000; includeSubDomains");
    expect(await over("http")).toBeNull();
  });

  it.each(["localhost", "10.0.0.0/33", "10.0.0", "0.0.0.0/0", "::/0", "fe80::1%eth0", "1.2.3.4/8/8", "true"])(
    "refuses to start with %s as a trusted proxy",
    async (proxies) => {
      await expect(startTestCharter({ flags: { "trusted-proxies": proxies } })).rejects.toThrow(
        /http\.trustedProxies must/,
      );
    },
  );
});

describe("the host", () => {
  let charter: TestCharter;
  beforeAll(async () => {
    charter = await startTestCharter({ flags: { "allowed-hosts": "charter.example.com,[::1]" } });
  });
  afterAll(() => charter[Symbol.asyncDispose]());

  it("must be one of those allowed, with any port and in any case; others get 421", async () => {
    for (const host of ["charter.example.com", "Charter.Example.com:8000", "[::1]:8000", "charter.example.com."]) {
      expect([host, (await wire(charter, ...get("/", `Host: ${host}`))).status]).toEqual([host, 200]);
    }
    for (const host of [
      "evil.example.com",
      "charter.example.com.evil.example",
      "127.0.0.1",
      "",
      "charter.example.com@evil",
    ]) {
      const { status, body } = await wire(charter, ...get("/", `Host: ${host}`));
      expect([host, status, JSON.parse(body.toString()).code]).toEqual([host, 421, "request.misdirected"]);
    }
    const forwarded = await wire(
      charter,
      ...get("/", "Host: evil.example.com", "X-Forwarded-Host: charter.example.com"),
    );
    expect(forwarded.status).toBe(421);
  });

  it("may be any for probes, which come by address", async () => {
    for (const path of ["/health", "/ready"]) {
      expect((await wire(charter, ...get(path, "Host: 10.0.0.9:8000"))).status).toBe(200);
    }
  });

  it.each(["https://charter.example.com", "charter.example.com:8000", "*.example.com", "a b"])(
    "refuses to start with %s as a host",
    async (hosts) => {
      await expect(startTestCharter({ flags: { "allowed-hosts": hosts } })).rejects.toThrow(/http\.allowedHosts must/);
    },
  );
});
