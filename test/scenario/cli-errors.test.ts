// What goes wrong between a person and a server is called what it is, and names what would help.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "../../src/cli/program.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";

let charter: TestCharter;
beforeAll(async () => {
  charter = await startTestCharter();
});
afterAll(() => charter[Symbol.asyncDispose]());

async function run(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { CHARTER_URL: charter.url, CHARTER_KEY: charter.adminKey };
  const io = { stdin: new PassThrough(), stdout, stderr, env, cwd: process.cwd() };
  const code = await runProgram(args, io as never);
  const read = (stream: PassThrough): string => String(stream.read() ?? "");
  return { code, out: read(stdout), err: read(stderr) };
}

describe("a command", () => {
  it("that asks a server of plain HTTP for HTTPS says so", async () => {
    const { code, err } = await run("ls", "--url", charter.url.replace("http:", "https:"));
    expect([code, err]).toEqual([1, expect.stringContaining(`it does not speak HTTPS; try ${charter.url}`)]);
  });

  it.each([
    ["a page", "text/html", "<h1>hello</h1>"],
    ["an object", "application/json", "{}"],
  ])("that another server answers with %s takes it for no answer of a Charter", async (_what, type, body) => {
    const other = createServer((_request, response) => response.setHeader("content-type", type).end(body));
    await new Promise<void>((resolve) => void other.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    try {
      for (const words of [["ls"], ["keys", "list"], ["whoami"], ["status"]]) {
        const { code, out, err } = await run(...words, "--url", url);
        expect([code, out]).toEqual([1, ""]);
        expect(err).toContain(`${url} answers (200), but it is not a Charter`);
      }
    } finally {
      other.close();
    }
  });

  it("for a model that nobody has is refused and told the nearest; one that is known is simulated", async () => {
    const unknown = await run("chat", "-m", "claud-sonnet-5", "hello");
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('did you mean "claude-sonnet-5"?')]);
    expect((await run("chat", "-m", "gpt-99", "hello")).err).toContain("[model.not_found]");
    expect((await run("chat", "-m", "gpt-4o", "hello")).out).toContain("simulated");
  });

  it("for a product or type that there is not is told which there are", async () => {
    const product = await run("put", "package.json", "--product", "NOPE", "--type", "ConversationArtifact");
    expect(product.err).toContain("Choose one of these: AI_ASSISTANT, ");
    expect((await run("ls", "--product", "NOPE")).err).toContain("Choose one of these: AI_ASSISTANT, ");
    const type = await run("put", "package.json", "--product", "AI_ASSISTANT", "--type", "Nope");
    expect(type.err).toContain("it may store ConversationArtifact");
  });
});

describe("a request that is refused", () => {
  it("for want of a right says so, whatever the form of its body", async () => {
    const key = await charter.keyFor("product", "AI_ASSISTANT");
    for (const body of [{}, { kind: 1 }, { nonsense: true }]) {
      expect(await charter.ask("/v1/keys", { key, body })).toMatchObject({
        status: 403,
        json: { code: "permission.denied" },
      });
    }
    expect((await charter.ask("/v1/keys", { body: {} })).json.code).toBe("request.invalid");
    expect((await charter.ask("/v1/keys", { key: null, body: {} })).status).toBe(401);
  });

  it("for a product that a caller may not know of names no other", async () => {
    const key = await charter.keyFor("product", "AI_ASSISTANT");
    const { json } = await charter.ask("/v1/artifacts?product=GURUKUL", { key });
    expect(json.code).toBe("product.not_found");
    expect(JSON.stringify(json)).not.toContain("AI_AVATAR");
  });
});
