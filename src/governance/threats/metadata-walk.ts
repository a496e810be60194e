// A walk over parsed JSON that hostile input cannot make long or deep: no recursion, bounded depth, bounded nodes.
import { maxJsonDepth } from "../../kernel/limits.ts";

/** Most keys and elements in the metadata of one request; honest metadata of 64 KiB holds a tenth of it. */
const maxMetadataNodes = 20_000;

/** Where a value lies: its key and the container around it. */
export interface Place {
  readonly key: string;
  readonly parent: Place | undefined;
  /** 1 for the root. */
  readonly depth: number;
  /** The top-level field it belongs to; the root belongs to the field "". */
  readonly field: string;
}

/** What a walk is told about the things it meets. */
export interface Visitor {
  /** A key of an object, with the value it names; the keys of one object come before what lies deeper. */
  name(place: Place, value: unknown): void;
  /** Any value that is not an array or object. */
  scalar(place: Place, value: unknown): void;
}

/** How a walk ended: at the end, or at the bound that stopped it; `bytes` is the length as minimal JSON of what was seen. */
export interface Walked {
  readonly stopped: { readonly bound: "depth" | "nodes" | "bytes"; readonly place: Place } | undefined;
  readonly bytes: number;
  /** Length as minimal JSON of each array or object that is a top-level field, by its name, and of the root by "". */
  readonly fieldBytes: ReadonlyMap<string, number>;
}

/** Walks a JSON value, at most to `maxDepth` and to the value that brings the length beyond `maxBytes`. */
export function walkJson(root: unknown, visitor: Visitor, maxBytes = Infinity, maxDepth = maxJsonDepth): Walked {
  const fieldBytes = new Map<string, number>();
  let bytes = 0;
  const count = (field: string | undefined, length: number): void => {
    bytes += length;
    if (field !== undefined) fieldBytes.set(field, (fieldBytes.get(field) ?? 0) + length);
  };
  const start: Place = { key: "", parent: undefined, depth: 1, field: "" };
  const stack: { readonly place: Place; readonly value: unknown }[] = [{ place: start, value: root }];
  let nodes = 1;
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { place, value } = next;
    if (typeof value !== "object" || value === null) {
      count(place.depth === 2 ? undefined : place.field, jsonBytes(value));
      visitor.scalar(place, value);
      if (bytes > maxBytes) return { stopped: { bound: "bytes", place }, bytes, fieldBytes };
      continue;
    }
    if (place.depth > maxDepth) return { stopped: { bound: "depth", place }, bytes, fieldBytes };
    const isArray = Array.isArray(value);
    const keys = Object.keys(value);
    nodes += keys.length;
    if (nodes > maxMetadataNodes) return { stopped: { bound: "nodes", place }, bytes, fieldBytes };
    count(place.field, 2 + Math.max(0, keys.length - 1));
    const children = keys.map((key) => ({
      place: childOf(place, key),
      value: (value as Record<string, unknown>)[key],
    }));
    if (!isArray) {
      for (const child of children) {
        count(place.parent ? place.field : undefined, jsonBytes(child.place.key) + 1);
        visitor.name(child.place, child.value);
      }
    }
    // Pushed backwards, so that they are popped in the order of the document.
    for (const child of children.toReversed()) stack.push(child);
  }
  return { stopped: undefined, bytes, fieldBytes };
}

function childOf(parent: Place, key: string): Place {
  return { key, parent, depth: parent.depth + 1, field: parent.parent ? parent.field : key };
}

/** Length of a scalar as JSON; a long string's is estimated from below, since only its being long matters. */
function jsonBytes(value: unknown): number {
  if (typeof value === "string") {
    return value.length > longText ? Buffer.byteLength(value) + 2 : Buffer.byteLength(JSON.stringify(value));
  }
  return String(value).length;
}

/** Characters from which escapes are no longer counted. */
const longText = 64 * 1024;

/** Longest pointer that is reported, characters. */
const maxPointer = 200;

/** A place as a JSON pointer (RFC 6901) below `/metadata`, invisible characters spelled out, cut when very long. */
export function pointerOf(place: Place): string {
  const parts: string[] = [];
  for (let at: Place | undefined = place; at?.parent; at = at.parent) parts.push(pointerPart(at.key));
  const pointer = ["/metadata", ...parts.toReversed()].join("/");
  return pointer.length > maxPointer ? `${pointer.slice(0, maxPointer).toWellFormed()}...` : pointer;
}

function pointerPart(key: string): string {
  const escaped = key.slice(0, maxPointer).replaceAll("~", "~0").replaceAll("/", "~1");
  const spelled = (character: string) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`;
  return escaped.replace(/[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/gu, spelled);
}
