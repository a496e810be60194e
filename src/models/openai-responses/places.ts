// Where a seal or the bytes of a medium may stand in bodies of Responses.
import type { Place } from "../wire/places.ts";

/** In a call. */
export const placesInCall: readonly Place[] = [
  { kind: "media", path: "input/*/content/*/image_url", type: ["input_image"] },
  { kind: "media", path: "input/*/content/*/file_data", type: ["input_file"] },
  { kind: "media", path: "input/*/output/*/image_url", type: ["input_image"] },
  { kind: "media", path: "input/*/output/*/file_data", type: ["input_file"] },
  { kind: "seal", path: "input/*/encrypted_content", type: ["reasoning", "compaction"] },
];

/** In a reply, as providers send it. */
export const placesInReply: readonly Place[] = [
  { kind: "media", path: "output/*/result", type: ["image_generation_call"] },
  { kind: "seal", path: "output/*/encrypted_content", type: ["reasoning", "compaction"] },
];
