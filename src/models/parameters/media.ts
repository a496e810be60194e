// Media that do not come with the call: by URL, which the provider fetches, and by an id, which lie with the provider.
import type { ParameterEffect } from "../../constitution/index.ts";
import type { ModelCall, Part } from "../conversation.ts";
import { isRecord, valueAt } from "./json.ts";
import type { Use } from "./use.ts";

/** Tells every use of media that do not come with the call. */
export function mediaUses({ turns, untranslated = [], raw, dialect }: ModelCall, tell: (use: Use) => void): void {
  const at = dialect === "openai-responses" ? "/input" : "/messages";
  const look = (parts: readonly Part[], isOwn: boolean): void => {
    for (const part of parts) {
      if (part.kind === "text") continue;
      if (part.kind === "tool_result") look(part.parts, false);
      if (part.kind === "foreign") unknownUses(valueAt(raw, part.at), part.at, isOwn, tell);
      const url = urlOf(part);
      if (url !== undefined) tell({ at, name: `${part.kind} by URL`, effects: effectsOfUrl(url) });
    }
  };
  for (const { parts, role } of turns) look(parts, role === "assistant");
  for (const pointer of untranslated) {
    if (!/^\/(?:messages|input|system)\//.test(pointer)) continue;
    const value = valueAt(raw, pointer);
    const type = isRecord(value) ? value["type"] : undefined;
    const isStored = pointer.endsWith("/file_id") || type === "file" || type === "container_upload";
    if (isStored) tell({ at: pointer, name: "file_id", effects: ["retention"] });
  }
}

/** Names of members by which a server may find what it keeps. */
const storedName = /(?:file|container|asset|media|upload|vector_?store)_?(?:id|ids|uri)$/i;
/** An address with a scheme, or with its reader's; the bytes of a `data:` URL are there. */
const address =
  /^\s*(?:(?:(?!data:)[a-z][a-z\d+.-]{0,63}:)?[\\/]{2}|(?:file|ftp|gs|s3|az|abfss?|gopher|dict|ldaps?|smb|jar|blob):)/i;

/**
 * Tells what a part asks for that only its provider can read: any address in it may be fetched, and any id name what is kept.
 * @param isOwn It stands in the assistant's turn, where addresses are what the provider has found itself.
 */
function unknownUses(value: unknown, at: string, isOwn: boolean, tell: (use: Use) => void): void {
  if (typeof value === "string") {
    if (!isOwn && address.test(value.slice(0, 128))) {
      tell({ at, name: "a part that is not known, by URL", effects: effectsOfUrl(value) });
    }
  } else if (Array.isArray(value)) for (const item of value) unknownUses(item, at, isOwn, tell);
  else if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) {
      const isStored = storedName.test(key) && (typeof inner === "string" || Array.isArray(inner));
      if (isStored) tell({ at, name: "file_id", effects: ["retention"] });
      unknownUses(inner, at, isOwn, tell);
    }
  }
}

/** The URL of a part. Bytes in base64 hold no colon, so what begins like a URL where bytes should be is one. */
function urlOf(part: Part): string | undefined {
  if (part.kind === "audio") return schemed(part.data);
  if (part.kind !== "image" && part.kind !== "file") return undefined;
  return part.source.kind === "url" ? part.source.url : schemed(part.source.data);
}

function schemed(data: string): string | undefined {
  return /^\s*[a-z][a-z\d+.-]*:/i.test(data.slice(0, 64)) ? data : undefined;
}

/** Nets of IPv4 that are not part of the open web: this host, private, shared, local to a link, and beyond unicast. */
const insideV4 =
  /^(?:0|10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])|2(?:2[4-9]|[345]\d))\./;

/** Whether a host, as the URL standard writes it, stands in a network and not on the open web; names are taken at their word. */
function isInside(host: string): boolean {
  if (host.startsWith("[")) {
    const first = Number.parseInt(host.slice(1).split(":")[0] || "0", 16);
    return first < 0x2000 || first > 0x3fff;
  }
  if (/^\d+(?:\.\d+){3}$/.test(host)) return insideV4.test(host);
  return !host.includes(".") || /\.(?:local|internal|localhost|home\.arpa)$/.test(host);
}

/** What reading a URL changes: one that is not a web address, or one of the network that a provider stands in, reaches further. */
export function effectsOfUrl(url: string): readonly ParameterEffect[] {
  const parsed = URL.parse(url);
  if (parsed === null) return ["fetch"];
  if (!["http:", "https:"].includes(parsed.protocol)) return ["fetch", "reach"];
  return isInside(parsed.hostname.replace(/\.$/, "")) ? ["fetch", "reach"] : ["fetch"];
}
