// Names that were ours alone and have given way to the field's, and words that comments stumbled over: none comes back.
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
  Room: "CallReservations",
  Said: "DecodedText, ReplyText, PricedReply",
  Shelf: "ArtifactReader",
  Shown: "ReplyStamp",
  Standing: "UserStatus, CredentialState, RuleTrust",
  Standings: "CredentialLookup, RuleTrusts",
  Station: "DeploymentState",
  Story: "IntentPairing",
  Stretch: "TimeSlice",
  Tally: "CounterState, CallUsage",
  TextTally: "TokenEstimator",
  Thinker: "ModelClient",
  Tiers: "TwoLevelCache",
  Till: "an in-memory admission",
  Trial: "AttemptPlan",
  Turns: "KeyedMutex",
};

/** What comments say instead. */
const twisted: Readonly<Record<string, string>> = {
  anew: "again",
  bears: "has",
  beside: "next to, in addition to, other than",
  dearest: "highest",
  deed: "act, result",
  fares: "goes",
  hence: "so",
  nobody: "no one",
  somebody: "someone",
  stranger: "third party, unknown caller",
  strangers: "third parties, unknown callers",
  thereof: "of it",
  thus: "so",
  upon: "on",
  whereof: "of which",
  wherein: "in which",
  whoever: "anyone who, or the caller by name",
  whomever: "anyone",
};

/** A line that is a comment. */
const comment = /^ *(?:\/\/|\*|\/\*\*).*$/gm;

const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => ({ name: join(folder, name), whole: readFileSync(join(folder, name), "utf8") }));

const sources = filesOf("src").map(({ name, whole }) => ({ name, text: whole.replaceAll(comment, "") }));
const comments = ["src", "bench", "scripts"]
  .flatMap(filesOf)
  .filter(({ name }) => !name.endsWith(".test.ts"))
  .map(({ name, whole }) => ({ name, text: (whole.match(comment) ?? []).join("\n") }));

describe("a name that was retired", () => {
  it.each(Object.entries(retired))("%s is not used; it is %s", (word) => {
    expect(sources.length).toBeGreaterThan(500);
    const identifier = new RegExp(`\\b${word}\\b`);
    expect(sources.filter(({ text }) => identifier.test(text)).map(({ name }) => name)).toEqual([]);
  });
});

describe("a twisted word", () => {
  it.each(Object.entries(twisted))("%s is in no comment; say %s", (word) => {
    expect(comments.length).toBeGreaterThan(600);
    const found = new RegExp(`\\b${word}\\b`, "i");
    expect(comments.filter(({ text }) => found.test(text)).map(({ name }) => name)).toEqual([]);
  });
});
