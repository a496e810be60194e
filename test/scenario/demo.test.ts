// The demo is run once, as a visitor would run it, without a terminal.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { plainEnv } from "../support/app/charter.ts";
import { requirement } from "../support/servers/requires.ts";

let status: number | null;
let shown: string;

beforeAll(() => {
  const run = spawnSync(process.execPath, [resolve("scripts/demo.ts")], {
    encoding: "utf8",
    env: plainEnv(),
    timeout: 220_000,
  });
  status = run.status;
  shown = `${run.stdout}${run.stderr}`;
});

describe("npm run demo", () => {
  it("ends well, with every claim kept", () => {
    expect(shown.replaceAll(/\s+/g, " ").trim()).toMatch(/\d{3,} claims were checked; all of them held\.$/);
    expect(status).toBe(0);
  });

  it("stores files of all four products and shows the table", () => {
    for (const product of ["AI_ASSISTANT", "AI_AVATAR", "GURUKUL", "ENFORCEMENT"]) {
      expect(shown).toMatch(
        new RegExp(`^  ${product} +\\w+Artifact +\\d+ +[\\d.]+ [kM]B +[\\d.]+ +\\d+/s +\\d+$`, "m"),
      );
    }
    expect(Number(/^  together +(\d+)/m.exec(shown)?.[1])).toBeGreaterThan(100);
  });

  it("shows one refusal of each kind with its explanation", () => {
    const refusals = [...shown.matchAll(/^ {6}(4\d\d|5\d\d) {2}([a-z_.]+)$/gm)].map(([, status, code]) => [
      status,
      code,
    ]);
    for (const wanted of [
      ["401", "credential.missing"],
      ["413", "content.too_large"],
      ["400", "bucket.size"],
      ["403", "governance.denied"],
      ["403", "governance.threat"],
      ["403", "governance.halted"],
      ["404", "artifact.not_found"],
      ["422", "content.digest_mismatch"],
      ["412", "artifact.exists"],
      ["412", "constitution.stale"],
      ["409", "idempotency.conflict"],
      ["507", "quota.exceeded"],
      ["503", "storage.full"],
    ]) {
      expect(refusals).toContainEqual(wanted);
    }
    for (const name of ["RULE_01_", "RULE_04_", "RULE_06_", "RULE_08_", "RULE_09_", "T2_", "T5_", "T6_", "T7_"]) {
      expect(shown).toContain(name);
    }
  });

  it("verifies the ledger, proves one artifact and shows that an edit fails at its entry", () => {
    expect(shown).toMatch(/^ {2}PASS {2}\d+ entries {2}root /m);
    const proven = /is the digest in ledger entry (\d+)/.exec(shown)?.[1];
    expect(shown).toMatch(new RegExp(`^ {2}FAIL {2}entry ${proven}: `, "m"));
  });

  it("has the Go program agree, or says why it could not be asked", () => {
    const go = requirement("go");
    expect(shown).toMatch(go.available ? /^ {2}PASS \d+ entries, .*inclusion proofs/m : /Not shown: .*go/);
  });

  it("keeps within a hundred columns and has no colour without a terminal", () => {
    expect(shown.split("\n").filter((line) => line.length > 100)).toEqual([]);
    expect(shown).not.toContain("\u001b");
  });
});
