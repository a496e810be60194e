// What tokens cost in another service than the ordinary one, in percent of the ordinary price, by provider and model.
// Published as of November 2026: OpenAI's pricing page (flex, priority, now "fast", and ultrafast), Anthropic's "Fast mode" and
// "Data residency", Google's "Optimization" (75 to 100 % more for priority), Groq's "Service tiers". Where a provider has
// one price for all, or publishes a range, the highest is used.

/** What a call asks for, or a reply reports; words in lower case. */
export interface Service {
  readonly tier?: string;
  readonly speed?: string;
  readonly geo?: string;
  /** Set when something is asked for that has a price apart from that of text: sound, a cache for an hour. */
  readonly media?: string;
}

interface Factor {
  readonly measure: Exclude<keyof Service, "media">;
  readonly words: readonly string[];
  /** Which models; every one when it is left out. The first row that fits counts. */
  readonly models?: RegExp;
  readonly percent: number;
}

const factor = (measure: Factor["measure"], words: string, percent: number, models?: RegExp): Factor => ({
  measure,
  words: words.split(" "),
  percent,
  ...(models && { models }),
});

/** Words that stand for the ordinary service wherever they are said. */
const ordinary = new Set([
  "",
  "auto",
  "default",
  "standard",
  "standard_only",
  "on_demand",
  "normal",
  "global",
  "not_available",
  // Capacity that was bought before; what is counted beyond it is the ordinary price.
  "scale",
  "provisioned_throughput",
]);

const openai: readonly Factor[] = [
  factor("tier", "flex batch", 50),
  factor("tier", "priority fast", 170, /gpt-4o(?!-mini)/),
  factor("tier", "priority fast", 175, /gpt-4\.1(?!-nano)|(?:^|\/)o3/),
  factor("tier", "priority fast", 200, /gpt-(?:4|5(?:\.[0-4])?(?![.\d]))|(?:^|\/)o\d/),
  factor("tier", "priority fast", 250),
  factor("tier", "ultrafast", 600),
];

const claudeFast: readonly Factor[] = [
  factor("speed", "fast", 600, /opus-4[-.][67]/),
  factor("speed", "fast", 200, /claude-(?:opus|fable)-/),
];

const factors: Readonly<Record<string, readonly Factor[]>> = {
  openai,
  azure: openai,
  openrouter: [...openai, ...claudeFast],
  anthropic: [
    ...claudeFast,
    // The priority tier is capacity that was bought before; what is billed beyond it is the ordinary price.
    factor("tier", "priority", 100),
    factor("tier", "batch", 50),
    factor("geo", "us", 110),
  ],
  google: [factor("tier", "flex batch", 50), factor("tier", "priority", 200)],
  groq: [factor("tier", "flex", 100), factor("tier", "batch", 50)],
};

/** Names of providers in price lists that are other names of one of them. */
const aliases: Readonly<Record<string, string>> = {
  gemini: "google",
  "google-gla": "google",
  "google-vertex": "google",
};

/** What an operator says that services cost, in percent of the ordinary price, by the word for each. */
export type ServicePercents = ReadonlyMap<string, number>;

const noPercents: ServicePercents = new Map();

/**
 * Percent of the ordinary price, rounded up; null when the cost of the service is unknown.
 * @param own What the operator says, which wins.
 */
export function servicePercent(
  provider: string,
  model: string,
  service: Service,
  own: ServicePercents = noPercents,
): number | null {
  const known = factorsOf(provider);
  let percent = 100;
  for (const measure of ["tier", "speed", "geo"] as const) {
    const word = service[measure]?.toLowerCase();
    if (word === undefined || ordinary.has(word)) continue;
    const factor = own.get(word);
    if (factor !== undefined) {
      percent = Math.ceil((percent * factor) / 100);
      continue;
    }
    const row = known?.find(
      (each) =>
        each.measure === measure && each.words.includes(word) && each.models?.test(model.toLowerCase()) !== false,
    );
    if (row === undefined) return null;
    percent = Math.ceil((percent * row.percent) / 100);
  }
  return percent;
}

/** Whether anything is known of the services that a provider sells. */
export function knowsServices(provider: string): boolean {
  return factorsOf(provider) !== undefined;
}

function factorsOf(provider: string): readonly Factor[] | undefined {
  const owner = provider.trim().toLowerCase();
  const name = Object.hasOwn(aliases, owner) ? (aliases[owner] ?? owner) : owner;
  return Object.hasOwn(factors, name) ? factors[name] : undefined;
}

/** The service that a reply says was given: in its own field, or in its account. */
export function serviceReported(account: Account | null, tier?: string): Service {
  const word = (name: string): string | undefined => {
    const value = account?.[name];
    return typeof value === "string" ? value : undefined;
  };
  const given = tier ?? word("service_tier") ?? word("serviceTier") ?? traffic(word("trafficType"));
  const [speed, geo] = [word("speed"), word("inference_geo")];
  return { ...(given && { tier: given }), ...(speed && { speed }), ...(geo && { geo }) };
}

/** How Google names the services in its accounts: `ON_DEMAND`, `ON_DEMAND_PRIORITY`, `ON_DEMAND_FLEX`, `PROVISIONED_THROUGHPUT`. */
function traffic(type: string | undefined): string | undefined {
  return type?.toLowerCase().replace(/^on_demand_(?=.)/, "");
}

type Account = Readonly<Record<string, unknown>>;

/** Highest cost that is believed, dollars. */
const maxDollars = 10_000;

/** Dollars for one of the units in which xAI says what a call cost. */
const dollarsPerTick = 1e-10;

/**
 * What a call cost by the provider's own account, micro-dollars rounded up; null where it does not say. OpenRouter, Requesty and
 * others say it as `cost` (their credits are dollars), Perplexity as `cost.total_cost`, DeepInfra as `estimated_cost`, xAI in
 * ticks. Servers that know no price say 0, so that says nothing.
 */
export function costReported(account: Account | null): number | null {
  const dollars = dollarsIn(account ?? {});
  if (dollars === undefined || !(dollars > 0) || dollars > maxDollars) return null;
  return Math.ceil(Number((dollars * 1_000_000).toFixed(3)));
}

function dollarsIn(account: Account): number | undefined {
  const { cost, cost_in_usd_ticks: ticks } = account;
  if (isAccount(cost)) return firstNumber(cost["total_cost"], cost["total"]);
  const own = firstNumber(cost, account["total_cost"], account["estimated_cost"]);
  if (own === undefined) return typeof ticks === "number" ? ticks * dollarsPerTick : undefined;
  // With a key of one's own at a broker, the broker's fee stands in `cost` and the provider's bill next to it.
  if (account["is_byok"] !== true) return own;
  const details = account["cost_details"];
  const upstream = isAccount(details) ? firstNumber(details["upstream_inference_cost"]) : undefined;
  return upstream === undefined ? undefined : own + upstream;
}

function firstNumber(...values: readonly unknown[]): number | undefined {
  return values.find((value) => typeof value === "number");
}

function isAccount(value: unknown): value is Account {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
