// `charter scrub`: has the server read every blob again and compare it with its name.
import { createInterface } from "node:readline";
import { exitCodes } from "../syntax.ts";
import type { Call, CommandBody } from "../command.ts";
import { print, printable, printJson, tint } from "../io.ts";
import { Progress, progressStyle } from "../progress.ts";
import { sizeText } from "../quantity.ts";
import { fieldList, fieldNumber, fieldText, recordOf } from "../record.ts";
import type { JsonRecord } from "../record.ts";

/** `charter scrub` */
export const scrub: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [{ name: "progress", summary: "show progress, as plain lines where there is no terminal" }],
  examples: [
    { line: "scrub", does: "reads every blob again; exits 1 when one is missing or not what its name says" },
    { line: "scrub --json", does: "answers with the counts and the damaged artifacts as JSON" },
  ],
  run,
};

async function run(call: Call): Promise<number> {
  const { io, json } = call;
  const last = await follow(call);
  if (last["done"] !== true) throw new Error("the server stopped before the scrub was done");
  const bad = fieldList(last, "bad");
  if (json) printJson(io, last);
  else {
    const bytes = fieldNumber(last, "bytes");
    const checked = `${fieldNumber(last, "checked") ?? 0} checked${bytes === undefined ? "" : `, ${sizeText(bytes)}`}`;
    print(
      io,
      bad.length === 0
        ? `${tint(io, "green", "ok")}: ${checked}, nothing is damaged`
        : `${tint(io, "red", "damaged")}: ${bad.length} of ${checked}`,
    );
    print(io, ...bad.map((one) => printable(`  ${typeof one === "string" ? one : describeDamage(one)}`)));
  }
  return bad.length === 0 ? exitCodes.ok : exitCodes.refused;
}

/** Reads the server's lines as they come and shows how far it is; resolves with the last one. */
async function follow({ io, options, client }: Call): Promise<JsonRecord> {
  const answer = await client.open({ path: "/v1/scrub", headers: { accept: "application/x-ndjson" } });
  using progress = new Progress(io, progressStyle(io, true, options.has("progress")), 0, (count) => count.toFixed(0));
  progress.label("scrub");
  let last: JsonRecord = {};
  let bytes: number | undefined;
  for await (const line of createInterface({ input: answer.body })) {
    if (line.trim() === "") continue;
    last = recordOf(JSON.parse(line));
    bytes = fieldNumber(last, "bytes") ?? bytes;
    progress.set(fieldNumber(last, "checked") ?? 0, fieldNumber(last, "total") ?? 0);
  }
  return bytes === undefined ? last : { ...last, bytes };
}

function describeDamage(one: unknown): string {
  const names = ["artifact_id", "product_id", "digest", "reason"];
  return names
    .map((name) => fieldText(one, name))
    .filter((text) => text !== undefined)
    .join("  ");
}
