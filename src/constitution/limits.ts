// Numeric limits and bands, as pure functions over the constitution's data. Nothing here refuses by itself: each
// function says how a measured value stands, and the caller acts on it. Bytes are decimal; counts are exact integers.
import type { Band, ConstitutionData, HumanRole, StorageEdge } from "./data.ts";
import { constitutionFault } from "./errors.ts";

/** How an artifact's size stands. */
export interface SizeCheck {
  readonly allowed: boolean;
  /** Large enough to be a signal of storage exhaustion, though it may be allowed. */
  readonly large: boolean;
  readonly limit: "artifactMaxBytes";
  readonly maxBytes: number;
}

/** Whether an artifact of this many bytes may be stored: up to `artifactMaxBytes`, inclusive. */
export function checkArtifactSize({ limits }: ConstitutionData, sizeBytes: number): SizeCheck {
  const size = count("sizeBytes", sizeBytes);
  const maxBytes = limits.artifactMaxBytes;
  return { allowed: size <= maxBytes, large: size > limits.largeArtifactBytes, limit: "artifactMaxBytes", maxBytes };
}

/** Whether a registered product may store this artifact type; nothing is allowed to a product that is not registered. */
export function allowsType({ products }: ConstitutionData, product: string, artifactType: string): boolean {
  return Object.hasOwn(products, product) && products[product]?.artifactTypes.includes(artifactType) === true;
}

/** How full storage is, in the words of the predecessor's monitor. */
export interface StorageStatus {
  readonly status: StorageEdge["status"];
  readonly level: StorageEdge["level"];
  readonly band: Band;
  /** Rounded down to hundredths, so that an edge is never shown before it is reached. */
  readonly usage_percent: number;
  readonly used_bytes: number;
  readonly total_bytes: number;
  readonly free_bytes: number;
  /** `none`, `Ops_Team` or `Owner+Ops_Team`. */
  readonly escalation_path: string;
  readonly response_timeline: StorageEdge["timeline"];
  readonly writes_halted: boolean;
}

/** How full storage is. A total of 0 is full. */
export function storageStatus(
  { storage, limits }: ConstitutionData,
  usedBytes: number,
  totalBytes: number = limits.storageTotalBytes,
): StorageStatus {
  const used = count("usedBytes", usedBytes);
  const total = count("totalBytes", totalBytes);
  const edge = storage.findLast(({ fromPercent }) => reaches(used, total, fromPercent)) ?? storage.at(-1);
  if (edge === undefined) throw constitutionFault("constitution.invalid", "the storage table is empty");
  return {
    status: edge.status,
    level: edge.level,
    band: edge.band,
    usage_percent: percentOf(used, total),
    used_bytes: used,
    total_bytes: total,
    free_bytes: Math.max(0, total - used),
    escalation_path: escalationPath(edge.escalateTo),
    response_timeline: edge.timeline,
    writes_halted: edge.haltsWrites,
  };
}

/** Roles as the monitor spells an escalation path: `none`, `Ops_Team`, `Owner+Ops_Team`. */
export function escalationPath(roles: readonly HumanRole[]): string {
  if (roles.length === 0) return "none";
  return roles.map((role) => role.replace(/(^|_)[a-z]/g, (start) => start.toUpperCase())).join("+");
}

/** The band of so many writers at work. */
export function writersBand(data: ConstitutionData, writers: number): Band {
  return bandOf(data, "concurrentWriters", writers);
}

/** The band of so many writes per second. */
export function throughputBand(data: ConstitutionData, writesPerSecond: number): Band {
  return bandOf(data, "writesPerSecond", writesPerSecond);
}

/** The band of a p99 query time, milliseconds. */
export function queryBand(data: ConstitutionData, p99Ms: number): Band {
  return bandOf(data, "queryP99Ms", p99Ms);
}

function bandOf({ bands }: ConstitutionData, name: keyof ConstitutionData["bands"], value: number): Band {
  if (!Number.isFinite(value) || value < 0) throw notANumber(name, value);
  const edge = bands[name].findLast((each) => ("from" in each ? value >= each.from : value > each.above));
  return edge?.band ?? "GREEN";
}

/** How a product's quota stands. */
export interface QuotaState {
  readonly product: string;
  /** WARNING from `quotaWarnPercent`, FULL when nothing more fits. */
  readonly state: "UNREGISTERED" | "HEALTHY" | "WARNING" | "FULL";
  /** Whether what was to be added fits; an exact fit does. */
  readonly fits: boolean;
  readonly quota_bytes: number;
  readonly used_bytes: number;
  readonly free_bytes: number;
  /** Rounded down to hundredths. */
  readonly usage_percent: number;
}

/** How a product's quota stands with `usedBytes`, and whether `addingBytes` more would fit. */
export function quotaState(
  { products, limits }: ConstitutionData,
  product: string,
  usedBytes: number,
  addingBytes = 0,
): QuotaState {
  const used = count("usedBytes", usedBytes);
  const adding = count("addingBytes", addingBytes);
  const quota = Object.hasOwn(products, product) ? products[product]?.quotaBytes : undefined;
  if (quota === undefined) {
    const nothing = { quota_bytes: 0, free_bytes: 0, usage_percent: 100 };
    return { product, state: "UNREGISTERED", fits: false, used_bytes: used, ...nothing };
  }
  const near = reaches(used, quota, limits.quotaWarnPercent) ? "WARNING" : "HEALTHY";
  return {
    product,
    state: used >= quota ? "FULL" : near,
    fits: used <= quota && adding <= quota - used,
    quota_bytes: quota,
    used_bytes: used,
    free_bytes: Math.max(0, quota - used),
    usage_percent: percentOf(used, quota),
  };
}

/** Whether `part` is at least `percent` of `whole`, exactly; products of large counts would not fit a double. */
function reaches(part: number, whole: number, percent: number): boolean {
  return BigInt(part) * 100n >= BigInt(percent) * BigInt(whole);
}

/** A share in percent, rounded down to hundredths; of nothing, 100. */
function percentOf(part: number, whole: number): number {
  return whole === 0 ? 100 : Number((BigInt(part) * 10_000n) / BigInt(whole)) / 100;
}

function count(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw notANumber(name, value);
  return value;
}

function notANumber(name: string, value: number) {
  return constitutionFault("limit.not_a_number", `${name} cannot be ${value}`);
}
