// Reads JSON from strangers: bounded in bytes, depth, values and keys, valid UTF-8, and never executed as anything. A long
// document is read in turns with everything else that the server does, and refused where it crosses a bound.
import { isUtf8 } from "node:buffer";
import { JsonRefusal, plainBounds } from "../kernel/json-bounds.ts";
import type { JsonBounds, JsonFlaw } from "../kernel/json-bounds.ts";
import { readInTurns } from "../kernel/json-turns.ts";
import { httpFault } from "./errors.ts";

/** Bytes up to which a document is parsed at once: it cannot be beyond the bounds of values and keys. */
const shortBytes = 16 * 1024;

/**
 * Parses one JSON document.
 * @throws `request.malformed`, with the parser's position where the document is short, `request.too_deep`, or
 * `request.too_many_nodes`.
 */
export function parseJson(bytes: Buffer, bounds: JsonBounds = plainBounds, signal?: AbortSignal): unknown {
  if (bytes.length <= shortBytes) return parseShortJson(bytes, bounds);
  return parseLong(bytes, bounds, signal);
}

/** Parses a document of at most 16 KiB, which is the most that headers hold. @throws As `parseJson` does. */
export function parseShortJson(bytes: Buffer, bounds: JsonBounds = plainBounds): unknown {
  if (!isUtf8(bytes)) throw refused(new JsonRefusal("encoding", 0));
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (error) {
    const position = error instanceof Error ? /position \d+(?: \(line \d+ column \d+\))?/.exec(error.message)?.[0] : "";
    throw httpFault("request.malformed", `the body is not JSON${position ? `: ${position}` : ""}`);
  }
  if (isDeeper(value, bounds.depth)) throw refused(new JsonRefusal("depth", 0, bounds.depth));
  const fields = typeof value === "object" && value !== null ? Object.keys(value).length : 0;
  if (fields > bounds.outerKeys && !Array.isArray(value)) {
    throw refused(new JsonRefusal("outerKeys", 0, bounds.outerKeys));
  }
  return value;
}

async function parseLong(bytes: Buffer, bounds: JsonBounds, signal?: AbortSignal): Promise<unknown> {
  try {
    return await readInTurns(bytes, bounds, signal);
  } catch (error) {
    throw error instanceof JsonRefusal ? refused(error) : error;
  }
}

/** Whether a value is nested more deeply than so many levels. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  for (const child of Object.values(value)) if (isDeeper(child, levels - 1)) return true;
  return false;
}

/** The names of the limits, as `kernel/limits.ts` has them. */
const limits: Readonly<Record<Exclude<JsonFlaw, "malformed" | "encoding">, string>> = {
  depth: "maxJsonDepth",
  nodes: "maxJsonNodes",
  containers: "maxJsonContainers",
  keys: "maxJsonKeys",
  outerKeys: "maxCallParameters",
  keyBytes: "maxJsonKeyBytes",
  numberBytes: "maxJsonNumberBytes",
};

function refused(refusal: JsonRefusal): Error {
  const { flaw, message } = refusal;
  if (flaw === "malformed") return httpFault("request.malformed", `the body is not JSON: ${message}`);
  if (flaw === "encoding") return httpFault("request.malformed", `the body ${message}`);
  const limit = limits[flaw];
  if (flaw === "depth") return httpFault("request.too_deep", `the body ${message}`, { limit });
  if (flaw === "keyBytes" || flaw === "numberBytes") {
    return httpFault("request.malformed", `the body ${message}`, { limit, remedy: "send long texts as values" });
  }
  return httpFault("request.too_many_nodes", `the body ${message}`, { limit, remedy: remedies[flaw] });
}

const remedies: Readonly<Record<"nodes" | "containers" | "keys" | "outerKeys", string>> = {
  nodes: "send less in one request; what is to be stored can be streamed as content",
  containers: "send less in one request; what is to be stored can be streamed as content",
  keys: "send records of fewer keys, or a list",
  outerKeys: "leave out the fields that the API does not know",
};
