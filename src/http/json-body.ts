// Reads JSON from strangers: bounded in bytes, depth and nodes, valid UTF-8, and never executed as anything.
import { maxJsonDepth, maxJsonNodes } from "../kernel/limits.ts";
import { httpFault } from "./errors.ts";

/**
 * Parses one JSON document.
 * @throws `request.malformed` with the parser's position, `request.too_deep`, or `request.too_many_nodes`.
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw httpFault("request.malformed", "the body is not valid UTF-8");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const position = error instanceof Error ? /position \d+(?: \(line \d+ column \d+\))?/.exec(error.message)?.[0] : "";
    throw httpFault("request.malformed", `the body is not JSON${position ? `: ${position}` : ""}`);
  }
  measure(value);
  return value;
}

/** Walks a document without recursion and refuses one that is too deep or has too many nodes. */
function measure(document: unknown): void {
  const waiting: [value: unknown, depth: number][] = [[document, 0]];
  let nodes = 1;
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [value, depth] = next;
    if (typeof value !== "object" || value === null) continue;
    if (depth >= maxJsonDepth) {
      throw httpFault("request.too_deep", `the body is nested deeper than ${maxJsonDepth}`, { limit: "maxJsonDepth" });
    }
    const children: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
    // Counted before they are queued, so that a wide document costs no more than the limit.
    nodes += children.length;
    if (nodes > maxJsonNodes) {
      throw httpFault("request.too_many_nodes", `the body holds more than ${maxJsonNodes} values`, {
        limit: "maxJsonNodes",
        remedy: "send the document as streamed content instead of a JSON payload",
      });
    }
    for (const child of children) {
      if (typeof child === "object" && child !== null) waiting.push([child, depth + 1]);
    }
  }
}
