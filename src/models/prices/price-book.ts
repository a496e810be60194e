// What is known of models' prices: the operator's list first, then the data in @pydantic/genai-prices. The library finds
// the provider, the model and its table; the arithmetic is ours (tariff.ts), because the library's is in binary fractions.
// Its prices are those of the installed version; its updates over the network are never switched on.
import { calcPrice, findProvider } from "@pydantic/genai-prices";
import { BoundedMap } from "../../kernel/bounded-map.ts";
import type { DialectName } from "../conversation.ts";
import { readOverrides, overrideKey } from "./overrides.ts";
import type { OwnPrices } from "./overrides.ts";
import { Schedule } from "./schedule.ts";
import type { ServicePercents } from "./service-factors.ts";
import { formsOf } from "./usage-reader.ts";
import type { Form } from "./usage-reader.ts";

/** What is known of one model at one provider. */
export interface Entry {
  /** Undefined for a model whose price is not known. */
  readonly schedule: Schedule | undefined;
  /** The provider's own forms of account, and those of other APIs that it may imitate. */
  readonly forms: readonly Form[];
  /** What the operator says that other services than the ordinary one cost. */
  readonly services?: ServicePercents;
}

/** Most models remembered; a catalogue has dozens, and names that callers make up push each other out. */
const maxEntries = 4096;

/** How models that cost nothing are called. */
const freeSuffix = ":free";

/** Longest name that is looked up; longer ones are no one's. */
const maxNameLength = 256;

/** Where each dialect's form of account is described. */
const dialectForms: Readonly<Record<DialectName, readonly [provider: string, flavour: string]>> = {
  "openai-chat": ["openai", "chat"],
  "openai-responses": ["openai", "responses"],
  "anthropic-messages": ["anthropic", "default"],
  gemini: ["google", "default"],
  embeddings: ["openai", "embeddings"],
};

/** Prices and forms by provider and model. */
export class PriceBook {
  readonly #overrides: ReadonlyMap<string, OwnPrices>;
  readonly #entries = new BoundedMap<string, Entry>(maxEntries);
  readonly #dialects: ReadonlyMap<DialectName, Form>;
  /** Every API's form as its inventor has it, to try when none of a provider's fits. */
  readonly commonForms: readonly Form[];

  /** @throws `prices.invalid` with `at` as a JSON pointer into the overrides. */
  constructor(overrides: unknown) {
    this.#overrides = readOverrides(overrides);
    this.#dialects = new Map(
      (Object.keys(dialectForms) as DialectName[]).flatMap((dialect) => {
        const [provider, flavour] = dialectForms[dialect];
        const form = formsOf(findProvider({ providerId: provider })).find((each) => each.flavour === flavour);
        return form === undefined ? [] : [[dialect, form] as const];
      }),
    );
    const bedrock = formsOf(findProvider({ providerId: "aws" })).filter(({ flavour }) => flavour === "default");
    this.commonForms = [...this.#dialects.values(), ...bedrock];
  }

  /** What is known of a model; looked up once while it is in use. */
  entry(provider: string, model: string): Entry {
    // A length cannot be part of a name's end, so two pairs never share a key.
    const key = `${provider.length}:${provider}${model}`;
    return this.#entries.getOrMake(key, () => this.#look(provider, model));
  }

  /** The form in which a dialect accounts for a call. */
  dialectForms(dialect: DialectName): readonly Form[] {
    const form = this.#dialects.get(dialect);
    return form === undefined ? [] : [form];
  }

  #look(provider: string, model: string): Entry {
    if (provider.length > maxNameLength || model.length > maxNameLength) return { schedule: undefined, forms: [] };
    const forms = formsOf(findProvider({ providerId: provider }));
    const apis = new Set(forms.map(({ api }) => api));
    const own = this.#overrides.get(overrideKey(provider, model));
    return {
      schedule: own?.schedule ?? publishedSchedule(provider, model),
      ...(own && { services: own.services }),
      forms: [...forms, ...this.commonForms.filter(({ api }) => !apis.has(api))],
    };
  }
}

function publishedSchedule(providerId: string, model: string): Schedule | undefined {
  if (providerId.trim() === "") return undefined;
  // Priced with no usage at all, for the sake of the model that it finds.
  const found = calcPrice({}, model, { providerId });
  if (found === null) return undefined;
  const { id, prices } = found.model;
  // An empty table stands for what is free as well as for what no one knows; only the first is called so (OpenRouter's
  // suffix), and only that is 0.
  const isFree = id.endsWith(freeSuffix) && Object.keys(prices).length === 0;
  return Schedule.of(isFree ? { input_mtok: 0, output_mtok: 0 } : prices);
}
