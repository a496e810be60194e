// A gateway's stages over drivers that need no network: a ledger in memory, SQLite for budgets, the built-in model.
import { AnswerCache, noWishes } from "../../../src/answer-cache/index.ts";
import { MemoryCache } from "../../../src/answer-cache/memory-cache.ts";
import { MemorySemanticIndex } from "../../../src/answer-cache/memory-semantic-index.ts";
import { budgetMigrations, openBudgets } from "../../../src/budgets/index.ts";
import { defaultConstitutionDir, loadConstitution } from "../../../src/constitution/index.ts";
import type { Constitution, ModelTerms } from "../../../src/constitution/index.ts";
import type { BodyKeeper, KeptCall } from "../../../src/gateway/bodies.ts";
import type { Database } from "../../../src/db/index.ts";
import type { CallSession } from "../../../src/gateway/call-session.ts";
import { DeploymentPool } from "../../../src/deployments/index.ts";
import type { AttemptFacts, CallFacts } from "../../../src/gateway/observer.ts";
import type { CallOptions, Prepared } from "../../../src/gateway/prepared.ts";
import { decide } from "../../../src/gateway/stages/decide.ts";
import { guard } from "../../../src/gateway/stages/guard.ts";
import { digest, read } from "../../../src/gateway/stages/read.ts";
import { route } from "../../../src/gateway/stages/route.ts";
import { openGate } from "../../../src/governance/index.ts";
import type { Halts } from "../../../src/governance/index.ts";
import { identityMigrations } from "../../../src/identity/index.ts";
import { MemoryCounter } from "../../../src/identity/rates/memory-counter.ts";
import { systemClock } from "../../../src/kernel/clock.ts";
import { silentLog } from "../../../src/kernel/ctx.ts";
import type { Ctx } from "../../../src/kernel/ctx.ts";
import { newId } from "../../../src/kernel/ids.ts";
import type { Leaf, Ledger } from "../../../src/ledger/index.ts";
import { frontDialects, Lookup, openPrices, simulatedDeployments, RuleTrusts } from "../../../src/models/index.ts";
import { upstreamDialects } from "../../../src/models/index.ts";
import { SimulatedUpstream } from "../../../src/models/simulated/upstream.ts";
import { openAnalyser } from "../../../src/routing/index.ts";
import { formChecker } from "../../../src/structured-output/index.ts";
import { UnreliableDatabase } from "../storage/unreliable-database.ts";
import { temporaryDatabase } from "../storage/temporary-database.ts";

/** The product that calls. */
export const product = "AI_ASSISTANT";

/** A body that the built-in model answers. */
export const hello = { model: "simulated-nano", messages: [{ role: "user", content: "hello" }] };

/** The default constitution, with other terms for all products. */
export function constitutionWith(terms: Partial<ModelTerms>): Constitution {
  const constitution = loadConstitution(defaultConstitutionDir());
  const { data } = constitution;
  const gateway = { ...data.gateway, terms: { ...data.gateway.terms, ...terms } };
  return { ...constitution, data: { ...data, gateway } };
}

/** A caller of the product. */
export function callerOf(signal: AbortSignal = new AbortController().signal): Ctx {
  return {
    principal: { id: "key_test0001", kind: "product", product, role: "developer" },
    operation: "chat.create",
    permission: "task.create",
    address: "",
    requestId: newId<"request">(systemClock),
    signal,
    clock: systemClock,
    log: silentLog,
  };
}

/** What a call says. */
export interface Said {
  readonly body?: Readonly<Record<string, unknown>>;
  readonly options?: Partial<CallOptions>;
  readonly ctx?: Ctx;
}

/** A gate over a ledger in memory, and a halt of everything that a test can set. */
function governedBy(constitution: Constitution, database: Database) {
  const leaves: Leaf[] = [];
  const append: Ledger["append"] = async (added) => {
    leaves.push(...added);
    return leaves.length - added.length;
  };
  const halted = { is: false };
  const halts = { stops: () => halted.is, suspends: () => false, inForce: () => [], onChange: () => {} };
  const gate = openGate({
    constitution,
    ledger: { append } as unknown as Ledger,
    halts: halts as unknown as Halts,
    credentials: { present: async () => undefined, presentAll: async () => new Map() },
    database,
    log: silentLog,
  });
  return { gate, leaves, halted };
}

/** Opens the drivers; disposing of the rig removes its database. @param defaultTokens The budget of every product; 0 for no limit. */
export async function openStageRig(terms: Partial<ModelTerms> = {}, defaultTokens = 0) {
  const constitution = constitutionWith(terms);
  const opened = await temporaryDatabase([...identityMigrations, ...budgetMigrations]);
  const database = new UnreliableDatabase(opened.database);
  const governed = governedBy(constitution, database);
  const attempts: AttemptFacts[] = [];
  const calls: CallFacts[] = [];
  const kept: KeptCall[] = [];
  const keeper: BodyKeeper = { keep: async (_, call) => void kept.push(call) };
  const at = { clock: systemClock, log: silentLog };
  const { tiers } = constitution.data.gateway;
  const parts = {
    constitution,
    lookup: new Lookup({ deployments: [], providers: [] }, simulatedDeployments(tiers), tiers),
    fronts: frontDialects,
    dialects: upstreamDialects,
    analyser: openAnalyser("classic"),
    fleet: new DeploymentPool({ connect: () => new SimulatedUpstream(), ...at }),
    gate: governed.gate,
    budgets: openBudgets({ db: database, ...at, defaultTokens }),
    counter: new MemoryCounter(systemClock),
    cache: new AnswerCache({ near: new MemoryCache({ clock: systemClock }), ...at }),
    similar: new MemorySemanticIndex({ threshold: 0.97, log: silentLog }),
    embed: async () => Float32Array.of(1),
    keeper,
    prices: openPrices({ clock: systemClock }),
    ruleTrusts: new RuleTrusts(),
    forms: formChecker(),
    observer: {
      attempted: (facts: AttemptFacts) => void attempts.push(facts),
      ended: (facts: CallFacts) => void calls.push(facts),
    },
    deadlines: { connectMs: 1000, headersMs: 1000, idleMs: 1000, totalMs: 1000 },
    maxAttempts: 3,
    repeatsAccepted: false,
    maxReplyBytes: 1024 * 1024,
    random: () => 0,
  };
  const prepare = async ({ body = hello, options = {}, ctx = callerOf() }: Said = {}): Promise<Prepared> => {
    const incoming = { dialect: "openai-chat", body, options: { cache: noWishes, passed: {}, ...options } } as const;
    return route(ctx, await guard(ctx, read(ctx, incoming, parts), parts), parts);
  };
  return {
    parts,
    database,
    ...governed,
    attempts,
    calls,
    kept,
    prepare,
    /** A call that has been decided. */
    async begin({ body = hello, ctx = callerOf(), ...said }: Said = {}): Promise<CallSession> {
      const startMs = performance.now();
      const incoming = { dialect: "openai-chat", body, options: { cache: noWishes, passed: {} } } as const;
      const digests = await digest(incoming, ctx.signal);
      const prepared = await prepare({ body, ctx, ...said });
      return decide(ctx, prepared, { raw: body, digests, startMs }, parts);
    },
    async [Symbol.asyncDispose]() {
      await parts.fleet[Symbol.asyncDispose]();
      await parts.budgets[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}
