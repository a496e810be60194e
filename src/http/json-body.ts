// Reads the JSON of requests: bounded in bytes, depth, values and keys, valid UTF-8, and never executed as anything. A long
// document is read in turns with everything else that the server does, and refused where it crosses a bound.
//
// A key that stands twice in one record is refused: a filter before this server, or a provider behind it, could take another of
// the two values than this server did. So is a fraction whose digits would get lost, where they are not kept as they came.
import { JsonRefusal, plainBounds } from "../kernel/json-bounds.ts";
import type { JsonBounds, JsonFlaw } from "../kernel/json-bounds.ts";
import { readAtOnce, readInTurns } from "../kernel/json-turns.ts";
import { httpFault } from "./errors.ts";

/**
 * Parses one JSON document.
 * @throws `request.malformed`, which names a key that stands twice, `request.too_deep`, or `request.too_many_nodes`.
 */
export async function parseJson(
  bytes: Buffer,
  bounds: JsonBounds = plainBounds,
  signal?: AbortSignal,
): Promise<unknown> {
  try {
    const refusesLostDigits = bounds.keepsDigits !== true;
    return await readInTurns(bytes, { ...bounds, uniqueKeys: true, refusesLostDigits }, signal);
  } catch (error) {
    throw error instanceof JsonRefusal ? refused("body", error) : error;
  }
}

/** Parses in one go what a header holds, which is at most 16 KiB. @throws As `parseJson` does. */
export function parseHeaderJson(name: string, bytes: Buffer): unknown {
  try {
    return readAtOnce(bytes, { ...plainBounds, uniqueKeys: true, refusesLostDigits: true });
  } catch (error) {
    throw error instanceof JsonRefusal ? refused(name, error) : error;
  }
}

/** Most characters of the place that a refusal names. */
const maxPointerChars = 256;

/** The names of the limits, as `kernel/limits.ts` has them. */
const limits: Readonly<Record<Exclude<JsonFlaw, "malformed" | "encoding" | "duplicateKey" | "lostDigits">, string>> = {
  depth: "maxJsonDepth",
  nodes: "maxJsonNodes",
  containers: "maxJsonContainers",
  keys: "maxJsonKeys",
  outerKeys: "maxCallParameters",
  keyBytes: "maxJsonKeyBytes",
  numberBytes: "maxJsonNumberBytes",
};

/** @param where What holds the JSON: `body`, or the name of a header. */
function refused(where: string, { flaw, message, pointer }: JsonRefusal): Error {
  const what = where === "body" ? "the body" : where;
  if (flaw === "malformed") return httpFault("request.malformed", `${what} is not JSON: ${message}`);
  if (flaw === "encoding") return httpFault("request.malformed", `${what} ${message}`);
  if (flaw === "duplicateKey") {
    const at = `${where}${pointer}`.slice(0, maxPointerChars);
    return httpFault("request.malformed", `${what} ${message}`, { at, remedy: "send each key once" });
  }
  if (flaw === "lostDigits") {
    return httpFault("request.malformed", `${what} ${message}`, { remedy: "send it as a text, or with fewer digits" });
  }
  const limit = limits[flaw];
  if (flaw === "depth") return httpFault("request.too_deep", `${what} ${message}`, { limit });
  if (flaw === "keyBytes" || flaw === "numberBytes") {
    return httpFault("request.malformed", `${what} ${message}`, { limit, remedy: "send long texts as values" });
  }
  return httpFault("request.too_many_nodes", `${what} ${message}`, { limit, remedy: remedies[flaw] });
}

const remedies: Readonly<Record<"nodes" | "containers" | "keys" | "outerKeys", string>> = {
  nodes: "send less in one request; what is to be stored can be streamed as content",
  containers: "send less in one request; what is to be stored can be streamed as content",
  keys: "send records of fewer keys, or a list",
  outerKeys: "leave out the fields that the API does not know",
};
