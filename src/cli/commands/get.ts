// `charter get`: an artifact's bytes, verified on the way, or its record.
import { resolve } from "node:path";
import { withRetries } from "../client.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import type { Call, CommandBody } from "../command.ts";
import { receive, receiveFile } from "../download.ts";
import { complain, print, printable, printJson, printReport } from "../io.ts";
import { Progress, progressStyle } from "../progress.ts";
import { sizeText } from "../quantity.ts";
import { recordOf } from "../record.ts";
import { alignColumns } from "../table.ts";

const largeBytes = 8 * 1024 * 1024;

/** `charter get` */
export const get: CommandBody = {
  usage: "ID",
  arity: [1, 1],
  options: [
    { name: "output", short: "o", value: "FILE", summary: "write to a file; - is stdout, the default" },
    { name: "meta", summary: "show the artifact's record in place of its content" },
    { name: "progress", summary: "show progress, as plain lines where there is no terminal" },
  ],
  examples: [
    {
      line: "get 0197f3c2-6c1e-7a41-9d3e-2b6f0c1d4e5f -o report.pdf",
      does: "writes the content once all of it is verified",
    },
    { line: "get 0197f3c2-6c1e-7a41-9d3e-2b6f0c1d4e5f --meta", does: "shows who stored it, when, and its digest" },
  ],
  run: (call) => (call.options.has("meta") ? showRecord(call) : fetchContent(call)),
};

async function showRecord({ io, positionals, json, client }: Call): Promise<number> {
  const answer = await client.json("GET", `/v1/artifacts/${encodeURIComponent(positionals[0] ?? "")}`);
  if (json) {
    printJson(io, answer);
    return exitCodes.ok;
  }
  const artifact = recordOf(recordOf(answer)["artifact"] ?? answer);
  const rows = Object.entries(artifact).map(([name, value]) => [name, printable(plainText(value))]);
  print(io, ...alignColumns(rows));
  return exitCodes.ok;
}

async function fetchContent({ io, options, positionals, json, client }: Call): Promise<number> {
  const target = options.text("output") ?? "-";
  if (json && target === "-") throw new UsageError("--json needs -o FILE, because the content itself goes to stdout");
  const path = `/v1/artifacts/${encodeURIComponent(positionals[0] ?? "")}/content`;
  const answer = await withRetries(
    () => client.open({ path }),
    (reason) => complain(io, printable(reason)),
  );
  const totalBytes = Number(answer.headers["content-length"] ?? 0);
  using progress = new Progress(
    io,
    progressStyle(io, totalBytes > largeBytes && target !== "-", options.has("progress")),
    totalBytes,
  );
  progress.label(target);
  const onBytes = (count: number): void => progress.add(count);
  const received =
    target === "-"
      ? await receive(answer, io.stdout, onBytes)
      : await receiveFile(answer, resolve(io.cwd, target), onBytes);
  if (json) printReport(io, { file: target, ...received });
  else if (target !== "-") {
    const verdict = received.verified ? "verified" : "not verified: the server declared no digest";
    progress.around(() =>
      print(io, `${printable(target)}  ${sizeText(received.sizeBytes)}  ${received.digest}  ${verdict}`),
    );
  }
  return exitCodes.ok;
}

function plainText(value: unknown): string {
  if (Array.isArray(value)) return value.map(plainText).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
