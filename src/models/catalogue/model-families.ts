// What is known of a model by its name alone: its window, how long its answers may be, and what media cost at most. Data, so
// that no rule of a provider stands in the program.
import data from "./model-families.json" with { type: "json" };

/** What one thing in a call can cost at most, in tokens, by the provider's rules or by what an operator takes for the worst case. */
export interface BoundRules {
  /** One image, whatever its size. */
  readonly imageTokens: number;
  /** One file that is not plain text; null when unknown, as for a PDF of any length. */
  readonly fileTokens: number | null;
  /** One second of sound. */
  readonly audioTokensPerSecond: number;
  /** What is put around a call that its caller does not write: templates, instructions of the provider, rules for tools. */
  readonly overheadTokens: number;
  /** Why no rule bounds a call: the provider adds to it by itself. */
  readonly unbounded: string | undefined;
}

/** Output tokens that are asked for when nothing is said: every model that chats takes as many. */
export const defaultMaxOutputTokens = 4096;

/**
 * The worst case where nothing is said. An image: the highest published rule is 48 169 tokens. A second of sound: the highest is
 * 32. Around a call: templates take some dozens, rules for tools under a thousand, for
 * which as much again is added; who adds instructions of its own has a row in the data.
 */
export const defaultBounds: BoundRules = {
  imageTokens: 50_000,
  fileTokens: null,
  audioTokensPerSecond: 50,
  overheadTokens: 512,
  unbounded: undefined,
};

/** What is known of a family. */
export interface ModelFamily {
  readonly contextTokens: number | null;
  readonly maxOutputTokens: number;
  readonly bounds: BoundRules;
  /** Its maker offers it in the Responses API, or only there; undefined where nothing is known. */
  readonly api: "responses" | "responses only" | undefined;
}

interface Row {
  readonly api?: "responses" | "responses only";
  readonly model: string;
  readonly contextTokens?: number;
  readonly maxOutputTokens?: number;
  readonly bounds?: Partial<BoundRules>;
  readonly unbounded?: string;
}

const families = (data.families as readonly Row[]).map((row) => ({ ...row, model: new RegExp(row.model) }));

/** What is known of a model; brokers put the owner before its name: `openai/gpt-5`. */
export function familyOf(model: string): ModelFamily {
  const name = model.slice(model.lastIndexOf("/") + 1).toLowerCase();
  const row = families.find((each) => each.model.test(name));
  return {
    contextTokens: row?.contextTokens ?? null,
    maxOutputTokens: row?.maxOutputTokens ?? defaultMaxOutputTokens,
    api: row?.api,
    bounds: { ...defaultBounds, ...row?.bounds, unbounded: row?.unbounded },
  };
}
