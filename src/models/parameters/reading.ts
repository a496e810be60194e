// Reads from a caller's body what it asks of the provider beyond words. Pure.
//
// 1. Every spelling that some server could take for a governed name counts as that name, at any depth where one could read it.
// 2. Null asks for nothing; of a name that stands there twice, the value that is sent is the one that is read.
// 3. Content is not looked at here: texts, schemas, arguments of tools, metadata.
import { modelFault } from "../errors.ts";
import { maxParameterValues } from "../../kernel/limits.ts";
import type { ModelCall } from "../conversation.ts";
import { readCacheControl, readContents, readDocuments, readOffers } from "./contents.ts";
import type { Finds } from "./contents.ts";
import { decisiveNames, governedNames, mergedObjects } from "./governed.ts";
import type { Governed } from "./governed.ts";
import { isAddress, isTelling, likelyEffects } from "./likely.ts";
import { assertLimits } from "./limits.ts";
import { effectsOfUrl, mediaUses } from "./media.ts";
import { canonicalName, pointerStep } from "./names.ts";
import { ordinaryNames } from "./ordinary.ts";
import type { OrdinaryNames } from "./ordinary.ts";
import { isName, isRecord } from "./json.ts";
import { ofSettings, schemaFields, settingsNames } from "./settings.ts";
import type { Json } from "./json.ts";
import { isPlainTool, settingsOf, toolsIn, toolUses } from "./tools.ts";
import type { Asked, Use } from "./use.ts";

/** Reads a call. @throws `dialect.invalid` for another spelling of what Charter decides by, a limit that is not a number, too many values. */
export function readAsked(call: ModelCall): Asked {
  assertLimits(call);
  const reader = new Reader(call);
  reader.body();
  return reader;
}

class Reader implements Asked {
  readonly uses: Use[] = [];
  readonly unknown: string[] = [];
  readonly #call: ModelCall;
  readonly #ordinary: OrdinaryNames;
  readonly #told = new Set<string>();
  /** Members of messages that were met, by their keys. */
  readonly #strays = new Map<string, { readonly name: string; readonly isPlain: boolean }>();
  #left = maxParameterValues;
  /** Whether what is looked at is kept by the provider and read by no one there. */
  #isKept = false;

  constructor(call: ModelCall) {
    this.#call = call;
    this.#ordinary = ordinaryNames[call.dialect];
  }

  body(): void {
    const { raw } = this.#call;
    for (const key of Object.keys(raw)) {
      this.#count();
      const value = raw[key];
      if (value === undefined || value === null) continue;
      if (this.#ordinary.spelled.has(key)) {
        this.#settings(canonicalName(key), value, () => `/${key}`);
        continue;
      }
      const name = canonicalName(key);
      const decisive = decisiveNames.get(name);
      if (decisive !== undefined && decisive !== key) throw otherSpelling(`/${pointerStep(key)}`, decisive);
      const at = (): string => `/${pointerStep(key)}`;
      if (this.#member(name, value, at, true)) continue;
      if (this.#ordinary.canonical.has(name)) {
        this.#settings(name, value, at);
        continue;
      }
      this.unknown.push(key);
      if (!languageNames.has(key)) this.#unlisted(name, value, at);
    }
    this.#nested(raw["metadata"], "/metadata");
    this.#tools(raw["tools"], "/tools");
    mediaUses(this.#call, (use) => this.#use(use));
    const { dialect } = this.#call;
    for (const field of ["messages", "system", "input"]) {
      const areMessages = field !== "system" && dialect !== "embeddings";
      readContents(raw[field], `/${field}`, this.#finds, areMessages);
    }
    readOffers(raw["tools"], "/tools", this.#finds);
    readOffers(raw["functions"], "/functions", this.#finds);
  }

  /** Looks at one member of the body, or of an object that is merged into it; false when nothing is known of it. */
  #member(name: string, value: unknown, at: () => string, inBody: boolean): boolean {
    const governed = governedNames.get(name);
    if (governed !== undefined && (inBody || governed.row.counts === "anywhere")) {
      this.#governed(governed, value, at);
      return true;
    }
    if (!mergedObjects.has(name)) return false;
    this.#merged(value, at);
    return true;
  }

  /** A parameter that no table names: what it most likely changes, and what stands inside. */
  #unlisted(name: string, value: unknown, at: () => string): void {
    const effects = likelyEffects(name, value);
    if (effects.length > 0) {
      const unpriced = effects.includes("price") && { unpriced: true as const };
      this.#use({ at: at(), name: "a name of this kind", effects, ...unpriced });
    }
    this.#address(value, at);
    this.#inside(value, at);
  }

  /** Values that clients keep for themselves: texts say nothing, objects may be read by a broker. No one fetches an address there. */
  #nested(value: unknown, at: string): void {
    if (!isRecord(value)) return;
    this.#isKept = true;
    for (const key of Object.keys(value)) {
      this.#count();
      if (isRecord(value[key])) this.#inside(value[key], () => `${at}/${pointerStep(key)}`);
    }
    this.#isKept = false;
  }

  #governed({ name, row, parts }: Governed, value: unknown, at: () => string): void {
    if (isOrdinary(value, row.ordinary)) return;
    const common = { name, ...(row.unpriced && { unpriced: row.unpriced }) };
    if (parts.size > 0 && isRecord(value)) {
      for (const key of Object.keys(value)) {
        const inner = value[key];
        const part = parts.get(canonicalName(key));
        if (inner === undefined || inner === null || isOrdinary(inner, part?.ordinary)) continue;
        const effects = part?.effects ?? row.effects;
        if (effects.length > 0) this.#use({ ...common, at: `${at()}/${pointerStep(key)}`, effects });
      }
      return;
    }
    const measure = row.measure && { of: row.measure, value: wordOf(value) };
    this.#use({ ...common, at: at(), effects: row.effects, ...(measure && { measure }) });
    this.#address(value, at);
    // What stands inside may change more than the whole: a tool's settings that name a model or a server.
    this.#inside(value, at);
  }

  /** An object whose members count as if they stood in the body; of a list, each of its objects. */
  #merged(value: unknown, at: () => string): void {
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) {
        this.#count();
        this.#merged(item, () => `${at()}/${i}`);
      }
      return;
    }
    if (typeof value === "string") {
      // The name of settings that a broker keeps, or settings that it parses.
      this.#use({ at: at(), name: "settings", effects: ["model", "place"] });
    }
    if (!isRecord(value)) return;
    for (const key of Object.keys(value)) {
      this.#count();
      const inner = value[key];
      if (inner === undefined || inner === null) continue;
      const place = (): string => `${at()}/${pointerStep(key)}`;
      const name = canonicalName(key);
      const decisive = decisiveNames.get(name);
      if (decisive === "model") this.#use({ at: place(), name: "model", effects: ["model"] });
      else if (decisive !== undefined) throw otherSpelling(place(), decisive);
      else if (this.#member(name, inner, place, true)) continue;
      else if (this.#ordinary.canonical.has(name)) this.#settings(name, inner, place);
      else this.#unlisted(name, inner, place);
    }
  }

  /** An ordinary parameter, by its canonical name: what stands inside may change more than it does. */
  #settings(name: string, value: unknown, at: () => string): void {
    if (settingsNames.has(name)) this.#inside(value, at, ofSettings);
    if (name === "cachecontrol") readCacheControl(value, at(), this.#finds);
    if (name === "documents") readDocuments(value, at(), this.#finds);
  }

  /** A value of which nothing is known: what servers read anywhere is looked for, and a JSON Schema is left alone. */
  #inside(value: unknown, at: () => string, left: ReadonlySet<string> = schemaFields): void {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) {
        this.#count();
        this.#inside(item, () => `${at()}/${i}`, left);
      }
      return;
    }
    const record = value as Json;
    for (const key of Object.keys(record)) {
      if (left.has(key)) continue;
      this.#count();
      const inner = record[key];
      if (inner === undefined || inner === null) continue;
      const place = (): string => `${at()}/${pointerStep(key)}`;
      const name = canonicalName(key);
      if (name === "model") {
        // A name, or an object that holds one.
        const isNamed = isName(inner) || (isRecord(inner) && Object.values(inner).some(isName));
        if (isNamed) this.#use({ at: place(), name, effects: ["model"] });
      }
      if (!this.#member(name, inner, place, false)) {
        this.#address(inner, place);
        this.#inside(inner, place, left);
      }
    }
  }

  #address(value: unknown, at: () => string): void {
    if (isAddress(value)) this.#use({ at: at(), name: "an address", effects: ["reach"] });
  }

  #tools(tools: unknown, at: string): void {
    if (!Array.isArray(tools)) return;
    for (const [i, tool] of tools.entries()) {
      if (!isRecord(tool) || isPlainTool(tool)) continue;
      const place = `${at}/${i}`;
      for (const use of toolUses(tool, place)) this.#use(use);
      this.#tools(toolsIn(tool), `${place}/tools`);
      this.#inside(settingsOf(tool), () => place);
    }
  }

  /** What is found in messages and tools. */
  readonly #finds: Finds = {
    twin: (at, field) => {
      throw otherSpelling(at, field);
    },
    url: (url, at) => this.#use({ at: at(), name: "media by URL", effects: effectsOfUrl(url) }),
    mark: (at) => {
      const measure = { of: "media", value: "an hour" } as const;
      this.#use({ at, name: "cache_control for an hour", effects: ["price"], measure });
    },
    unknown: (key, value, at, isOfMessage) => this.#stray(key, value, at, isOfMessage),
  };

  /** A member of a message that is not its words: some APIs take tools and settings in the middle of a conversation. */
  #stray(key: string, value: unknown, at: () => string, isOfMessage: boolean): void {
    let stray = this.#strays.get(key);
    if (stray === undefined) {
      this.#count();
      const name = canonicalName(key);
      stray = { name, isPlain: !governedNames.has(name) && !mergedObjects.has(name) && !isTelling(name) };
      this.#strays.set(key, stray);
    }
    const { name, isPlain } = stray;
    if (name === "tools") {
      this.#tools(value, at());
      readOffers(value, at(), this.#finds);
    } else if (isPlain && name !== "model") {
      this.#address(value, at);
      this.#inside(value, at);
    } else if (name === "model" && isName(value)) this.#use({ at: at(), name, effects: ["model"] });
    else if (!this.#member(name, value, at, isOfMessage)) this.#unlisted(name, value, at);
  }

  /** Notes a use, and of several that ask for the same thing the first. None is left out, however many there are. */
  #use(asked: Use): void {
    // What is only kept is handed on to no address.
    const effects = this.#isKept ? asked.effects.filter((effect) => effect !== "reach") : asked.effects;
    if (effects.length === 0) return;
    const use = { ...asked, effects };
    const key = `${use.name}\n${use.effects.join()}\n${use.measure?.value ?? ""}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.uses.push(use);
  }

  #count(): void {
    if (--this.#left >= 0) return;
    throw modelFault("dialect.invalid", `the parameters hold more than ${maxParameterValues} values`, {
      limit: "maxParameterValues",
      remedy: "send large values as content, or leave them out",
    });
  }
}

/** Names that mean something to JavaScript and to no server: what stands inside is data. */
const languageNames: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Whether a value asks for nothing but the ordinary: null, one of the known words, or a list of such. */
function isOrdinary(value: unknown, ordinary: readonly unknown[] = []): boolean {
  if (typeof value === "string") return ordinary.includes(value.toLowerCase());
  if (Array.isArray(value)) return value.every((item) => ordinary.includes(item));
  return ordinary.includes(value);
}

function wordOf(value: unknown): string {
  return typeof value === "string" ? value.toLowerCase().slice(0, 64) : "unreadable";
}

function otherSpelling(at: string, name: string): Error {
  return modelFault(
    "dialect.invalid",
    `${at} is another spelling or place of "${name}", and servers differ in which they take`,
    {
      at,
      remedy: `send "${name}" in the body itself, spelled so`,
    },
  );
}
