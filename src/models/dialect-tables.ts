// The dialects by name, and what follows from which one a provider speaks.
import { dialectOf } from "./catalogue/catalogue.ts";
import type { Provider } from "./catalogue/catalogue.ts";
import type { DialectName, FrontDialect, UpstreamDialect } from "./conversation.ts";
import { anthropicMessagesFront, anthropicMessagesUpstream } from "./anthropic-messages/dialect.ts";
import { embeddingsFront, embeddingsUpstream } from "./wire/embeddings.ts";
import { geminiUpstream } from "./gemini/dialect.ts";
import { openaiChatFront, openaiChatUpstream } from "./openai-chat/dialect.ts";
import { openaiResponsesFront, openaiResponsesUpstream } from "./openai-responses/dialect.ts";
import { withCallerTools } from "./wire/caller-tools.ts";
import { withBoundedReplies } from "./wire/reply-parts.ts";

type Table<Dialect> = Readonly<Partial<Record<DialectName, Dialect>>>;

/** What callers speak to Charter. */
export const frontDialects: Table<FrontDialect> = {
  "openai-chat": withCallerTools(openaiChatFront),
  "openai-responses": withCallerTools(openaiResponsesFront),
  "anthropic-messages": withCallerTools(anthropicMessagesFront),
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

/** What a provider is spoken to in. */
export function upstreamDialectOf(provider: Provider): UpstreamDialect {
  const name = dialectOf({ provider, serves: "chat" });
  const dialect = upstreamDialects[name];
  if (dialect === undefined) throw new Error(`no dialect ${name}`);
  return dialect;
}

/** The header that shows a provider a key. */
export function keyHeaderOf(provider: Provider, secret: string): Readonly<Record<string, string>> {
  const { keyHeader } = upstreamDialectOf(provider);
  return keyHeader === undefined ? { authorization: `Bearer ${secret}` } : { [keyHeader]: secret };
}
