// The most tokens that the media of a call can be: images by the deployment's rule, sound by its length, plain text by its
// bytes, and everything else by the deployment's rule for files, where it has one. Pure.
import type { BoundRules } from "../catalogue/index.ts";
import type { MediaSource, ModelCall, Part } from "../conversation.ts";
import { mostSecondsOf } from "./sound.ts";

/** What the media of a call come to. */
export interface MediaBound {
  readonly tokens: number;
  /** Characters of base64 that stand in the request and are counted by what they hold. */
  readonly inlineChars: number;
  readonly count: number;
  /** Something in it has no rule, and why. */
  readonly without: string | undefined;
}

/** What the media of a call come to at most. */
export function mediaBoundOf({ turns }: Pick<ModelCall, "turns">, rules: BoundRules): MediaBound {
  const sum = { tokens: 0, inlineChars: 0, count: 0, without: undefined as string | undefined };
  for (const { parts } of turns) for (const part of parts) addPart(sum, part, rules);
  return sum;
}

type Sum = { -readonly [Name in keyof MediaBound]: MediaBound[Name] };

function addPart(sum: Sum, part: Part, rules: BoundRules): void {
  switch (part.kind) {
    case "tool_result":
      for (const inner of part.parts) addPart(sum, inner, rules);
      return;
    case "image":
      if (!isImage(part.source)) addFile(sum, part.source, rules);
      else addCounted(sum, part.source.kind === "base64" ? part.source.data : "", rules.imageTokens);
      return;
    case "file":
      addFile(sum, part.source, rules);
      return;
    case "audio": {
      const seconds = mostSecondsOf(part.data);
      if (seconds === undefined) addUnknown(sum, part.data, "a recording of unknown length");
      else addCounted(sum, part.data, Math.ceil(seconds * rules.audioTokensPerSecond));
      return;
    }
    default:
  }
}

/** Endings of what some providers take for a document, a film or sound wherever its URL stands. */
const otherEndings =
  /\.(?:pdf|txt|html?|csv|md|xml|json|docx?|pptx?|xlsx?|mp4|mpe?g|mov|avi|webm|mkv|flv|wmv|3gpp?|mp3|wav|ogg|flac|m4a|aac)$/i;

function isImage(source: MediaSource): boolean {
  if (source.kind === "base64") return /^image\//i.test(source.mediaType);
  const [path = ""] = source.url.split(/[?#]/, 1);
  return !otherEndings.test(path) && !/^https?:\/\/(?:[^/]*\.)?(?:youtube\.com|youtu\.be)\//i.test(source.url);
}

/** Whether bytes begin as a document that holds more than it seems to, whatever they are called. */
function isPacked(base64: string): boolean {
  const head = Buffer.from(base64.slice(0, headChars), "base64");
  return head.includes("%PDF") || packedBeginnings.some((bytes) => head.subarray(0, bytes.length).equals(bytes));
}

/** Where readers of PDF look for its mark: within the first kilobyte. */
const headChars = 1400;
/** ZIP (and what offices write), gzip, and what offices wrote before. */
const packedBeginnings = ["504b", "1f8b", "d0cf11"].map((hex) => Buffer.from(hex, "hex"));

function addFile(sum: Sum, source: MediaSource, { fileTokens, imageTokens }: BoundRules): void {
  const [data, type] = source.kind === "base64" ? [source.data, source.mediaType] : ["", ""];
  // Plain text is counted where it stands in the request: it has more characters there than bytes.
  if (/^text\//i.test(type) && !isPacked(data)) sum.count++;
  else if (/^image\//i.test(type)) addCounted(sum, data, imageTokens);
  else if (fileTokens !== null) addCounted(sum, data, fileTokens);
  else addUnknown(sum, data, "a file of unknown length");
}

function addCounted(sum: Sum, data: string, tokens: number): void {
  sum.count++;
  sum.tokens += tokens;
  sum.inlineChars += data.length;
}

function addUnknown(sum: Sum, data: string, why: string): void {
  addCounted(sum, data, 0);
  sum.without ??= why;
}
