// The neutral form between dialects: what a caller asks of a model, what the model answered, and the pieces in which a
// streamed answer arrives. Every dialect reads and writes it with pure functions, so that n dialects need n translators.
//
// 1. What a dialect cannot express is named in `WireRequest.dropped` or refused with `dialect.unsupported` (`wire/losses.ts`).
// 2. A call that goes to an upstream of its own dialect keeps all that Charter does not know: parameters, parts and words (`raw`).
// 3. Arguments of tools stay text: they are the model's words and are parsed where they are used.
import type { Usage } from "./usage.ts";
import type { Place } from "./wire/places.ts";

/** The wire formats that Charter speaks. `gemini` is spoken to upstreams only. */
export const dialectNames = ["openai-chat", "openai-responses", "anthropic-messages", "gemini", "embeddings"] as const;
/** A wire format. */
export type DialectName = (typeof dialectNames)[number];
/** The dialect of chats that Charter asks in its own name. */
export const chatDialect: DialectName = "openai-chat";

/** The dialect in which responses are asked for. */
export const responsesDialect: DialectName = "openai-responses";

/** Bytes that are not text: by URL, or inline as base64. */
export type MediaSource =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "base64"; readonly mediaType: string; readonly data: string };

/** One piece of a turn. */
export type Part =
  | {
      readonly kind: "text";
      readonly text: string;
      /** Marks the end of a prefix worth caching. */ readonly cache?: "5m" | "1h";
    }
  | { readonly kind: "image"; readonly source: MediaSource; readonly detail?: "auto" | "low" | "high" }
  | { readonly kind: "audio"; readonly format: string; readonly data: string }
  | { readonly kind: "file"; readonly source: MediaSource; readonly name?: string }
  | ({ readonly kind: "tool_call"; readonly id: string; readonly arguments: string } & CallerTool)
  | {
      readonly kind: "tool_result";
      readonly id: string;
      readonly parts: readonly Part[];
      readonly isError?: boolean;
    }
  /** Reasoning that the model showed; `signature` or `redacted` is the provider's own seal and only it can read it. */
  | { readonly kind: "reasoning"; readonly text: string; readonly signature?: string; readonly redacted?: string }
  | { readonly kind: "refusal"; readonly text: string }
  /** What only the caller's own dialect can say; `at` is its JSON pointer in `raw`, and is among `untranslated`. */
  | { readonly kind: "foreign"; readonly at: string; readonly type: string };

/** Who says a turn; `system` stands for instructions of any rank. Results of tools are said by the user. */
export type TurnRole = "system" | "user" | "assistant";

/** One turn of a conversation. */
export interface Turn {
  readonly role: TurnRole;
  readonly parts: readonly Part[];
}

/**
 * A tool as its caller knows it. In the neutral form a tool is a function with one name; `namespace` and `isFree` are for the
 * caller's own API and are taken in and given back by `wire/caller-tools.ts`.
 */
export interface CallerTool {
  readonly name: string;
  /** The group in which the caller offers it. */
  readonly namespace?: string;
  /** It takes free text instead of arguments in JSON. */
  readonly isFree?: true;
  /** Its calls and their results have a form of their own in the caller's API. */
  readonly form?: OwnForm;
}

/** Tools without a name or a schema that a caller runs. */
export type OwnForm = "local_shell" | "shell" | "apply_patch";

/** A function that the model may ask for. */
export interface ToolOffer extends CallerTool {
  readonly description?: string;
  /** JSON Schema of the arguments. */
  readonly parameters?: object;
  readonly strict?: boolean;
}

/** Which tool the model must or may use. */
export type ToolChoice = "auto" | "none" | "required" | CallerTool;

/** The form that the reply must have. */
export type ReplyForm =
  | { readonly kind: "text" }
  | { readonly kind: "json" }
  | { readonly kind: "schema"; readonly name: string; readonly schema: object; readonly strict: boolean };

/** One call as a caller makes it. */
export interface ModelCall {
  /** The dialect in which the caller speaks and is answered. */
  readonly dialect: DialectName;
  /** The caller's own body, whose unknown parameters pass through to upstreams of the same dialect. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** A model, an alias, or the name of a strategy, as the caller wrote it. */
  readonly model: string;
  readonly turns: readonly Turn[];
  /** Texts to embed; only in the dialect `embeddings`. */
  readonly inputs?: readonly string[];
  /** How many tokens the caller gave as token numbers instead of texts; only in the dialect `embeddings`. */
  readonly inputTokens?: number;
  readonly tools: readonly ToolOffer[];
  /** What the caller calls the tools that are told to providers under another name or in another form. */
  readonly callerTools?: ReadonlyMap<string, CallerTool>;
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  readonly form: ReplyForm;
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly stop: readonly string[];
  readonly seed?: number;
  /** From -2 to 2, and never 0. */
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly verbosity?: "low" | "medium" | "high";
  readonly reasoning?: {
    readonly effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh";
    readonly budgetTokens?: number;
  };
  /** How many answers are wanted, at least 1. */
  readonly choices: number;
  readonly logprobs?: boolean;
  readonly stream: boolean;
  /** The caller asked for the usage in the last frame of a stream. */
  readonly wantsUsage: boolean;
  /** JSON pointers into `raw` of what the caller asked for that has no neutral form; only its own dialect can say it. */
  readonly untranslated?: readonly string[];
}

/** Why a model stopped. */
export type Finish = "stop" | "length" | "tool_calls" | "content_filter" | "refusal" | "error" | "unknown";

/** One answer of possibly several. */
export interface Choice {
  readonly parts: readonly Part[];
  readonly finish: Finish;
  /** Mean of the natural logarithms of the tokens' probabilities, where the provider gave them. */
  readonly meanLogprob?: number;
}

/** A whole reply. */
export interface Reply {
  /** The provider's id of the reply; empty when it gave none. */
  readonly id: string;
  /** The model as the provider names it. */
  readonly model: string;
  readonly choices: readonly Choice[];
  /** Vectors in the order of the inputs; only in the dialect `embeddings`. */
  readonly vectors?: readonly (readonly number[] | string)[];
  /** The provider's usage body as it came, null when there was none. */
  readonly rawUsage: Readonly<Record<string, unknown>> | null;
  /** The same, read; filled in by the caller of the dialect. */
  readonly usage: Usage | null;
}

/** A piece of a streamed reply, in order. */
export type StreamEvent =
  | { readonly kind: "start"; readonly id: string; readonly model: string }
  | { readonly kind: "text"; readonly choice: number; readonly text: string }
  | { readonly kind: "refusal"; readonly choice: number; readonly text: string }
  | {
      readonly kind: "reasoning";
      readonly choice: number;
      readonly text: string;
      readonly signature?: string;
      readonly redacted?: string;
    }
  /** A tool call begins; `slot` numbers the calls of one choice from 0. */
  | ({
      readonly kind: "tool_start";
      readonly choice: number;
      readonly slot: number;
      readonly id: string;
    } & CallerTool)
  | { readonly kind: "tool_arguments"; readonly choice: number; readonly slot: number; readonly text: string }
  /** A picture that the model made, whole. */
  | { readonly kind: "image"; readonly choice: number; readonly source: MediaSource }
  | { readonly kind: "finish"; readonly choice: number; readonly finish: Finish; readonly meanLogprob?: number }
  /** The provider's usage so far; the last one holds. Already merged over frames (Anthropic splits it over two). */
  | {
      readonly kind: "usage";
      readonly raw: Readonly<Record<string, unknown>>;
      /** The tier of service that the reply names along with it. */
      readonly serviceTier?: string;
      /** The same, read; filled in by the caller of the dialect. */
      readonly usage?: Usage;
    }
  /** The provider reported an error inside the stream. */
  | { readonly kind: "error"; readonly code: string; readonly message: string; readonly type?: string }
  | { readonly kind: "end" };

/** One server-sent event as it stood on the wire. */
export interface SseEvent {
  readonly event?: string;
  readonly data: string;
}

/** What goes to an upstream. */
export interface WireRequest {
  /** Path below the provider's base URL, with a query where the dialect has one: `/chat/completions`. */
  readonly path: string;
  /** Headers of the dialect; neither credentials nor content type. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** What of the call is left out, by the names of parameters and by JSON pointers; absent where nothing is. */
  readonly dropped?: readonly string[];
}

/** Where a call goes. */
export interface Target {
  /** The model's name at the provider. */
  readonly model: string;
  /** Output tokens to ask for when the caller did not say and the dialect needs a number. */
  readonly defaultMaxOutputTokens: number;
  /** Output tokens to ask for when the caller did not say, although the dialect needs no number. */
  readonly outputLimit?: number;
  /** The field that says so, where the dialect has two. */
  readonly outputLimitField?: "max_tokens" | "max_completion_tokens";
  /** The provider by its common name, whose servers may know less than their dialect has words for. */
  readonly provider?: string;
  /** What becomes of a wish that the dialect has no word for; `drop` when absent. */
  readonly unsupported?: "drop" | "refuse";
}

/** Reads a streamed reply piece by piece. */
export interface StreamReader {
  /**
   * The pieces that one event holds; `end` comes once, with the event that ends the stream.
   * @throws `upstream.garbled` for data that is not a piece of a reply.
   */
  read(event: SseEvent): readonly StreamEvent[];
  /**
   * What stands in the place of the event that was read last, with the server's mistakes put right; undefined where it made none.
   * Of several, the last one is for the last piece, and no frame where its data is empty.
   */
  readonly mended?: readonly SseEvent[] | undefined;
  /** What a connection that closed leaves to say: `end` when the reply was whole and its end was not said, else nothing. */
  close(): readonly StreamEvent[];
}

/** Writes a streamed reply in the caller's dialect. */
export interface StreamWriter {
  /** The frames for one piece, ready to send; the empty string for none. */
  write(event: StreamEvent): string;
  /** The typed error frame for a stream that broke off after its first byte. */
  fail(error: { readonly code: string; readonly message: string }): string;
}

/** What Charter puts on a reply itself. */
export interface ReplyStamp {
  /** When the reply was made, Unix milliseconds. */
  readonly createdMs: number;
  /** Stands for the id of a reply whose provider gave none. */
  readonly id: string;
  /** The id under which a reply is kept, so that the caller can go on from it, and the one that it goes on from. */
  readonly kept?: { readonly id: string; readonly previous?: string };
}

/** What a reply is put right with. */
export interface Mending {
  readonly stamp: ReplyStamp;
  /** What was used, as read or estimated; null when nothing is known. */
  readonly usage: Usage | null;
}

/** A dialect as callers speak it to Charter. */
export interface FrontDialect {
  readonly name: DialectName;
  /** @throws `dialect.invalid` with `at` as a JSON pointer. */
  readCall(body: Readonly<Record<string, unknown>>): ModelCall;
  writeReply(call: ModelCall, reply: Reply, stamp: ReplyStamp): Record<string, unknown>;
  streamWriter(call: ModelCall, stamp: ReplyStamp): StreamWriter;
  /** What stands for a reply that is worked on later; absent where the API has no such thing. */
  writePending?(call: ModelCall, stamp: ReplyStamp): Record<string, unknown>;
  /** The body of a reply to an earlier call as the reply to this one; absent where an id names nothing. */
  reissued?(
    call: ModelCall,
    body: Readonly<Record<string, unknown>>,
    stamp: ReplyStamp,
  ): Readonly<Record<string, unknown>>;
  /** A reply of a server of this dialect with what it got wrong put right; undefined where nothing is wrong. */
  mended?(
    call: ModelCall,
    body: Readonly<Record<string, unknown>>,
    by: Mending,
  ): Readonly<Record<string, unknown>> | undefined;
  /** What the API's clients read of an error, along with Charter's own problem. */
  writeError(error: ClientError): Record<string, unknown>;
  /** The field that holds the turns of a conversation; absent where there are none. */
  readonly turnsField?: string;
  /** Where seals and media may stand; absent where a body has none. */
  readonly places?: { readonly inCall: readonly Place[]; readonly inReply: readonly Place[] };
  /** What ends a stream whose upstream left out to say so. */
  readonly closing?: string;
  /** A stream tells its usage only to a caller that asks for it. */
  readonly hidesUsage?: true;
  /** The frame that keeps a silent stream awake; a comment where absent. */
  readonly keepAlive?: string;
  /** A stream opens words with a separate frame before them. */
  readonly opensWords?: true;
}

/** What a provider says of an error. */
export interface ProviderWords {
  /** The most telling of its codes. */
  readonly code?: string;
  readonly message?: string;
  /** The kind of error, where that is something else than the code. */
  readonly type?: string;
  /** What of the request is wrong. */
  readonly param?: string;
  /** Seconds to wait, where the body says so and no header does. */
  readonly retryAfter?: string;
}

/** An error as a caller is told it, whatever its API. */
export interface ClientError {
  readonly status: number;
  /** Charter's code. */
  readonly code: string;
  readonly message: string;
  /** Where in the request it is. */
  readonly at?: string | undefined;
  /** What the provider said of it. */
  readonly upstream?: Pick<ProviderWords, "code" | "type" | "param"> | undefined;
}

/** A dialect as Charter speaks it to upstreams. */
export interface UpstreamDialect {
  readonly name: DialectName;
  /** @throws `dialect.unsupported` for what this dialect cannot say and an answer cannot do without. */
  writeCall(call: ModelCall, target: Target): WireRequest;
  /** @throws `upstream.garbled` for a body that is not a reply. */
  readReply(body: unknown): Reply;
  /** @param stamp Gives the id of a reply whose provider gives none. */
  streamReader(stamp?: Pick<ReplyStamp, "id">): StreamReader;
  /** The provider's words in an error body; undefined when there are none. */
  readError(body: unknown): ProviderWords | undefined;
  /**
   * Fields of a stream's request that serve Charter's account alone, with the members that they have of it: a server that does
   * not know such a field is asked again without it.
   */
  readonly dispensable?: Readonly<Record<string, readonly string[]>>;
  /** The header that shows a provider its key; `Authorization: Bearer` when absent. */
  readonly keyHeader?: string;
}
