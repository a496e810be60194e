// What a suite needs beyond Node, and what happens when it is not there: the suite is skipped and says why, but in
// CI (CI=true) a missing server or tool is a failure, because there a skipped proof would look like a proof.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, it } from "vitest";
import { goPath, hasCommand } from "./packages.ts";

/** Something a suite can need. */
export type Need =
  | "postgres"
  | "redis"
  | "go"
  | "openssl"
  | "xxd"
  | "tmpfs"
  | "vectors"
  | "usages"
  | "curl"
  | "nginx"
  | "caddy"
  | "promtool";

/** Whether a need is met, and if not, why, as one sentence. */
export type Requirement = { readonly available: true } | { readonly available: false; readonly reason: string };

/** The folder of RFC 6962 proof vectors, which lies beside the project on some machines. */
export const vectorsFolder = new URL("../../../../shared/data/tlog/", import.meta.url);

/** Accounts of real model calls with their expected prices, which lie beside the project on some machines. */
export const usagesFile = new URL("../../../../shared/data/prices/usages.json", import.meta.url);

const available: Requirement = { available: true };

const needs: Readonly<Record<Need, () => Requirement>> = {
  postgres: () =>
    met(Boolean(process.env["CHARTER_TEST_POSTGRES_URL"]), "CHARTER_TEST_POSTGRES_URL is not set; `npm test` sets it"),
  redis: () => met(hasCommand("redis-server"), "redis-server is not installed (Debian: redis-server)"),
  go: () => {
    if (!hasCommand("go")) return missing("go is not installed (Debian: golang-go)");
    const sumdb = `${goPath}/src/golang.org/x/mod/sumdb/tlog`;
    return met(existsSync(sumdb), `${sumdb} is missing (Debian: golang-golang-x-mod-dev)`);
  },
  openssl: () => met(hasCommand("openssl"), "openssl is not installed"),
  curl: () => met(hasCommand("curl"), "curl is not installed"),
  nginx: () => met(hasCommand("nginx"), "nginx is not installed"),
  caddy: () => met(hasCommand("caddy"), "caddy is not installed"),
  promtool: () => met(hasCommand("promtool"), "promtool is not installed (Debian: prometheus)"),
  xxd: () => met(hasCommand("xxd"), "xxd is not installed"),
  tmpfs: () => {
    const probe = ["-m", "sh", "-c", "mount -t tmpfs none /mnt"];
    return met(spawnSync("unshare", probe, { stdio: "ignore" }).status === 0, "a tmpfs cannot be mounted here");
  },
  usages: () => met(existsSync(usagesFile), "the priced accounts do not lie next to the project"),
  vectors: () => met(existsSync(vectorsFolder), "the proof vectors do not lie next to the project"),
};
/** Needs that no package brings, so that their absence is never a failure. */
const neverDemanded: ReadonlySet<Need> = new Set(["vectors", "usages"]);

/** Whether something is there. */
export function requirement(need: Need): Requirement {
  return needs[need]();
}

/**
 * A `describe` that runs when all needs are met, is skipped with the reason printed when not, and fails instead under
 * CI=true. The body is collected either way, so it must not use what it needs outside hooks and tests.
 */
export function describeWith(wanted: readonly Need[], title: string, body: () => void): void {
  const unmet = wanted.flatMap((need) => {
    const answer = requirement(need);
    return answer.available ? [] : [{ need, reason: answer.reason }];
  });
  const [first] = unmet;
  if (first === undefined) {
    describe(title, body);
  } else if (process.env["CI"] === "true" && unmet.some(({ need }) => !neverDemanded.has(need))) {
    describe(title, () => {
      it(`has what it needs: ${first.need}`, () => {
        throw new Error(`CI=true and ${unmet.map(({ reason }) => reason).join("; ")}`);
      });
    });
  } else {
    process.stderr.write(`skipped: ${title}: ${unmet.map(({ reason }) => reason).join("; ")}\n`);
    describe.skip(`${title} (skipped: ${first.reason})`, body);
  }
}

function met(condition: boolean, reason: string): Requirement {
  return condition ? available : missing(reason);
}

function missing(reason: string): Requirement {
  return { available: false, reason };
}
