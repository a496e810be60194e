// What untrusted JSON may hold, and the refusal of what holds more.
import { below } from "./json-pointer.ts";
import {
  maxJsonContainers,
  maxJsonDepth,
  maxJsonKeyBytes,
  maxJsonKeys,
  maxJsonNodes,
  maxJsonNumberBytes,
} from "./limits.ts";

/** Bounds of one document. */
export interface JsonBounds {
  /** Deepest nesting. */
  readonly depth: number;
  /** Most values altogether, and most lists and records among them. */
  readonly nodes: number;
  readonly containers: number;
  /** Most keys of one record, and most of the outermost one. */
  readonly keys: number;
  readonly outerKeys: number;
  /** Whether a key that stands twice in one record is refused. Otherwise the last one counts, as with JSON.parse. */
  readonly uniqueKeys?: boolean;
  /** Whether numbers that a double cannot hold are kept as they were written: see json-number.ts. */
  readonly keepsDigits?: boolean;
  /** Whether a fraction that a double cannot hold is refused. An integer beyond 2^53-1 has no canonical form, which says so. */
  readonly refusesLostDigits?: boolean;
}

/** The bounds of a document of which nothing else is known. */
export const plainBounds: JsonBounds = {
  depth: maxJsonDepth,
  nodes: maxJsonNodes,
  containers: maxJsonContainers,
  keys: maxJsonKeys,
  outerKeys: maxJsonKeys,
};

/** What is wrong with a document. */
export type JsonFlaw =
  | "malformed"
  | "encoding"
  | "depth"
  | "nodes"
  | "containers"
  | "keys"
  | "outerKeys"
  | "keyBytes"
  | "numberBytes"
  | "duplicateKey"
  | "lostDigits";

/** Most characters of a key that a refusal names. */
const maxNamedChars = 64;

/** A text is not JSON, or holds more than it may. */
export class JsonRefusal extends Error {
  override readonly name = "JsonRefusal";
  readonly flaw: JsonFlaw;
  /** Where it is, as a JSON pointer; the empty string where that is not known. */
  readonly pointer: string;

  /**
   * @param position Of the byte at which it was found.
   * @param path The keys and indexes down to the key that stands twice.
   */
  constructor(flaw: JsonFlaw, position: number, most = 0, path: readonly (string | number)[] = []) {
    super(flaw === "malformed" ? `position ${position}` : flaws[flaw](most, path.at(-1)));
    this.flaw = flaw;
    this.pointer = path.reduce<string>(below, "");
  }
}

const flaws: Readonly<
  Record<Exclude<JsonFlaw, "malformed">, (most: number, key: string | number | undefined) => string>
> = {
  encoding: () => "is not valid UTF-8",
  depth: (most) => `is nested deeper than ${most}`,
  nodes: (most) => `holds more than ${most} values`,
  containers: (most) => `holds more than ${most} lists and records`,
  keys: (most) => `holds a record of more than ${most} keys`,
  outerKeys: (most) => `has more than ${most} fields`,
  keyBytes: () => `holds a key of more than ${maxJsonKeyBytes} bytes`,
  duplicateKey: (_, key = "") =>
    `holds the key ${JSON.stringify(String(key).slice(0, maxNamedChars))} twice in one record`,
  lostDigits: () => "holds a fraction of more digits than a double has",
  numberBytes: () => `holds a number of more than ${maxJsonNumberBytes} digits`,
};
