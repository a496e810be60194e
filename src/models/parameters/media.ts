// Media that do not come with the call: by URL, which the provider fetches, and by an id, which lie with the provider.
import type { ParameterEffect } from "../../constitution/index.ts";
import type { ModelCall, Part } from "../conversation.ts";
import { isRecord, valueAt } from "./json.ts";
import type { Use } from "./use.ts";

/** Tells every use of media that do not come with the call. */
export function mediaUses({ turns, untranslated = [], raw, dialect }: ModelCall, tell: (use: Use) => void): void {
  const at = dialect === "openai-responses" ? "/input" : "/messages";
  const look = (parts: readonly Part[]): void => {
    for (const part of parts) {
      if (part.kind === "text") continue;
      if (part.kind === "tool_result") look(part.parts);
      const url = urlOf(part);
      if (url !== undefined) tell({ at, name: `${part.kind} by URL`, effects: effectsOfUrl(url) });
    }
  };
  for (const { parts } of turns) look(parts);
  for (const pointer of untranslated) {
    if (!/^\/(?:messages|input|system)\//.test(pointer)) continue;
    const value = valueAt(raw, pointer);
    const type = isRecord(value) ? value["type"] : undefined;
    const isStored = pointer.endsWith("/file_id") || type === "file" || type === "container_upload";
    if (isStored) tell({ at: pointer, name: "file_id", effects: ["retention"] });
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
