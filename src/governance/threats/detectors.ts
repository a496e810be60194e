// The one table of inline detectors, in the order of their ids, and the scan that runs them all.
import { aiEscalation } from "./ai-escalation.ts";
import { circumstancesOf } from "./circumstances.ts";
import { crossProduct } from "./cross-product.ts";
import { executorOverride } from "./executor-override.ts";
import { metadataPoisoning } from "./metadata-poisoning.ts";
import { storageExhaustion } from "./storage-exhaustion.ts";
import type { Detector, Finding, ThreatInput } from "./threat.ts";
import { writeCollision } from "./write-collision.ts";

/** Every inline detector, one per threat. */
export const detectors: readonly Detector[] = [
  storageExhaustion,
  metadataPoisoning,
  writeCollision,
  executorOverride,
  aiEscalation,
  crossProduct,
];

const callerDetectors = detectors.filter(({ looksAt }) => looksAt === "caller");

/** What is known of a request other than who asks for what; without any of it there is nothing to look at. */
const evidence = ["client", "metadata", "content", "storage", "collision"] as const;

/**
 * Everything the inline detectors find in one attempted act, blocking findings first. Pure; never throws for any JSON.
 * @param of Those of a caller that may not do it look at who asks for what alone: what it sent concerns nothing.
 */
export function scanThreats(input: ThreatInput, of: "permitted" | "forbidden" = "permitted"): readonly Finding[] {
  const circumstances = circumstancesOf(input);
  const isSeen = of === "permitted" && evidence.some((part) => input[part] !== undefined);
  const asked = isSeen ? detectors : callerDetectors;
  const findings = asked.flatMap((detector) => detector.detect(circumstances));
  return findings.toSorted((left, right) => Number(right.blocks) - Number(left.blocks));
}
