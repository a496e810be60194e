// Where a seal or the bytes of a medium may stand in bodies of the Messages API.
import type { Place } from "../wire/places.ts";

/** In a call. */
export const placesInCall: readonly Place[] = [
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

/** In a reply, as providers send it. */
export const placesInReply: readonly Place[] = [
  { kind: "seal", path: "content/*/signature", type: ["thinking"] },
  { kind: "seal", path: "content/*/data", type: ["redacted_thinking"] },
  { kind: "seal", path: "content/*/content/*/encrypted_content", type: ["web_search_result"] },
  { kind: "seal", path: "content/*/citations/*/encrypted_index", type: ["web_search_result_location"] },
  { kind: "seal", path: "content/*/content/encrypted_stdout", type: ["encrypted_code_execution_result"] },
  { kind: "seal", path: "content/*/encrypted_content", type: ["compaction"] },
];
