// The dialects by name.
import type { DialectName, FrontDialect, UpstreamDialect } from "../conversation.ts";
import { anthropicMessagesFront, anthropicMessagesUpstream } from "./anthropic-messages.ts";
import { embeddingsFront, embeddingsUpstream } from "./embeddings.ts";
import { geminiUpstream } from "./gemini.ts";
import { openaiChatFront, openaiChatUpstream } from "./openai-chat.ts";
import { openaiResponsesFront, openaiResponsesUpstream } from "./openai-responses.ts";
import { withBoundedReplies } from "./reply-parts.ts";

type Table<Dialect> = Readonly<Partial<Record<DialectName, Dialect>>>;

/** What callers speak to Charter. */
export const frontDialects: Table<FrontDialect> = {
  "openai-chat": openaiChatFront,
  "openai-responses": openaiResponsesFront,
  "anthropic-messages": anthropicMessagesFront,
  embeddings: embeddingsFront,
};

/** What Charter speaks to upstreams. */
export const upstreamDialects: Table<UpstreamDialect> = {
  "openai-chat": withBoundedReplies(openaiChatUpstream),
  "openai-responses": withBoundedReplies(openaiResponsesUpstream),
  "anthropic-messages": withBoundedReplies(anthropicMessagesUpstream),
  gemini: withBoundedReplies(geminiUpstream),
  embeddings: withBoundedReplies(embeddingsUpstream),
};
