// Media as the OpenAI dialects spell it: one string that is either a URL or a `data:` URL (RFC 2397) with the bytes.
import type { MediaSource } from "../conversation.ts";
import { invalid } from "../wire/faults.ts";

const base64Mark = ";base64";

/** Reads a URL; a `data:` URL becomes inline bytes, and one that is not in base64 is undefined. */
export function parseMedia(url: string): MediaSource | undefined {
  if (!url.startsWith("data:")) return { kind: "url", url };
  const comma = url.indexOf(",");
  const head = comma === -1 ? "" : url.slice("data:".length, comma);
  if (!head.endsWith(base64Mark)) return undefined;
  const [mediaType = ""] = head.split(";", 1);
  return { kind: "base64", mediaType: mediaType === "" ? "text/plain" : mediaType, data: url.slice(comma + 1) };
}

/** The same for what a caller sent. @throws `dialect.invalid` for a `data:` URL that is not in base64. */
export function readMedia(url: string, at: string): MediaSource {
  const source = parseMedia(url);
  if (source === undefined) throw invalid(at, `${at} must be a data URL in base64`);
  return source;
}

/** Writes media as one URL. */
export function writeMedia(source: MediaSource): string {
  return source.kind === "url" ? source.url : `data:${source.mediaType}${base64Mark},${source.data}`;
}
