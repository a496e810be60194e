// `charter price`: lines in, lines out, and what happens to lines that are none.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "./program.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "charter-price-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs `charter price` on the pieces of an input. */
async function price(pieces: readonly (string | Buffer)[], args: readonly string[] = []) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const printed = { out: "", err: "" };
  stdout.on("data", (chunk: Buffer) => (printed.out += chunk.toString()));
  stderr.on("data", (chunk: Buffer) => (printed.err += chunk.toString()));
  const stdin = Readable.from(pieces.map((piece) => Buffer.from(piece)));
  const io = { stdin, stdout, stderr, env: {}, cwd: folder } as never;
  const code = await runProgram(["price", ...args], io);
  return { code, ...printed };
}

const usage = { prompt_tokens: 1000, completion_tokens: 200 };
const line = (extra: object = {}) => `${JSON.stringify({ provider: "openai", model: "gpt-4o", usage, ...extra })}\n`;

describe("charter price", () => {
  it("answers each line in order, null where nobody knows the price", async () => {
    const anthropic = { input_tokens: 10, cache_read_input_tokens: 100_000, output_tokens: 5 };
    const input = [
      line(),
      "\n",
      line({ model: "unheard-of" }),
      line({ provider: "anthropic", model: "claude-sonnet-4-5", usage: anthropic }),
      line({ provider: "mistral", model: "mistral-medium-latest", at: "2026-01-31T12:00:00+02:00" }),
      line({ model: null }),
      line({ usage: null }),
      line().trimEnd(),
    ];
    const { code, out, err } = await price(input);
    expect([code, err]).toEqual([0, ""]);
    const answers = out
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text) as unknown);
    expect(answers).toEqual([4500, null, 30_105, 800, null, null, 4500].map((microdollars) => ({ microdollars })));
  });

  it("reads lines that arrive in pieces, inside characters and with text that looks like the end of a line", async () => {
    const bytes = Buffer.from(line({ model: "gr\u00fc\u00dfe\u2028" }) + line());
    const pieces = Array.from(bytes, (byte) => Buffer.from([byte]));
    expect(await price(pieces)).toEqual({ code: 0, err: "", out: '{"microdollars":null}\n{"microdollars":4500}\n' });
    expect(await price([])).toEqual({ code: 0, err: "", out: "" });
  });

  it("answers while the input is still open", async () => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const done = runProgram(["price"], { stdin, stdout, stderr, env: {}, cwd: folder } as never);
    stdin.write(line());
    const answer = await new Promise((resolve) => stdout.once("data", (chunk: Buffer) => resolve(chunk.toString())));
    expect(answer).toBe('{"microdollars":4500}\n');
    stdin.end();
    expect(await done).toBe(0);
  });

  it("answers an account that cannot be believed with null, names it, goes on and exits 1", async () => {
    const lie = line({ usage: { prompt_tokens: -1000, completion_tokens: 200 } });
    const { code, out, err } = await price([line(), lie, line()]);
    expect([code, out]).toEqual([1, '{"microdollars":4500}\n{"microdollars":null}\n{"microdollars":4500}\n']);
    expect(err).toBe("charter: line 2: the provider reports a count at /prompt_tokens that is not a count\n");
  });

  const bad: readonly (readonly [string, string])[] = [
    ["nonsense\n", "it is not JSON"],
    ["[]\n", "it is not a JSON object"],
    [line({ provider: "" }), "provider must be a name"],
    [line({ model: undefined }), "model must be a name, or null"],
    [line({ usage: [] }), "usage must be an object, or null"],
    [line({ usage: undefined }), "usage must be an object, or null"],
    [line({ att: "2026-01-31T12:00:00Z" }), 'unknown key "att"; did you mean "at"?'],
    [line({ at: "2026-01-31" }), "at must be an instant"],
    [line({ at: "2026-13-31T12:00:00Z" }), "at must be an instant"],
    [`"${"x".repeat(5_000_000)}`, "it is too long"],
  ];
  it.each(bad)("stops at a line that is no question, after the answers before it: %.60j", async (text, message) => {
    const { code, out, err } = await price([line(), "\n", text, line()]);
    expect([code, out]).toEqual([1, '{"microdollars":4500}\n']);
    expect(err).toContain(`charter: line 3: ${message}`);
  });

  it("takes prices of a file first", async () => {
    const row =
      "- {provider: openai, model: gpt-4o, inputMicrodollarsPerMillion: 0, outputMicrodollarsPerMillion: 5000000}\n";
    await writeFile(join(folder, "ours.yaml"), row);
    expect(await price([line()], ["--prices", "ours.yaml"])).toEqual({
      code: 0,
      err: "",
      out: '{"microdollars":1000}\n',
    });
  });

  const files: readonly (readonly [string, string, string])[] = [
    ["no YAML", "- {", "bad.yaml:"],
    ["no list", "prices: 5\n", "bad.yaml:1:1: the list: the prices must be a list"],
    [
      "a wrong price",
      "- provider: a\n  model: b\n  inputMicrodollarsPerMillion: -5\n",
      "bad.yaml:3:32: /0/inputMicrodollarsPerMillion",
    ],
  ];
  it.each(files)("refuses a file of prices with %s and says where", async (_what, text, message) => {
    await writeFile(join(folder, "bad.yaml"), text);
    const { code, out, err } = await price([line()], ["--prices", "bad.yaml"]);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(message);
  });

  it("says so when the file of prices is not there", async () => {
    const { code, err } = await price([line()], ["--prices", "absent.yaml"]);
    expect(code).toBe(1);
    expect(err).toContain("absent.yaml");
  });
});
