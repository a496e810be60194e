// Names that were ours alone and have given way to the field's: none of them comes back.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/** What is said instead. */
const retired: Readonly<Record<string, string>> = {
  Begun: "ActHandle",
  Beliefs: "TtlCache",
  Closings: "OutcomeRetrier",
  Course: "CallSession",
  Deed: "ActResult",
  Fleet: "DeploymentPool",
  Flight: "SingleFlight",
  Keyring: "KeyAdministration",
  KeyRing: "KeyRotation",
  Ladder: "EscalationPlan",
  Landing: "UpstreamResponse",
  Places: "Semaphore",
  Shelf: "ArtifactReader",
  Station: "DeploymentState",
  Story: "IntentPairing",
  Stretch: "TimeSlice",
  TextTally: "TokenEstimator",
  Thinker: "ModelClient",
  Tiers: "TwoLevelCache",
  Till: "an in-memory admission",
  Trial: "AttemptPlan",
  Turns: "KeyedMutex",
};

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({
    name,
    text: readFileSync(join("src", name), "utf8").replaceAll(/^ *(?:\/\/|\*|\/\*\*).*$/gm, ""),
  }));

describe("a name that was retired", () => {
  it.each(Object.entries(retired))("%s is not used; it is %s", (word) => {
    expect(sources.length).toBeGreaterThan(500);
    const identifier = new RegExp(`\\b${word}\\b`);
    expect(sources.filter(({ text }) => identifier.test(text)).map(({ name }) => name)).toEqual([]);
  });
});
