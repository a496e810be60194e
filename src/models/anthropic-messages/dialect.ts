// The Messages API, the dialect of Anthropic: POST /v1/messages.
import type { FrontDialect, UpstreamDialect } from "../conversation.ts";
import { readMessagesCall } from "./call.ts";
import { readMessagesError, writeMessagesProblem } from "./error.ts";
import { mendedMessage } from "./mend.ts";
import { placesInCall, placesInReply } from "./places.ts";
import { readMessagesReply, writeMessagesReply } from "./reply.ts";
import { writeMessagesCall } from "./request.ts";
import { MessagesStreamReader } from "./stream-reader.ts";
import { MessagesStreamWriter } from "./stream-writer.ts";

/** The Messages API as callers speak it to Charter. */
export const anthropicMessagesFront: FrontDialect = {
  name: "anthropic-messages",
  readCall: readMessagesCall,
  writeReply: writeMessagesReply,
  mended: mendedMessage,
  streamWriter: (call, shown) => new MessagesStreamWriter(call, shown),
  writeError: writeMessagesProblem,
  turnsField: "messages",
  places: { inCall: placesInCall, inReply: placesInReply },
  closing: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  keepAlive: 'event: ping\ndata: {"type":"ping"}\n\n',
  opensWords: true,
};

/** The Messages API as Charter speaks it to upstreams. */
export const anthropicMessagesUpstream: UpstreamDialect = {
  name: "anthropic-messages",
  writeCall: writeMessagesCall,
  readReply: readMessagesReply,
  streamReader: () => new MessagesStreamReader(),
  readError: readMessagesError,
  keyHeader: "x-api-key",
};
