// Chat completions, the dialect of OpenAI that most servers speak: POST /v1/chat/completions.
import type { FrontDialect, UpstreamDialect } from "../conversation.ts";
import { readChatCall } from "./call.ts";
import { readChatError, writeChatError } from "./error.ts";
import { mendedReply } from "./mend.ts";
import { placesInCall, placesInReply } from "./places.ts";
import { readChatReply, writeChatReply } from "./reply.ts";
import { writeChatCall } from "./request.ts";
import { ChatStreamReader } from "./stream-reader.ts";
import { ChatStreamWriter } from "./stream-writer.ts";

/** Chat completions as callers speak them to Charter. */
export const openaiChatFront: FrontDialect = {
  name: "openai-chat",
  readCall: readChatCall,
  writeReply: writeChatReply,
  mended: mendedReply,
  streamWriter: (call, shown) => new ChatStreamWriter(call, shown),
  writeError: writeChatError,
  turnsField: "messages",
  places: { inCall: placesInCall, inReply: placesInReply },
  closing: "data: [DONE]\n\n",
  hidesUsage: true,
};

/** Chat completions as Charter speaks them to upstreams. */
export const openaiChatUpstream: UpstreamDialect = {
  name: "openai-chat",
  writeCall: writeChatCall,
  readReply: readChatReply,
  streamReader: (stamp) => new ChatStreamReader(stamp),
  readError: readChatError,
  dispensable: { stream_options: ["include_usage", "include_obfuscation"] },
};
