// Holds the reader to JSON.parse: the same values, the same refusals, however small its batches are.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonRefusal, plainBounds } from "./json-bounds.ts";
import type { JsonBounds } from "./json-bounds.ts";
import { readJson } from "./json-reader.ts";
import { atOnce, TimeSlice } from "./time-slice.ts";

const wide: JsonBounds = { depth: 100, nodes: 1e6, containers: 1e6, keys: 1e6, outerKeys: 1e6 };

function read(text: string, batch?: number, bounds = wide): unknown {
  return atOnce(readJson(Buffer.from(text), bounds, new TimeSlice(), batch));
}

/** What a reader makes of a text: its value as text, or that it is none. */
function outcome(of: () => unknown): string {
  try {
    return JSON.stringify(of());
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof JsonRefusal && error.flaw === "malformed")) return "none";
    throw error;
  }
}

// No key is a backslash: V8 14 and older now and then take the key `"\""` for it, once they have seen one.
const key = fc.oneof(
  fc.string({ maxLength: 6 }).filter((name) => !name.includes("\\")),
  fc.constantFrom("__proto__", "1", "0", "a", 'q"', "toJSON"),
);
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    tie("list"),
    tie("record"),
  ),
  list: fc.array(tie("value"), { maxLength: 6 }),
  record: fc.array(fc.tuple(key, tie("value")), { maxLength: 6 }).map((rows) => new Map(rows)),
}));

/** JSON with white space and keys twice, which JSON.stringify never writes. */
function written(value: unknown, space: string): string {
  if (Array.isArray(value))
    return `[${space}${value.map((each) => written(each, space)).join(`${space},${space}`)}${space}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  const rows = [...value, ...[...value].slice(0, 1)] as [string, unknown][];
  return `{${rows.map(([name, each]) => `${space}${JSON.stringify(name)}${space}:${space}${written(each, space)}`).join(",")}${space}}`;
}

describe("the reader of JSON", () => {
  it("leaves long white space out, wherever it stands, and takes it for no more than white space", () => {
    const tokens = ["{", '"a"', ":", "[", "1", ",", "true", ",", '"x y"', "]", ",", '"b"', ":", "{", "}", "}"];
    const text = tokens.join("");
    for (let at = 0; at <= tokens.length; at++) {
      for (const length of [1023, 1024, 5000, 20_000]) {
        const spaced = [...tokens.slice(0, at), " \n".repeat(length), ...tokens.slice(at)].join("");
        expect(JSON.stringify(read(spaced)), `${length} at ${at}`).toBe(text);
        expect(JSON.stringify(read(spaced, 2000)), `${length} at ${at}`).toBe(text);
      }
    }
    const space = " ".repeat(5000);
    for (const broken of [`[tr${space}ue]`, `[1${space}2]`, `[1${space}]${space}x`, `{"a"${space}1}`, `[${space},1]`]) {
      expect(
        outcome(() => read(broken)),
        broken.trim().slice(0, 3),
      ).toBe("none");
    }
  });

  it("gives the values that JSON.parse gives", () => {
    fc.assert(
      fc.property(
        anyValue,
        fc.constantFrom("", " ", "\n\t "),
        fc.constantFrom(16, 20, 40, 100),
        (value, space, batch) => {
          const text = written(value, space);
          expect(outcome(() => read(text, batch))).toBe(outcome(() => JSON.parse(text)));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it("refuses what JSON.parse refuses, when bytes were added, lost or changed", () => {
    const slips = fc.constantFrom(
      "",
      ",",
      ":",
      "[",
      "]",
      "{",
      "}",
      '"',
      "\\",
      "1",
      " ",
      "n",
      "-",
      "\\u12",
      "\u0001",
      "null",
    );
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.nat(3), slips, fc.constantFrom(16, 40), (value, place, lost, slip, batch) => {
        const whole = written(value, " ");
        const at = place % (whole.length + 1);
        const text = (whole.slice(0, at) + slip + whole.slice(at + lost)).toWellFormed();
        try {
          expect(outcome(() => read(text, batch))).toBe(outcome(() => JSON.parse(text)));
        } catch (error) {
          // A slip may make a key longer than the batch.
          if (!(error instanceof JsonRefusal)) throw error;
        }
      }),
      { numRuns: 6000 },
    );
  });

  it("reads long texts with any escapes and characters", () => {
    const unit = ["a", '\\"', "\\\\", "\\n", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "é", "😀", "ὀ"];
    for (const each of unit) {
      for (let before = 0; before < 8; before++) {
        const text = `{"k":["${"x".repeat(before)}${each.repeat(5000)}",1],"l":2}`;
        expect(read(text)).toEqual(JSON.parse(text));
      }
    }
  });

  it.each([
    ["depth", { depth: 3 }, "[[[[1]]]]"],
    ["nodes", { nodes: 5 }, "[1,2,3,4,5,6]"],
    ["containers", { containers: 3 }, "[[],[],[]]"],
    ["keys", { keys: 2 }, '[{"a":1,"b":2,"c":3}]'],
    ["outerKeys", { outerKeys: 2 }, '{"a":1,"b":2,"c":3}'],
  ] as const)("refuses a document beyond its bound of %s, and takes one at it", (flaw, bound, text) => {
    expect(() => read(text, undefined, { ...wide, ...bound })).toThrow(expect.objectContaining({ flaw }));
    const one = Object.fromEntries(Object.entries(bound).map(([name, most]) => [name, most + 2]));
    expect(read(text, undefined, { ...wide, ...one })).toEqual(JSON.parse(text));
  });

  describe("where keys must be unique", () => {
    const unique = { ...wide, uniqueKeys: true };
    const flawOf = (text: string, batch?: number): string | undefined => {
      try {
        read(text, batch, unique);
        return undefined;
      } catch (error) {
        return error instanceof JsonRefusal ? `${error.flaw} ${error.pointer}` : String(error);
      }
    };

    /** A document with the pointer to its first key that stands twice. */
    interface Doc {
      readonly text: string;
      readonly twice: string | undefined;
    }
    const spelled = (name: string, isEscaped: boolean): string =>
      isEscaped
        ? `"${name
            .split("")
            .map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`)
            .join("")}"`
        : JSON.stringify(name);
    const { doc } = fc.letrec<{ doc: Doc }>((tie) => ({
      doc: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom('"a"', "1", "null", '":,{"', '"\\\\"').map((text) => ({ text, twice: undefined })),
        fc.array(tie("doc"), { maxLength: 4 }).map((docs) => {
          const first = docs.findIndex(({ twice }) => twice !== undefined);
          return {
            text: `[${docs.map(({ text }) => text).join(", ")}]`,
            twice: first === -1 ? undefined : `/${first}${docs[first]?.twice}`,
          };
        }),
        fc
          .array(fc.tuple(fc.constantFrom("a", "b", "é", "__proto__", "x/y", ...range(12)), fc.boolean(), tie("doc")), {
            maxLength: 14,
          })
          .map((rows) => {
            const seen = new Set<string>();
            let twice: string | undefined;
            for (const [name, , inner] of rows) {
              const at = `/${name.replaceAll("/", "~1")}`;
              twice ??= seen.has(name) ? at : inner.twice === undefined ? undefined : at + inner.twice;
              seen.add(name);
            }
            const text = rows.map(([name, isEscaped, inner]) => `${spelled(name, isEscaped)} : ${inner.text}`);
            return { text: `{${text.join(",")}}`, twice };
          }),
      ),
    }));

    it("refuses exactly the records that have one twice, and says where", () => {
      fc.assert(
        fc.property(doc, fc.constantFrom(undefined, 80, 200), ({ text, twice }, batch) => {
          expect(flawOf(text, batch)).toBe(twice === undefined ? undefined : `duplicateKey ${twice}`);
          if (twice === undefined) expect(read(text, batch, unique)).toEqual(JSON.parse(text));
        }),
        { numRuns: 2000 },
      );
    });

    it("names the key", () => {
      expect(() => read('{"a":[{"role":1,"role":2}]}', undefined, unique)).toThrow(
        'holds the key "role" twice in one record',
      );
    });

    it("finds one in a record that is longer than a batch", () => {
      const rows = Array.from({ length: 5000 }, (_, i) => `"key ${i}":{"a":1}`);
      expect(flawOf(`{${rows.join(",")}}`)).toBeUndefined();
      expect(flawOf(`{${[...rows, '"key 17":1'].join(",")}}`)).toBe("duplicateKey /key 17");
    });

    it("refuses what JSON.parse refuses, whatever its keys are", () => {
      for (const text of ['{"a":1,"b"}', '{"a" "a":1}', "{,}", '{"a":1,}', '{"\\x":1}', '{"a', "{1:2}"]) {
        expect(flawOf(text)).toMatch(/^(malformed|duplicateKey)/);
      }
    });
  });

  it("refuses keys and numbers that nobody writes", () => {
    expect(() => read(`{"${"k".repeat(20_000)}":1}`)).toThrow(expect.objectContaining({ flaw: "keyBytes" }));
    expect(() => read(`[${"1".repeat(2000)}]`)).toThrow(expect.objectContaining({ flaw: "numberBytes" }));
  });

  it("yields in the middle of everything that is long", () => {
    const long = {
      text: `"${"x".repeat(5e6)}"`,
      escapes: `"${"\\n".repeat(2e6)}"`,
      space: `${" ".repeat(5e6)}1`,
      numbers: `[${"1,".repeat(200_000)}1]`,
      keys: `{${Array.from({ length: 9000 }, (_, i) => `"some key of length ${i}":{}`).join(",")}}`,
    };
    for (const [name, text] of Object.entries(long)) {
      const stretch = new TimeSlice();
      let yields = 0;
      // Every look is over its time.
      stretch.isOver = () => true;
      const steps = readJson(Buffer.from(text), plainBounds, stretch);
      while (steps.next().done !== true) yields++;
      expect(yields, name).toBeGreaterThan(text.length / 40_000);
    }
  });
});

function range(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}
