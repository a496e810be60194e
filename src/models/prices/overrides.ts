// The operator's own prices, which win over the library's. A price that a row leaves out follows from the others: cached
// tokens cost what input tokens do, tokens written for an hour what written ones do, reasoning what output does, audio what
// text does; searches and requests are free.
import { below } from "../../kernel/json-pointer.ts";
import { nearestName } from "../../kernel/nearest.ts";
import { priceFault } from "./errors.ts";
import { Schedule } from "./schedule.ts";
import { Tariff } from "./tariff.ts";
import type { PriceLine } from "./tariff.ts";
import type { ServicePercents } from "./service-factors.ts";
import { overlapOf, unitsByName } from "./units.ts";
import type { Unit } from "./units.ts";

/** A price that a row may give. */
interface Field {
  readonly unit: string;
  /** What the number of micro-dollars buys. */
  readonly per: number;
  readonly required: boolean;
}

const perMillion = (unit: string, required = false): Field => ({ unit, per: 1_000_000, required });
const perThousand = (unit: string): Field => ({ unit, per: 1000, required: false });

/** Every price that a row may give, integer micro-dollars. */
const fields: Readonly<Record<string, Field>> = {
  inputMicrodollarsPerMillion: perMillion("input_tokens", true),
  outputMicrodollarsPerMillion: perMillion("output_tokens", true),
  cacheReadMicrodollarsPerMillion: perMillion("cache_read_tokens"),
  cacheWriteMicrodollarsPerMillion: perMillion("cache_write_tokens"),
  cacheWrite1hMicrodollarsPerMillion: perMillion("cache_write_1h_tokens"),
  reasoningMicrodollarsPerMillion: perMillion("output_reasoning_tokens"),
  inputAudioMicrodollarsPerMillion: perMillion("input_audio_tokens"),
  outputAudioMicrodollarsPerMillion: perMillion("output_audio_tokens"),
  webSearchMicrodollarsPerThousand: perThousand("web_searches"),
  requestMicrodollarsPerThousand: perThousand("requests"),
};

/** The key under which a row says what other services than the ordinary one cost. */
const servicesKey = "servicePercents";

const keys: readonly string[] = ["provider", "model", servicesKey, ...Object.keys(fields)];

/** Highest service factor accepted, percent of the ordinary price, and most services of a model. */
const [maxPercent, maxServices] = [10_000, 32];

/** The operator's prices of one model. */
export interface OwnPrices {
  readonly schedule: Schedule;
  readonly services: ServicePercents;
}

/** Highest price accepted, micro-dollars: a dollar a token. More is a slip of the unit. */
const maxPrice = 1_000_000_000_000;

/** Most rows accepted; the published lists of all providers together have fewer. */
const maxRows = 10_000;

/** The key under which a model's own prices are kept; names are compared as the library compares them, without case. */
export function overrideKey(provider: string, model: string): string {
  return JSON.stringify([provider, model].map((name) => name.trim().toLowerCase()));
}

/**
 * Reads a parsed list of prices; undefined and null are the empty list.
 * @throws `prices.invalid` with `at` as a JSON pointer into the list.
 */
export function readOverrides(list: unknown): ReadonlyMap<string, OwnPrices> {
  const schedules = new Map<string, OwnPrices>();
  if (list === undefined || list === null) return schedules;
  if (!Array.isArray(list)) throw invalid("", "the prices must be a list");
  if (list.length > maxRows) throw invalid("", `the list has more than ${maxRows} prices`);
  for (const [place, value] of (list as readonly unknown[]).entries()) {
    const at = `/${place}`;
    const row = rowOf(value, at);
    const key = overrideKey(nameOf(row, "provider", at), nameOf(row, "model", at));
    if (schedules.has(key)) throw invalid(at, "the list prices this model twice");
    const schedule = Schedule.constant(new Tariff(tableOf(row, at)));
    schedules.set(key, { schedule, services: servicesOf(row[servicesKey], `${at}/${servicesKey}`) });
  }
  return schedules;
}

type Row = Readonly<Record<string, unknown>>;

function rowOf(value: unknown, at: string): Row {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(at, "a price must be an object with provider, model and prices");
  }
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    const nearest = nearestName(unknown, keys);
    const hint = nearest === undefined ? `; known are ${keys.join(", ")}` : `; did you mean "${nearest}"?`;
    throw invalid(below(at, unknown), `unknown key "${unknown}"${hint}`);
  }
  return value as Row;
}

function servicesOf(value: unknown, at: string): ServicePercents {
  if (value === undefined) return new Map();
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject || Object.keys(value).length > maxServices) {
    throw invalid(at, `${servicesKey} must be an object of at most ${maxServices} services`);
  }
  return new Map(
    Object.entries(value).map(([word, percent]) => {
      if (Number.isSafeInteger(percent) && percent >= 1 && percent <= maxPercent) return [word.toLowerCase(), percent];
      throw invalid(
        `${at}/${word}`,
        `the price of a service must be a whole number of percent from 1 to ${maxPercent}`,
      );
    }),
  );
}

function nameOf(row: Row, key: "provider" | "model", at: string): string {
  const name = row[key];
  if (typeof name === "string" && name.trim() !== "" && name.length <= 256) return name;
  throw invalid(`${at}/${key}`, `${key} must be a name of at most 256 characters`);
}

function tableOf(row: Row, at: string): readonly PriceLine[] {
  const lines: PriceLine[] = [];
  for (const [key, { unit: name, per, required }] of Object.entries(fields)) {
    const price = row[key];
    if (price === undefined && !required) continue;
    if (!Number.isSafeInteger(price) || (price as number) < 0 || (price as number) > maxPrice) {
      throw invalid(`${at}/${key}`, `${key} must be a whole number of micro-dollars from 0 to ${maxPrice}`);
    }
    const unit = unitsByName.get(name);
    if (unit === undefined) continue;
    lines.push({ unit, price: { numerator: BigInt(price as number), denominator: BigInt(per) }, steps: [] });
  }
  return [...lines, ...overlapLines(lines)];
}

/**
 * Prices for what falls under two prices at once, such as cached audio: the price of its purpose (cached, reasoning) holds.
 * Without them such tokens would be taken off their whole twice.
 */
function overlapLines(lines: readonly PriceLine[]): PriceLine[] {
  return lines.flatMap((purpose) =>
    lines.flatMap((medium) => {
      const overlap = hasOnlyMedium(medium.unit) ? overlapOf(purpose.unit, medium.unit) : undefined;
      return overlap === undefined ? [] : [{ ...purpose, unit: overlap }];
    }),
  );
}

function hasOnlyMedium({ dimensions }: Unit): boolean {
  return dimensions.has("medium") && !dimensions.has("kind");
}

function invalid(at: string, detail: string): Error {
  return priceFault("prices.invalid", `${at === "" ? "the list" : at}: ${detail}`, { at });
}
