// How providers are asked how many tokens a call is, without answering it: Anthropic's `count_tokens`, Gemini's `countTokens`,
// OpenAI's `input_tokens`. Each takes the body of a call without what asks something of the answer. Pure.
import { dialectOf } from "./catalogue/catalogue.ts";
import type { Deployment } from "./catalogue/catalogue.ts";
import type { DialectName, ModelCall, Target, UpstreamDialect, WireRequest } from "./conversation.ts";
import { upstreamDialects } from "./dialect-tables.ts";

interface CountApi {
  /** Turns the request of a call into one that asks for its count. */
  write(wire: WireRequest): WireRequest;
  /** The field of the answer. */
  readonly field: string;
}

/** A way to ask a provider for a count. */
export interface TokenCounter {
  /** The API that is spoken. */
  readonly name: DialectName;
  readonly dialect: Pick<UpstreamDialect, "readError">;
  /** @throws `dialect.unsupported` for what the API cannot say. */
  write(call: ModelCall, target: Target): WireRequest;
  /** The count in an answer; undefined where there is none. */
  read(body: unknown): number | undefined;
}

const apis: Readonly<Partial<Record<DialectName, CountApi>>> = {
  "anthropic-messages": {
    write: ({ headers, body }) => ({
      path: "/messages/count_tokens",
      headers,
      body: without(body, "max_tokens stream temperature top_p top_k stop_sequences metadata service_tier"),
    }),
    field: "input_tokens",
  },
  "openai-responses": {
    write: ({ headers, body }) => ({
      path: "/responses/input_tokens",
      headers,
      body: without(
        body,
        "max_output_tokens stream stream_options temperature top_p store include metadata user service_tier background " +
          "safety_identifier prompt_cache_key prompt_cache_retention client_metadata max_tool_calls top_logprobs",
      ),
    }),
    field: "input_tokens",
  },
  gemini: {
    write: ({ path, headers, body }) => ({
      path: path.replace(/:[^:]*$/, ":countTokens"),
      headers,
      body: { generateContentRequest: { model: modelIn(path), ...body } },
    }),
    field: "totalTokens",
  },
};

/** Providers that speak the Responses API too, where a call goes to them as a chat. */
const alsoResponses: ReadonlySet<string> = new Set(["openai", "azure"]);

/** How a deployment's provider is asked for a count; undefined where it has no way to. */
export function counterOf(deployment: Deployment): TokenCounter | undefined {
  const own = dialectOf(deployment);
  const isOpenai = own === "openai-chat" && alsoResponses.has(deployment.provider.priceProvider.toLowerCase());
  const name = isOpenai ? "openai-responses" : own;
  const [api, dialect] = [apis[name], upstreamDialects[name]];
  if (api === undefined || dialect === undefined) return undefined;
  return {
    name,
    dialect,
    write: (call, target) => api.write(dialect.writeCall(call, target)),
    read: (body) => {
      const count =
        typeof body === "object" && body !== null ? (body as Record<string, unknown>)[api.field] : undefined;
      return Number.isSafeInteger(count) && (count as number) >= 0 ? (count as number) : undefined;
    },
  };
}

/** `models/gemini-2.5-pro` out of `/models/gemini-2.5-pro:generateContent`. */
function modelIn(path: string): string {
  return decodeURIComponent(path.slice(1).replace(/:[^:]*$/, ""));
}

function without(body: WireRequest["body"], names: string): WireRequest["body"] {
  const left = new Set(names.split(" "));
  return Object.fromEntries(Object.entries(body).filter(([name]) => !left.has(name)));
}
