// testssl.sh and sslscan: two programs that share no code look at the same listener. Nothing of severity LOW or worse may
// be said of it, and no protocol before TLS 1.2 may be offered.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Check, Finding, Look } from "./check.ts";
import { askOverTls } from "./house.ts";
import type { House } from "./house.ts";
import { runProgram } from "./program.ts";
import type { WeakServers } from "./vulnerable.ts";

/** Longest run, milliseconds; on a quiet machine a whole one takes 50 s. */
const timeoutMs = 240_000;
const graded = new Set(["LOW", "MEDIUM", "HIGH", "CRITICAL"]);
const quiet = ["--quiet", "--color", "0", "--warnings", "off", "-n", "none", "--ip", "127.0.0.1"];
const patience = ["--connect-timeout", "10", "--openssl-timeout", "10"];

/** One line of the program's report. */
interface Entry {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** testssl.sh. */
export const testssl: Check = {
  name: "testssl.sh",
  programs: ["testssl"],
  question: "is anything wrong with TLS, the certificate or the headers over it?",

  async prove({ tls }: WeakServers, bench: Bench) {
    // Protocols and certificate alone; the other tests take a minute and would find as much.
    const { findings } = await scan(tls, ["-p", "-S"], "weak", bench);
    const wanted = ["TLS1", "cert_expirationStatus", "cert_chain_of_trust"];
    const missed = wanted.filter((id) => !findings.some((finding) => finding.id === id));
    return { found: `${wanted.length - missed.length} of ${wanted.length} weaknesses`, missed };
  },

  async look({ tls }: House, bench: Bench): Promise<Look> {
    const { url } = tls.server;
    const status = await askOverTls(url, tls.authorityFile);
    const { tests, findings } = await scan(url, ["--add-ca", tls.authorityFile], "charter", bench);
    if (status !== 200) findings.push({ id: "unreached", where: url, what: `is answered ${status}` });
    return { tried: `${tests} results`, findings };
  },
};

async function scan(
  url: string,
  options: readonly string[],
  name: string,
  { folder }: Bench,
): Promise<{ tests: number; findings: Finding[] }> {
  const report = join(folder, `testssl-${name}.json`);
  const target = url.replace("127.0.0.1", "localhost");
  const args = [...quiet, ...patience, ...options, "--jsonfile", report, target];
  await runProgram("testssl", args, { folder, log: `testssl-${name}.txt`, timeoutMs });
  const entries = JSON.parse(readFileSync(report, "utf8")) as Entry[];
  if (entries.length < 10) throw new Error(`testssl.sh reports ${entries.length} results only`);
  const findings = entries
    .filter(({ severity }) => graded.has(severity))
    .map(({ id, severity, finding }) => ({ id, where: severity, what: finding }));
  return { tests: entries.length, findings };
}

/** sslscan. */
export const sslscan: Check = {
  name: "sslscan",
  programs: ["sslscan"],
  question: "which protocols and ciphers are offered?",

  async prove({ tls }: WeakServers, bench: Bench) {
    const { findings } = await offers(tls, "weak", bench);
    const wanted = ["protocol", "expired"];
    const missed = wanted.filter((id) => !findings.some((finding) => finding.id === id));
    return { found: `${wanted.length - missed.length} of ${wanted.length} weaknesses`, missed };
  },

  async look({ tls }: House, bench: Bench): Promise<Look> {
    const { ciphers, findings } = await offers(tls.server.url, "charter", bench);
    if (ciphers === 0) findings.push({ id: "unreached", where: tls.server.url, what: "no cipher is offered" });
    return { tried: `${ciphers} ciphers offered`, findings };
  },
};

const oldProtocols = /^(SSLv2|SSLv3|TLSv1\.0|TLSv1\.1)\s+enabled/gm;

async function offers(url: string, name: string, { folder }: Bench): Promise<{ ciphers: number; findings: Finding[] }> {
  const { host } = new URL(url);
  const log = `sslscan-${name}.txt`;
  const { said } = await runProgram("sslscan", ["--no-colour", host], { folder, log, timeoutMs });
  const accepted = [...said.matchAll(/^(?:Preferred|Accepted)\s+(\S+)\s+(\d+) bits\s+(\S+)/gm)];
  const findings: Finding[] = [...said.matchAll(oldProtocols)].map(([, protocol = ""]) => ({
    id: "protocol",
    where: protocol,
    what: "is enabled",
  }));
  for (const [, protocol = "", bits = "0", cipher = ""] of accepted) {
    if (Number(bits) >= 128 && !/NULL|RC4|DES|EXP|anon|MD5/i.test(cipher)) continue;
    findings.push({ id: "cipher", where: protocol, what: `${cipher} with ${bits} bits` });
  }
  const end = Date.parse(`${/^Not valid after:\s+(.+)$/m.exec(said)?.[1]}`);
  if (!(end > Date.now()))
    findings.push({ id: "expired", where: host, what: `the certificate ends ${new Date(end).toUTCString()}` });
  if (/vulnerable/i.test(said.replaceAll(/not vulnerable/gi, ""))) {
    findings.push({ id: "vulnerable", where: host, what: (/^.*vulnerable.*$/im.exec(said) ?? [""])[0] });
  }
  return { ciphers: accepted.length, findings };
}
