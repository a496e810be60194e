// Error codes: each is raised somewhere, each has one status, and no domain's table repeats another's code.
import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { errorCodes, statusOf } from "../../src/http/index.ts";
import type { ErrorCode } from "../../src/http/index.ts";

const codes = Object.keys(errorCodes) as ErrorCode[];
const sources = globSync("src/**/*.ts").filter((file) => !file.endsWith(".test.ts"));
const tables = sources.filter((file) => /(\/errors|status)\.ts$/.test(file));
const raising = sources.filter((file) => !tables.includes(file)).map((file) => readFileSync(file, "utf8"));

describe("error codes", () => {
  it("are many enough for the walk to mean something", () => {
    expect(codes.length).toBeGreaterThan(40);
    expect(raising.length).toBeGreaterThan(80);
  });

  for (const code of codes) {
    it(`are raised somewhere: ${code}`, () => {
      expect(raising.some((text) => text.includes(`"${code}"`))).toBe(true);
    });
  }

  it("have a status of 4xx or 5xx each, and no status is left over", () => {
    for (const status of Object.values(statusOf)) expect(status).toSatisfy((s: number) => s >= 400 && s < 600);
    expect(Object.keys(statusOf).toSorted()).toEqual(codes.toSorted());
  });

  it("stand in one table each", () => {
    const declared = tables.flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/^ {2}"([a-z_]+\.[a-z_]+)": "/gm)].map((match) => match[1]),
    );
    expect(declared.length).toBe(new Set(declared).size);
  });
});
