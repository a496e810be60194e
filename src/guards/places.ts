// Where in a call a provider's seal or the bytes of a medium may stand: at exact places of the dialect's schema, in a record of
// the right type, in a turn of the right role. A value of the same name anywhere else is text like any other.
import { frontDialects } from "../models/index.ts";
import type { DialectName, FrontDialect, ModelCall, Place } from "../models/index.ts";

/** What a text is, by where it stands. */
export type PlaceKind = "text" | "seal" | "media";

/** A record or list on the way to a text, outermost first, with the key or index that leads on from it. */
export interface Step {
  readonly value: object;
  readonly key: string | number;
}

type Fields = Readonly<Record<string, unknown>>;

type Table = Readonly<Partial<Record<DialectName, ReadonlyMap<string, Place>>>>;

/** Places in bodies and in replies, by dialect. */
const bodies = tableOf(({ inCall }) => inCall);
const replies = tableOf(({ inReply }) => inReply);

function tableOf(which: (places: NonNullable<FrontDialect["places"]>) => readonly Place[]): Table {
  const fronts = Object.values(frontDialects).filter(({ places }) => places !== undefined);
  return Object.fromEntries(
    fronts.map(({ name, places }) => [name, new Map(places && which(places).map((place) => [place.path, place]))]),
  );
}

/** The last names of all places: a text under any other is text. */
const names: ReadonlySet<string> = new Set(
  [...Object.values(bodies), ...Object.values(replies)].flatMap((places) =>
    [...places.keys()].map((path) => path.slice(path.lastIndexOf("/") + 1)),
  ),
);
/** The same for parts in the neutral form. */
const partNames: ReadonlySet<string> = new Set(["data", "url", "signature", "redacted"]);

/** Says what a text is, from the steps that lead to it. */
export type PlaceReader = (steps: () => readonly Step[], key: string) => PlaceKind;

/** For values that hold neither seals nor media. */
export const textOnly: PlaceReader = () => "text";

/** For the body of a call in a dialect. */
export function placesInBody(dialect: DialectName): PlaceReader {
  return placesAmong(bodies[dialect]);
}

/** For what a JSON pointer names in the body of a call. */
export function placesUnder({ dialect, raw }: ModelCall, pointer: string): PlaceReader {
  const above: Step[] = [];
  let value: unknown = raw;
  for (const step of pointer.split("/").slice(1)) {
    if (typeof value !== "object" || value === null) break;
    const key = Array.isArray(value) ? Number(step) : step.replaceAll("~1", "/").replaceAll("~0", "~");
    above.push({ value, key });
    value = (value as Readonly<Record<string | number, unknown>>)[key];
  }
  const places = placesInBody(dialect);
  return (steps, key) => places(() => [...above, ...steps()], key);
}

/** For the body of a reply in a dialect. */
export function placesInReply(dialect: DialectName): PlaceReader {
  return placesAmong(replies[dialect]);
}

function placesAmong(places: ReadonlyMap<string, Place> | undefined): PlaceReader {
  if (places === undefined) return textOnly;
  return (steps, key) => (names.has(key) ? kindIn(places, steps()) : "text");
}

function kindIn(places: ReadonlyMap<string, Place>, steps: readonly Step[]): PlaceKind {
  const place = places.get(steps.map(({ key }) => (typeof key === "number" ? "*" : key)).join("/"));
  if (place === undefined) return "text";
  const { type, above = 0, role } = place;
  if (type !== undefined && !type.includes(wordOf(steps.at(-1 - above), "type"))) return "text";
  return role === undefined || wordOf(steps[2], "role") === role ? place.kind : "text";
}

function wordOf(step: Step | undefined, key: string): string {
  const word = (step?.value as Fields | undefined)?.[key];
  return typeof word === "string" ? word : "";
}

/** For parts of the neutral form: seals stand in reasoning of the assistant, media in pictures, sounds and files. */
export function placesInPart(isAssistant: boolean): PlaceReader {
  return isAssistant ? placesInAssistant : placesInOthers;
}

const placesInAssistant: PlaceReader = (steps, key) => (partNames.has(key) ? kindInPart(steps(), key, true) : "text");
const placesInOthers: PlaceReader = (steps, key) => (partNames.has(key) ? kindInPart(steps(), key, false) : "text");

function kindInPart(steps: readonly Step[], key: string, isAssistant: boolean): PlaceKind {
  // Parts stand in parts only as what a tool returned.
  const inner = steps.filter(({ key: each }) => typeof each !== "number" && each !== "parts");
  const last = steps.at(-1);
  if (key === "signature" || key === "redacted") {
    return isAssistant && inner.length === 1 && wordOf(last, "kind") === "reasoning" ? "seal" : "text";
  }
  if (inner.length === 1) return key === "data" && wordOf(last, "kind") === "audio" ? "media" : "text";
  const part = steps.at(-2);
  const holds = inner.length === 2 && part?.key === "source" && ["image", "file"].includes(wordOf(part, "kind"));
  return holds ? "media" : "text";
}
