// `charter ledger verify`: checks a whole log with code that shares nothing with the one that wrote it.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { exitCodes } from "../syntax.ts";
import type { Call, Command } from "../command.ts";
import { print, printable, printJson, tint } from "../io.ts";
import { Progress, progressStyle } from "../progress.ts";

/** `charter ledger verify` */
export const ledgerVerify: Command = {
  name: "ledger verify",
  summary: "Verify every entry, hash and signature of a ledger",
  usage: "",
  arity: [0, 0],
  options: [
    { name: "from", value: "DIR|URL", summary: "ledger to verify (the ledger of --url)" },
    { name: "verifier-key", value: "KEY", summary: "key you trust, NAME+ID+BASE64 or a file that holds it" },
    { name: "earlier", value: "FILE", summary: "checkpoint seen before, which the log must extend" },
    { name: "progress", summary: "show progress, as plain lines where there is no terminal" },
  ],
  examples: [
    { line: "ledger verify", does: "verifies the ledger of the running server" },
    {
      line: "ledger verify --from ./ledger-copy --verifier-key ./verifier-key",
      does: "verifies a copy offline, with a key you kept",
    },
  ],
  run,
};

async function run({ io, options, json, client }: Call): Promise<number> {
  const from = options.text("from");
  const isRemote = from === undefined || /^https?:\/\//i.test(from);
  const source = from === undefined ? `${client.url}/ledger` : isRemote ? from : resolve(io.cwd, from);
  const given = options.text("verifier-key");
  const verifierKey =
    given !== undefined && existsSync(resolve(io.cwd, given)) ? await readFile(resolve(io.cwd, given), "utf8") : given;
  const earlier = options.text("earlier");
  const isOurServer = source.startsWith(`${client.url}/`);
  // A server that is not there is no failed verification; asking it first tells the two apart.
  if (isOurServer) await client.bytes("/ledger/checkpoint");
  const { verifyLedger } = await import("../../ledger/verify/index.ts");
  using progress = new Progress(io, progressStyle(io, true, options.has("progress")), 0, (count) => count.toFixed(0));
  progress.label("verify");
  const report = await verifyLedger({
    source,
    onProgress: ({ done, size }) => progress.set(done, size),
    // The key goes only to the server it belongs to.
    ...(isOurServer ? { headers: client.credentials } : {}),
    ...(verifierKey === undefined ? {} : { verifierKey }),
    ...(earlier === undefined ? {} : { earlierCheckpoint: await readFile(resolve(io.cwd, earlier), "utf8") }),
  });
  if (json) printJson(io, report);
  else if (report.ok) {
    const trust =
      report.keyTrust === "found"
        ? "key found beside the log; keep it and give it with --verifier-key next time"
        : "key given";
    progress.around(() =>
      print(
        io,
        `${tint(io, "green", "PASS")}  ${report.size} entries  root ${report.root}`,
        printable(`      ${report.origin}  ${report.verifierKey} (${trust})`),
      ),
    );
  } else {
    const where = report.index === null ? "" : `entry ${report.index}: `;
    progress.around(() => print(io, `${tint(io, "red", "FAIL")}  ${printable(where + report.reason)}`));
  }
  return report.ok ? exitCodes.ok : exitCodes.refused;
}
