// What a parameter that no table names most likely changes, by the words in its name and the form of its value. New
// parameters of old kinds appear every month, and one that chooses a model is not let through because its name is new.
import { beginsWith } from "./names.ts";
import type { ParameterEffect } from "../../constitution/index.ts";
import { isName } from "./json.ts";

interface Likely {
  readonly words: RegExp;
  readonly effects: readonly ParameterEffect[];
  /** Values that have the effect. */
  readonly when: (value: unknown) => boolean;
}

/** A switch that is not off, a word, or an object of settings. */
const isOn = (value: unknown): boolean =>
  typeof value === "string" ? !offWords.has(value.toLowerCase()) : value !== false && value !== 0;

const offWords = new Set(["", "none", "off", "false", "disabled", "never"]);

const isSaid = (value: unknown): boolean => isName(value) || (typeof value === "object" && value !== null);

const kinds: readonly Likely[] = [
  { words: /model|fallback|deployment|checkpoint|adapter/, effects: ["model"], when: isName },
  {
    words:
      /apikey|apibase|baseurl|endpoint|credential|secretkey|accesskey|accesstoken|authtoken|authorization|organi[sz]ation/,
    effects: ["place"],
    when: isSaid,
  },
  {
    words:
      /^(?:aws|azure|vertex)|region|residency|datacenter|provider(?!options)|backend|upstream|cluster|routeto|zone$/,
    effects: ["place"],
    when: isSaid,
  },
  { words: /tier$|speed$|^turbo|billing|serviceclass|servicelevel|^qos/, effects: ["price"], when: isOn },
  {
    words:
      /search(?!es$)|plugin|mcp|brows|crawl|scrap|grounding|codeexec|codeinterp|servertool|hostedtool|builtintool|research|retrieval|knowledge|vectorstore|^rag$/,
    effects: ["tools", "price"],
    when: isOn,
  },
  {
    words:
      /webhook|callback|postback|notif|forward(?!pass)|sendto|relay|remotehost|mirror|deliver|destination|telemetry|exportto|reportto/,
    effects: ["reach"],
    when: isSaid,
  },
  {
    words:
      /retention|retain|persist|^store|^save|^log(?:ging|prompt|request|response)|training|datacollection|threadid|sessionid|conversationid|previousresponse|fileid|cacheid|memory/,
    effects: ["retention"],
    when: isOn,
  },
];

/** Any of the words, since most names hold none. */
const anyWord = new RegExp(kinds.map(({ words }) => words.source).join("|"));

/** Names that hold such words and mean something else. */
const harmless = /beamsearch|treesearch|kwargs$|memoryutil|timezone$|storeid$/;

/** An address with a scheme, as no sampling parameter has one. */
const address = /^\s*(?:https?|wss?|grpcs?|tcp|udp|unix|ftps?|s3|gs|file):\/\//i;

/** What a parameter most likely changes, by its canonical name; nothing when nothing speaks for it. */
export function likelyEffects(name: string, value: unknown): readonly ParameterEffect[] {
  if (!isTelling(name)) return [];
  const effects = kinds.flatMap((kind) => (kind.words.test(name) && kind.when(value) ? kind.effects : []));
  return [...new Set(effects)];
}

/** Whether a canonical name says that something may be changed. */
export function isTelling(name: string): boolean {
  return anyWord.test(name) && !harmless.test(name);
}

/** Whether a value is an address, or a list that holds one. */
export function isAddress(value: unknown): boolean {
  if (typeof value === "string") return beginsWith(address, value);
  return Array.isArray(value) && value.some((item) => typeof item === "string" && beginsWith(address, item));
}
