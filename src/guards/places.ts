// Where in a call a provider's seal or the bytes of a medium may stand: at exact places of the dialect's schema, in a record of
// the right type, in a turn of the right role. A value of the same name anywhere else is text like any other.
import type { DialectName } from "../models/index.ts";

/** What a text is, by where it stands. */
export type PlaceKind = "text" | "seal" | "media";

/** A record or list on the way to a text, outermost first, with the key or index that leads on from it. */
export interface Step {
  readonly value: object;
  readonly key: string | number;
}

type Fields = Readonly<Record<string, unknown>>;

/** A place: its path with `*` for any index, and what the records on it must say, from the innermost outwards. */
interface Place {
  readonly kind: "seal" | "media";
  readonly path: string;
  readonly type?: readonly string[];
  /** How far above the text the record with that type stands; 0 is the record that holds the text. */
  readonly above?: number;
  /** The role of the turn, which is the third step of a path through messages. */
  readonly role?: "assistant";
}

const chat: readonly Place[] = [
  { kind: "media", path: "messages/*/content/*/image_url/url", type: ["image_url"], above: 1 },
  { kind: "media", path: "messages/*/content/*/file/file_data", type: ["file"], above: 1 },
  { kind: "media", path: "messages/*/content/*/input_audio/data", type: ["input_audio"], above: 1 },
  // Google's own front in this dialect, and OpenRouter's.
  { kind: "seal", path: "messages/*/tool_calls/*/extra_content/google/thought_signature", role: "assistant" },
  { kind: "seal", path: "messages/*/extra_content/google/thought_signature", role: "assistant" },
  { kind: "seal", path: "messages/*/reasoning_details/*/data", type: ["reasoning.encrypted"], role: "assistant" },
  { kind: "seal", path: "messages/*/reasoning_details/*/signature", type: ["reasoning.text"], role: "assistant" },
];

const responses: readonly Place[] = [
  { kind: "media", path: "input/*/content/*/image_url", type: ["input_image"] },
  { kind: "media", path: "input/*/content/*/file_data", type: ["input_file"] },
  { kind: "media", path: "input/*/output/*/image_url", type: ["input_image"] },
  { kind: "media", path: "input/*/output/*/file_data", type: ["input_file"] },
  { kind: "seal", path: "input/*/encrypted_content", type: ["reasoning", "compaction"] },
];

const messages: readonly Place[] = [
  ...["", "content/*/", "source/content/*/", "content/*/source/content/*/"].map((inner): Place => ({
    kind: "media",
    path: `messages/*/content/*/${inner}source/data`,
    type: ["base64"],
  })),
  { kind: "seal", path: "messages/*/content/*/signature", type: ["thinking"], role: "assistant" },
  { kind: "seal", path: "messages/*/content/*/data", type: ["redacted_thinking"], role: "assistant" },
  {
    kind: "seal",
    path: "messages/*/content/*/content/*/encrypted_content",
    type: ["web_search_result"],
    role: "assistant",
  },
  {
    kind: "seal",
    path: "messages/*/content/*/citations/*/encrypted_index",
    type: ["web_search_result_location"],
    role: "assistant",
  },
];

/** Places in replies, as providers send them. */
const chatReply: readonly Place[] = [
  { kind: "media", path: "choices/*/message/audio/data" },
  { kind: "media", path: "choices/*/message/images/*/image_url/url", type: ["image_url"], above: 1 },
  { kind: "seal", path: "choices/*/message/tool_calls/*/extra_content/google/thought_signature" },
  { kind: "seal", path: "choices/*/message/extra_content/google/thought_signature" },
  { kind: "seal", path: "choices/*/message/reasoning_details/*/data", type: ["reasoning.encrypted"] },
  { kind: "seal", path: "choices/*/message/reasoning_details/*/signature", type: ["reasoning.text"] },
];

const responsesReply: readonly Place[] = [
  { kind: "media", path: "output/*/result", type: ["image_generation_call"] },
  { kind: "seal", path: "output/*/encrypted_content", type: ["reasoning", "compaction"] },
];

const messagesReply: readonly Place[] = [
  { kind: "seal", path: "content/*/signature", type: ["thinking"] },
  { kind: "seal", path: "content/*/data", type: ["redacted_thinking"] },
  { kind: "seal", path: "content/*/content/*/encrypted_content", type: ["web_search_result"] },
  { kind: "seal", path: "content/*/citations/*/encrypted_index", type: ["web_search_result_location"] },
  { kind: "seal", path: "content/*/content/encrypted_stdout", type: ["encrypted_code_execution_result"] },
  { kind: "seal", path: "content/*/encrypted_content", type: ["compaction"] },
];

/** Places in bodies, by dialect. */
const bodies: Readonly<Partial<Record<DialectName, ReadonlyMap<string, Place>>>> = {
  "openai-chat": byPath(chat),
  "openai-responses": byPath(responses),
  "anthropic-messages": byPath(messages),
};

const replies: typeof bodies = {
  "openai-chat": byPath(chatReply),
  "openai-responses": byPath(responsesReply),
  "anthropic-messages": byPath(messagesReply),
};

function byPath(places: readonly Place[]): ReadonlyMap<string, Place> {
  return new Map(places.map((place) => [place.path, place]));
}

/** The last names of all places: a text under any other is text. */
const names: ReadonlySet<string> = new Set(
  [...chat, ...responses, ...messages, ...chatReply, ...responsesReply, ...messagesReply].map(({ path }) =>
    path.slice(path.lastIndexOf("/") + 1),
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

/** What a provider may have sealed: letters of base64, behind the tags that Charter gives to seals it passes on. */
const seal = /^(?:(?:gemini|charter:signature|charter:redacted):){0,3}[A-Za-z0-9+/_-]{16,}={0,2}$/;

/** Whether a value has the form of a provider's seal. */
export function looksSealed(text: string): boolean {
  return seal.test(text);
}
