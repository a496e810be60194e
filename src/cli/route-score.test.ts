// `charter route score`: answers in order, a bad line named, both analysers.
import { PassThrough, Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { runProgram } from "./program.ts";

/** Runs `charter route score` with a stdin; resolves with its exit code and what it printed. */
async function score(input: Iterable<string | Buffer>, ...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const printed = { out: "", err: "" };
  stdout.on("data", (chunk: Buffer) => (printed.out += chunk.toString()));
  stderr.on("data", (chunk: Buffer) => (printed.err += chunk.toString()));
  const stdin = Readable.from(input);
  const io = { stdin, stdout: stdout as never, stderr: stderr as never, env: {}, cwd: "." };
  const code = await runProgram(["route", "score", ...args], io);
  const answers = printed.out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { score: number; level: number });
  return { code, answers, err: printed.err };
}

const [small, grave] = ['{"prompt":"thanks"}', '{"prompt":"Prove the theorem that the field is closed."}'];

describe("charter route score", () => {
  it("answers each line in order, whatever else the line holds", async () => {
    const { code, answers } = await score([`${small}\n\n${grave}\n`, '{"prompt":"hi","weak":1}']);
    expect(code).toBe(0);
    expect(answers.map(({ level }) => level)).toEqual([1, 5, 1]);
    expect(Object.keys(answers[0] ?? {})).toEqual(["score", "level"]);
  });

  it("reads lines that arrive in pieces, also inside a character", async () => {
    const bytes = Buffer.from('{"prompt":"你好"}\n');
    const { answers } = await score([...bytes].map((byte) => Buffer.of(byte)));
    expect(answers).toEqual([{ score: 0, level: 1 }]);
  });

  for (const [what, line, complaint] of [
    ["no JSON", "{", "it is not JSON"],
    ["a list", "[]", "it is not a JSON object"],
    ["without a prompt", '{"text":"hi"}', "prompt must be a text"],
    ["whose prompt is a number", '{"prompt":1}', "prompt must be a text"],
  ] as const) {
    it(`names a line that is ${what}, after the answers before it`, async () => {
      const { code, answers, err } = await score([`${small}\n${line}\n${grave}\n`]);
      expect({ code, count: answers.length, err }).toEqual({
        code: 1,
        count: 1,
        err: `charter: line 2: ${complaint}\n`,
      });
    });
  }

  it("applies the keyword rules when asked", async () => {
    const { answers } = await score(['{"prompt":"machine"}'], "--analyser", "classic");
    expect(answers).toEqual([{ score: 0, level: 1 }]);
  });

  it("refuses an analyser that it does not know", async () => {
    const { code, err } = await score([small], "--analyser", "oracle");
    expect(code).toBe(2);
    expect(err).toContain("--analyser must be calibrated or classic");
  });
});
