// The Gemini API, the dialect of Google: `generateContent` and `streamGenerateContent`. Callers do not speak it to Charter.
import type { UpstreamDialect } from "../conversation.ts";
import { readGeminiError } from "./error.ts";
import { readGeminiReply } from "./reply.ts";
import { writeGeminiCall } from "./request.ts";
import { GeminiStreamReader } from "./stream-reader.ts";

/** The Gemini API as Charter speaks it to upstreams. */
export const geminiUpstream: UpstreamDialect = {
  name: "gemini",
  writeCall: writeGeminiCall,
  readReply: readGeminiReply,
  streamReader: () => new GeminiStreamReader(),
  readError: readGeminiError,
  keyHeader: "x-goog-api-key",
};
