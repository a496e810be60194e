// Calls of models, whole and streamed, under budgets that are large, small, or set anew meanwhile.
import type { Told } from "./client.ts";
import type { Bill, Provider } from "./provider.ts";
import type { Random } from "./random.ts";
import { asked, holds, products } from "./work.ts";
import type { Ended, Product, Seen, Surroundings, Work } from "./work.ts";

const productNames = Object.keys(products) as Product[];

/** Projects, and the tokens that each may use; the first has the default, which nothing here uses up. */
const projects = ["wide", "narrow", "moved"] as const;
type Project = (typeof projects)[number];

/** One call. */
interface Call {
  readonly marker: string;
  readonly product: Product;
  readonly project: Project;
  told?: Told;
  toldMs?: number;
  /** Its budget may have been lost with the machine. */
  isUnsure: boolean;
}

interface Line {
  readonly scope: { readonly project?: string };
  readonly unit: string;
  readonly limit: number;
  readonly used: number;
  readonly held: number;
  readonly available: number;
}

/** The work. */
export class CallWork implements Work {
  readonly name = "calls";
  readonly #around: Surroundings;
  readonly #provider: Provider;
  readonly #keys = new Map<Product, string>();
  readonly #calls = new Map<string, Call>();
  /** Limits that were acknowledged, by product and project; several where one change of them got no answer. */
  readonly #limits = new Map<string, number[]>();

  /** How often a limit may have changed, and what was taken of it when that was looked at last. */
  readonly #changes = new Map<string, number>();
  readonly #ceilings = new Map<string, { readonly changes: number; readonly taken: number }>();

  constructor(around: Surroundings, provider: Provider) {
    this.#around = around;
    this.#provider = provider;
  }

  async prepare(): Promise<void> {
    for (const product of productNames) {
      const body = { kind: "product", product };
      const { json } = await asked(this.#around, "/v1/keys", { key: this.#around.adminKey(), body });
      this.#keys.set(product, json.key);
      await this.#limit(product, "narrow", 20_000);
      await this.#limit(product, "moved", 30_000);
    }
  }

  async act(chance: Random): Promise<void> {
    const product = chance.pick(productNames);
    if (chance.chance(0.1)) return this.#limit(product, "moved", 500 * (1 + chance.below(40)));
    const project = chance.pick(projects);
    const marker = `call-${this.#calls.size}`;
    const call: Call = { marker, product, project, isUnsure: false };
    this.#calls.set(marker, call);
    call.told = await asked(this.#around, "/v1/chat/completions", {
      key: this.#keys.get(product),
      headers: { "x-charter-project": project },
      body: {
        model: chance.pick(["first", "second"]),
        max_tokens: 100 + chance.below(900),
        stream: chance.chance(0.5),
        messages: [{ role: "user", content: marker }],
      },
      ...(chance.chance(0.15) ? { leavesAfterMs: chance.between(0, 2000) } : {}),
    });
    call.toldMs = this.#around.timeline.nowMs;
  }

  async #limit(product: Product, project: Project, limit: number): Promise<void> {
    const place = `${product} ${project}`;
    const before = this.#limits.get(place) ?? [];
    this.#changes.set(place, (this.#changes.get(place) ?? 0) + 1);
    // Until it is acknowledged, either holds.
    this.#limits.set(place, [...before, limit]);
    const { status } = await asked(this.#around, "/v1/budgets", {
      key: this.#around.adminKey(),
      body: { scope: { product, project }, unit: "tokens", window: "total", limit },
    });
    if (status === 201) this.#limits.set(place, [limit]);
    else if (status !== 0 && status < 500) this.#limits.set(place, before);
  }

  /** What callers have heard of outlives the process, and what came before a durable commit outlives the machine. */
  ended({ how, durableMs }: Ended): void {
    if (how !== "power cut") return;
    for (const call of this.#calls.values()) if ((call.toldMs ?? durableMs) >= durableMs) call.isUnsure = true;
  }

  async check(seen: Seen): Promise<void> {
    for (const product of productNames) {
      for (const project of projects) await this.#checkBudget(product, project, seen);
    }
    this.#checkRecords(seen);
  }

  async #checkBudget(product: Product, project: Project, { isLast }: Seen): Promise<void> {
    const path = `/api/v1/budget/state?product=${product}&project=${project}`;
    const { status, json } = await asked(this.#around, path, { key: this.#around.adminKey() });
    holds(status === 200, "budgets can be read", () => [status, json]);
    const lines = (json.budgets as Line[]).filter(({ unit }) => unit === "tokens");
    const line = lines.find(({ scope }) => scope.project === project) ?? lines[0];
    const limits = this.#limits.get(`${product} ${project}`);
    if (line === undefined) return holds(false, "a product has a budget", () => json);
    const { limit, used, held, available } = line;
    holds(limits === undefined || limits.includes(limit), "a limit that was acknowledged is in force", () => [
      project,
      limits,
      line,
    ]);
    // A limit that was set lower than what had been used is passed by what was there before.
    const isExact = used + held <= limit ? used + held + available === limit : project === "moved" && available === 0;
    holds(isExact, "what is used, held and free is the limit", () => [product, project, line]);
    this.#checkCeiling(`${product} ${project}`, line);
    const billed = this.#billed(product, project);
    const sum = billed.reduce((tokens, bill) => tokens + bill.tokens, 0);
    holds(used + held >= Math.min(sum, limit), "budgets are charged what providers billed", () => [
      product,
      project,
      line,
      sum,
      billed,
    ]);
    if (isLast) holds(held === 0, "nothing is held for ever", () => [product, project, line]);
  }

  /** Under a limit that did not change since it was looked at last, nothing more is let in than it allows. */
  #checkCeiling(place: string, { limit, used, held }: Line): void {
    const changes = this.#changes.get(place) ?? 0;
    const before = this.#ceilings.get(place);
    if (before?.changes === changes) {
      const most = Math.max(limit, before.taken);
      holds(used + held <= most, "a limit that was acknowledged is enforced", () => [place, limit, used, held, before]);
    }
    this.#ceilings.set(place, { changes, taken: used + held });
  }

  #billed(product: Product, project: Project): Bill[] {
    return this.#provider.bills.filter(({ marker }) => {
      const call = this.#calls.get(marker);
      // Of an answer that was broken off, what had come until then is charged, or what can be known.
      const isHeard = call?.told !== undefined && call.told.status !== 0 && !call.isUnsure;
      return isHeard && call.product === product && call.project === project;
    });
  }

  /** What callers were answered is on record as it was. */
  #checkRecords({ leaves }: Seen): void {
    for (const { told, marker } of this.#calls.values()) {
      const { "x-charter-intent": intent, "x-charter-outcome": outcome } = told?.headers ?? {};
      if (told?.status !== 200 || intent === undefined) continue;
      holds(leaves[Number(intent)]?.kind === "intent", "an answer names its intent", () => [marker, intent]);
      const leaf = outcome === undefined ? undefined : leaves[Number(outcome)];
      const isTrue = outcome === undefined || (leaf?.outcome === "committed" && leaf.intent === Number(intent));
      holds(isTrue, "an answer names its outcome", () => [marker, outcome, leaf]);
    }
  }
}
