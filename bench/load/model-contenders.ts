// Who is compared: the provider itself, the least that a proxy can be, Charter with all it does, and the peer. Each is a
// process of its own, and all forward to the same provider.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { maxAmount } from "../../src/budgets/index.ts";
import { startPeer } from "../peer.ts";
import type { CallTarget } from "./model-load.ts";
import { spawnNode } from "./model-process.ts";
import type { Spawned } from "./model-process.ts";

/** The names of those who are compared. */
export type ContenderName = "direct" | "proxy" | "charter" | "peer";

/** One that is compared. */
export interface Contender {
  readonly name: ContenderName;
  readonly target: CallTarget;
  readonly process: Spawned;
}

/** A Charter whose only provider is the given one. */
export interface CharterContender extends Contender, AsyncDisposable {
  /** A new key of a product. */
  productKey(product: string): Promise<string>;
}

const root = resolve(import.meta.dirname, "../..");
/** More than any part of the bench has open at a time. */
const enough = 8192;

/** Starts the scripted provider. */
export async function startProvider(): Promise<Contender & AsyncDisposable> {
  // Its streams without an end gather listeners, which it would say again and again.
  const quiet = "--disable-warning=MaxListenersExceededWarning";
  const process = spawnNode([quiet, join(root, "test/support/gateway/upstream-process.ts")]);
  const { url } = await process.next<{ url: string }>();
  return { name: "direct", target: { url, headers: {} }, process, [Symbol.asyncDispose]: () => end(process) };
}

/** Starts the bare proxy. */
export async function startProxy(upstream: string): Promise<Contender & AsyncDisposable> {
  const process = spawnNode([join(import.meta.dirname, "model-proxy.ts"), upstream]);
  const { url } = await process.next<{ url: string }>();
  return { name: "proxy", target: { url, headers: {} }, process, [Symbol.asyncDispose]: () => end(process) };
}

/** Starts the peer. @throws Error when it cannot be had. */
export async function startPeerContender(upstream: string): Promise<Contender & AsyncDisposable> {
  const peer = await startPeer();
  const { process } = peer;
  const target = { url: peer.url, headers: peer.headers(upstream) };
  return { name: "peer", target, process, [Symbol.asyncDispose]: () => end(process) };
}

/** The tiers that a router chooses from. */
const tiers = [1, 2, 3, 4, 5];

/** Each script as a model of the last tier, and in every tier a better one that simply answers, for calls that name none. */
function catalogueOf(upstream: string, models: readonly string[]): string {
  const common = {
    provider: "scripted",
    latencyMs: 100,
    price: { inputMicrodollarsPerMillion: 150_000, outputMicrodollarsPerMillion: 600_000 },
    concurrency: enough,
  };
  return stringify(
    {
      providers: {
        scripted: {
          kind: "openai-compatible",
          baseUrl: `${upstream}/v1`,
          keyless: true,
          maxDataClass: "restricted",
          connections: enough,
        },
      },
      deployments: [
        ...models.map((model) => ({ ...common, name: model, model, tier: tiers.length, compliancePercent: 85 })),
        ...tiers.map((tier) => ({ ...common, name: `any-${tier}`, model: `any-${tier}`, tier, compliancePercent: 95 })),
      ],
    },
    { aliasDuplicateObjects: false },
  );
}

/** Starts Charter with everything on: policy, budgets, the durable ledger, guards; the limits count and do not limit. */
export async function startCharter(
  upstream: string,
  models: readonly string[],
  node: readonly string[] = [],
): Promise<CharterContender> {
  const folder = await mkdtemp(join(tmpdir(), "charter-bench-"));
  const catalogue = join(folder, "catalogue.yaml");
  await writeFile(catalogue, catalogueOf(upstream, models));
  const serve = ["serve", "--port", "0", "--data", join(folder, "data"), "--json", "--log-level", "error"];
  // One client is all clients here.
  const open = ["--max-connections", String(enough), "--max-connections-per-address", String(enough)];
  const free = ["--rate-factor", "10000", "--max-event-loop-delay-ms", "0", "--catalogue-file", catalogue];
  const process = spawnNode([...node, join(root, "bin/charter.cjs"), ...serve, ...open, ...free]);
  const dispose = async (): Promise<void> => {
    await end(process);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const { url, admin_key: adminKey } = await process.next<{ url: string; admin_key: string }>();
    const post = (path: string, body: object): Promise<Record<string, unknown>> => asAdmin(url, adminKey, path, body);
    const productKey = async (product: string): Promise<string> => {
      await post("/v1/budgets", { scope: { product }, unit: "tokens", window: "total", limit: maxAmount });
      await post("/v1/budgets", { scope: { product }, unit: "microdollars", window: "month", limit: maxAmount });
      return String((await post("/v1/keys", { kind: "product", product }))["key"]);
    };
    const authorization = `Bearer ${await productKey("AI_ASSISTANT")}`;
    const target = { url, headers: { authorization } };
    return { name: "charter", target, process, productKey, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function asAdmin(url: string, key: string, path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

async function end(process: Spawned): Promise<void> {
  await process[Symbol.asyncDispose]();
}
