// The Messages API, the dialect of Anthropic: POST /v1/messages.
import type { FrontDialect, UpstreamDialect } from "../conversation.ts";
import { readMessagesCall } from "./anthropic-messages-call.ts";
import { readMessagesError } from "./anthropic-messages-error.ts";
import { readMessagesReply, writeMessagesReply } from "./anthropic-messages-reply.ts";
import { writeMessagesCall } from "./anthropic-messages-request.ts";
import { MessagesStreamReader } from "./anthropic-messages-stream-reader.ts";
import { MessagesStreamWriter } from "./anthropic-messages-stream-writer.ts";

/** The Messages API as callers speak it to Charter. */
export const anthropicMessagesFront: FrontDialect = {
  name: "anthropic-messages",
  readCall: readMessagesCall,
  writeReply: writeMessagesReply,
  streamWriter: (call, shown) => new MessagesStreamWriter(call, shown),
};

/** The Messages API as Charter speaks it to upstreams. */
export const anthropicMessagesUpstream: UpstreamDialect = {
  name: "anthropic-messages",
  writeCall: writeMessagesCall,
  readReply: readMessagesReply,
  streamReader: () => new MessagesStreamReader(),
  readError: readMessagesError,
};
