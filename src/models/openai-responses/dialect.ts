// OpenAI's Responses dialect: POST /v1/responses, without stored conversations.
import type { FrontDialect, UpstreamDialect } from "../conversation.ts";
import { readChatError, writeChatError } from "../openai-chat/error.ts";
import { readResponsesCall } from "./call.ts";
import { placesInCall, placesInReply } from "./places.ts";
import { readResponsesReply, ResponsesStreamReader } from "./reader.ts";
import { reissuedResponse, writePendingResponse, writeResponsesReply } from "./reply.ts";
import { writeResponsesCall } from "./request.ts";
import { ResponsesStreamWriter } from "./stream-writer.ts";

/** Responses as callers ask Charter for them. */
export const openaiResponsesFront: FrontDialect = {
  name: "openai-responses",
  readCall: readResponsesCall,
  writeReply: writeResponsesReply,
  writePending: writePendingResponse,
  reissued: reissuedResponse,
  streamWriter: (call, shown) => new ResponsesStreamWriter(call, shown),
  writeError: writeChatError,
  turnsField: "input",
  places: { inCall: placesInCall, inReply: placesInReply },
};

/** Responses as Charter asks upstreams for them. */
export const openaiResponsesUpstream: UpstreamDialect = {
  name: "openai-responses",
  writeCall: writeResponsesCall,
  readReply: readResponsesReply,
  streamReader: () => new ResponsesStreamReader(),
  readError: readChatError,
};
