// Where a seal or the bytes of a medium may stand in bodies of Chat completions.
import type { Place } from "../wire/places.ts";

/** In a call. */
export const placesInCall: readonly Place[] = [
  { kind: "media", path: "messages/*/content/*/image_url/url", type: ["image_url"], above: 1 },
  { kind: "media", path: "messages/*/content/*/file/file_data", type: ["file"], above: 1 },
  { kind: "media", path: "messages/*/content/*/input_audio/data", type: ["input_audio"], above: 1 },
  // Google's own front in this dialect, and OpenRouter's.
  { kind: "seal", path: "messages/*/tool_calls/*/extra_content/google/thought_signature", role: "assistant" },
  { kind: "seal", path: "messages/*/extra_content/google/thought_signature", role: "assistant" },
  { kind: "seal", path: "messages/*/reasoning_details/*/data", type: ["reasoning.encrypted"], role: "assistant" },
  { kind: "seal", path: "messages/*/reasoning_details/*/signature", type: ["reasoning.text"], role: "assistant" },
];

/** In a reply, as providers send it. */
export const placesInReply: readonly Place[] = [
  { kind: "media", path: "choices/*/message/audio/data" },
  { kind: "media", path: "choices/*/message/images/*/image_url/url", type: ["image_url"], above: 1 },
  { kind: "seal", path: "choices/*/message/tool_calls/*/extra_content/google/thought_signature" },
  { kind: "seal", path: "choices/*/message/extra_content/google/thought_signature" },
  { kind: "seal", path: "choices/*/message/reasoning_details/*/data", type: ["reasoning.encrypted"] },
  { kind: "seal", path: "choices/*/message/reasoning_details/*/signature", type: ["reasoning.text"] },
];
