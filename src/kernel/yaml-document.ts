// A YAML text with positions, so that whatever is wrong with a value can be said with its line and column.
// It promises plain JSON data: no anchors, tags or merge keys, no duplicate keys, no number that would be rounded.
import { isAlias, isMap, isPair, isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { Document, Node } from "yaml";
import type { Json } from "./canonical-json.ts";
import { maxJsonDepth, maxJsonNodes } from "./limits.ts";
import type { Problem } from "./problem.ts";

/** Where in a document: keys and indexes from the root. */
export type Path = readonly (string | number)[];

/** A parsed document; `data` is meaningful only when there are no problems. */
export interface YamlDocument {
  readonly data: Json;
  readonly problems: readonly Problem[];
  /** A problem at the value of a path, or at the key when `at` says so; the nearest parent stands in for what is absent. */
  problemAt(path: Path, message: string, at?: "key" | "value"): Problem;
}

/** Reads a YAML 1.2 text. Never throws; what is wrong is in `problems`. */
export function parseYaml(file: string, text: string): YamlDocument {
  try {
    return parse(file, text);
  } catch {
    // The parser recurses: text that nests beyond the stack is nothing that a person wrote.
    const problem = (message: string): Problem => ({ file, line: 1, column: 1, message });
    return {
      data: null,
      problems: [problem("the document cannot be parsed")],
      problemAt: (_path, message) => problem(message),
    };
  }
}

function parse(file: string, text: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, intAsBigInt: true, merge: false, prettyErrors: false });
  const problemHere = (offset: number, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  };
  const problems = [
    ...[...document.errors, ...document.warnings].map(({ pos, message }) => problemHere(pos[0], firstLine(message))),
    ...unacceptable(document).map(({ offset, message }) => problemHere(offset, message)),
  ];
  return {
    data: problems.length > 0 ? null : plain(document.toJS({ maxAliasCount: 0 }) as unknown),
    problems,
    problemAt: (path, message, at = "value") => problemHere(offsetOf(document, path, at), message),
  };
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0] ?? message;
}

/** What YAML allows and plain data does not. */
function unacceptable(document: Document): { offset: number; message: string }[] {
  const found: { offset: number; message: string }[] = [];
  let nodes = 0;
  visit(document, (_key, node, ancestors) => {
    const offset = (node as Partial<Node> | null)?.range?.[0] ?? 0;
    const refuse = (message: string): void => void found.push({ offset, message });
    if (++nodes > maxJsonNodes || ancestors.length > 2 * maxJsonDepth) {
      refuse("the document is too large or too deep");
      return visit.BREAK;
    }
    if (isAlias(node)) refuse("aliases are not allowed; write the value out");
    if (isPair(node) && !(isScalar(node.key) && typeof node.key.value === "string")) {
      found.push({ offset: offsetOfKey(node.key) ?? offset, message: "a key must be text; put it in quotes" });
    }
    if (isScalar(node)) {
      const { value } = node;
      if (typeof value === "bigint" && !Number.isSafeInteger(Number(value))) refuse("an integer is beyond 2^53-1");
      if (typeof value === "number" && !Number.isFinite(value)) refuse("a number is not finite");
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) refuse("an integer is beyond 2^53-1");
    }
    return undefined;
  });
  return found;
}

/** The document's integers, read as bigint so that none was rounded unseen, as ordinary numbers. */
function plain(value: unknown): Json {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function offsetOfKey(key: unknown): number | undefined {
  return (key as Partial<Node> | null)?.range?.[0];
}

function offsetOf(document: Document, path: Path, at: "key" | "value"): number {
  const last = path.at(-1);
  if (at === "key" && last !== undefined) {
    const parent = document.getIn(path.slice(0, -1), true);
    const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === last) : undefined;
    const offset = offsetOfKey(pair?.key);
    if (offset !== undefined) return offset;
  }
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    const range = (node as Partial<Node> | null | undefined)?.range;
    if (range) return range[0];
  }
  return 0;
}
