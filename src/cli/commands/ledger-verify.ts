// `charter ledger verify`: checks a whole log, or one proof, with code that shares nothing with the one that wrote it.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { exitCodes, UsageError } from "../syntax.ts";
import type { Call, CommandBody } from "../command.ts";
import { print, printable, tint, printReport } from "../io.ts";
import { Progress, progressStyle } from "../progress.ts";

/** `charter ledger verify` */
export const ledgerVerify: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [
    { name: "from", value: "DIR|URL", summary: "ledger to verify, or what it lies in (the ledger of --url)" },
    { name: "verifier-key", value: "KEY", summary: "key you trust, NAME+ID+BASE64 or a file that holds it" },
    { name: "earlier", value: "FILE", summary: "checkpoint seen before, which the log must extend" },
    { name: "allow-lost", summary: "pass although bytes of entries are on record as lost; they are named" },
    { name: "proof", value: "FILE", summary: "verify one tlog-proof instead, of the entry in --leaf" },
    { name: "leaf", value: "FILE", summary: "the entry of --proof, byte for byte" },
    { name: "progress", summary: "show progress, as plain lines where there is no terminal" },
  ],
  examples: [
    { line: "ledger verify", does: "verifies the ledger of the running server" },
    {
      line: "ledger verify --from ./ledger-copy --verifier-key ./verifier-key",
      does: "verifies a copy offline, with a key you kept",
    },
    {
      line: "ledger verify --proof entry.tlog-proof --leaf entry.json --verifier-key ./verifier-key",
      does: "verifies offline that one entry is in the ledger",
    },
  ],
  run,
};

async function run(call: Call): Promise<number> {
  const { options } = call;
  const [proof, leaf] = [options.text("proof"), options.text("leaf")];
  if ((proof === undefined) !== (leaf === undefined)) throw new UsageError("--proof and --leaf belong together");
  if (proof === undefined || leaf === undefined) return verifyWhole(call);
  const foreign = ["from", "earlier", "allow-lost"].find((name) => options.has(name));
  if (foreign !== undefined) throw new UsageError(`--${foreign} is for whole ledgers, not for --proof`);
  return verifyOne(call, proof, leaf);
}

/** Verifies one proof file against one entry. */
async function verifyOne(call: Call, proof: string, leaf: string): Promise<number> {
  const { io, json, client } = call;
  const given = await givenKey(call);
  const verifierKey = given ?? (await client.bytes("/ledger/verifier-key")).toString("utf8");
  const { verifyProof } = await import("../../ledger/verify/index.ts");
  const read = (path: string): Promise<Buffer> => readFile(resolve(io.cwd, path));
  const report = verifyProof((await read(proof)).toString("utf8"), await read(leaf), verifierKey);
  const keyTrust = given === undefined ? "found" : "given";
  if (json) printReport(io, report.ok ? { ...report, verifierKey: verifierKey.trim(), keyTrust } : report);
  else if (!report.ok) print(io, `${tint(io, "red", "FAIL")}  ${printable(report.reason)}`);
  else {
    const trust =
      given === undefined ? `key taken from ${client.url}; give the one you kept with --verifier-key` : "key given";
    print(
      io,
      `${tint(io, "green", "PASS")}  entry ${report.index} of ${report.size}  root ${report.root}`,
      printable(`      ${report.origin}  ${verifierKey.trim()} (${trust})`),
    );
  }
  return report.ok ? exitCodes.ok : exitCodes.refused;
}

/** Verifies a whole ledger. */
async function verifyWhole(call: Call): Promise<number> {
  const { io, options, json, client } = call;
  const from = options.text("from");
  const isRemote = from === undefined || /^https?:\/\//i.test(from);
  const place = from === undefined ? `${client.url}/ledger` : isRemote ? from : resolve(io.cwd, from);
  const verifierKey = await givenKey(call);
  const earlier = options.text("earlier");
  const isOurServer = isRemote && client.owns(place);
  // A server that is not there is no failed verification; asking it first tells the two apart.
  if (isOurServer) await client.bytes("/ledger/checkpoint");
  const { findLedger, verifyLedger } = await import("../../ledger/verify/index.ts");
  const headers = isOurServer ? await client.credentials() : {};
  const source = await findLedger(place, headers);
  if (source === undefined) throw new Error(`there is no ledger at ${place}`);
  using progress = new Progress(io, progressStyle(io, true, options.has("progress")), 0, (count) => count.toFixed(0));
  progress.label("verify");
  const report = await verifyLedger({
    source,
    allowLost: options.has("allow-lost"),
    onProgress: ({ done, size }) => progress.set(done, size),
    headers,
    ...(verifierKey === undefined ? {} : { verifierKey }),
    ...(earlier === undefined ? {} : { earlierCheckpoint: await readFile(resolve(io.cwd, earlier), "utf8") }),
  });
  const remedy = !report.ok && report.unread === "refused" ? keyRemedy(isRemote && !isOurServer) : undefined;
  if (json) printReport(io, { ...report, ...(remedy === undefined ? {} : { remedy }) });
  else if (report.ok) {
    const trust =
      report.keyTrust === "found"
        ? "key found next to the log; keep it and give it with --verifier-key next time"
        : "key given";
    const lost = report.lost.length === 0 ? [] : [`${tint(io, "yellow", "LOST")}  entries ${report.lost.join(", ")}`];
    progress.around(() =>
      print(
        io,
        `${tint(io, "green", "PASS")}  ${report.size} entries  root ${report.root}`,
        ...lost,
        printable(`      ${report.origin}  ${report.verifierKey} (${trust})`),
      ),
    );
  } else if (report.unread !== undefined) {
    const lines = [report.reason, ...(remedy === undefined ? [] : [`  what helps: ${remedy}`])];
    progress.around(() => print(io, ...lines.map(printable)));
  } else {
    const where = report.index === null ? "" : `entry ${report.index}: `;
    progress.around(() => print(io, `${tint(io, "red", "FAIL")}  ${printable(where + report.reason)}`));
  }
  return report.ok ? exitCodes.ok : exitCodes.refused;
}

/** What helps a reader whom the source has refused. */
function keyRemedy(isForeign: boolean): string {
  const remedy = "entry bundles need --key of a credential that may read the whole ledger";
  return isForeign ? `${remedy}, and it is sent only to the server of --url` : remedy;
}

/** The verifier key of --verifier-key, itself or the file that holds it. */
async function givenKey({ io, options }: Call): Promise<string | undefined> {
  const given = options.text("verifier-key");
  if (given === undefined || !existsSync(resolve(io.cwd, given))) return given;
  return readFile(resolve(io.cwd, given), "utf8");
}
