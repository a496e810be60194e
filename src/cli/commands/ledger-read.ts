// `charter ledger checkpoint`, `entries` and `proof`: the record as the server tells it.
import { pathOf } from "../client.ts";
import { exitCodes } from "../syntax.ts";
import type { Call, CommandBody } from "../command.ts";
import { complain, print, printable, printJson } from "../io.ts";
import { integerOf } from "../options.ts";
import { fieldList, fieldText } from "../record.ts";
import { table } from "../table.ts";

/** `charter ledger checkpoint` */
export const ledgerCheckpoint: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [{ line: "ledger checkpoint > seen.txt", does: "keeps the signed head, to hold the log to it later" }],
  run: async ({ io, json, client }) => {
    const note = (await client.bytes("/ledger/checkpoint")).toString("utf8");
    const [origin = "", size = "", root = ""] = note.split("\n");
    if (json) printJson(io, { origin, size: Number(size), root, checkpoint: note });
    else io.stdout.write(note);
    return exitCodes.ok;
  },
};

/** `charter ledger proof` */
export const ledgerProof: CommandBody = {
  usage: "INDEX",
  arity: [1, 1],
  options: [],
  examples: [
    { line: "ledger proof 12 > entry-12.tlog-proof", does: "keeps a C2SP tlog-proof that other tools can check" },
  ],
  run: async ({ io, positionals, json, client }) => {
    const index = integerOf("INDEX", positionals[0] ?? "", 0, Number.MAX_SAFE_INTEGER);
    const proof = (await client.bytes(`/ledger/proof/${index}`)).toString("utf8");
    if (json) printJson(io, { index, proof });
    else io.stdout.write(proof);
    return exitCodes.ok;
  },
};

const filters = ["product", "principal", "operation", "kind", "request", "since", "until", "cursor"] as const;

/** `charter ledger entries` */
export const ledgerEntries: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [
    { name: "product", short: "p", value: "PRODUCT", summary: "only this product's" },
    { name: "principal", value: "ID", summary: "only this credential's" },
    { name: "operation", value: "NAME", summary: "only this operation, such as artifact.create" },
    { name: "kind", value: "KIND", summary: "intent, outcome, finding or admin" },
    { name: "request", value: "ID", summary: "only this request's" },
    { name: "since", value: "TIME", summary: "at or after this RFC 3339 time or date" },
    { name: "until", value: "TIME", summary: "before this RFC 3339 time or date" },
    { name: "limit", value: "N", summary: "rows in a page, 1 to 1000 (100)" },
    { name: "cursor", value: "CURSOR", summary: "go on after an earlier page" },
    { name: "all", summary: "all pages; with --json one entry per line" },
  ],
  examples: [
    { line: "ledger entries --product AI_ASSISTANT --since 2026-11-01", does: "shows what a product did since a date" },
    { line: "ledger entries --operation artifact.create --all --json", does: "prints every such entry, one per line" },
  ],
  run: listEntries,
};

async function listEntries({ io, options, json, client }: Call): Promise<number> {
  const limit = options.integer("limit", 1, 1000);
  const query: Record<string, string | undefined> = Object.fromEntries(
    filters.map((name) => [name, options.text(name)]),
  );
  if (limit !== undefined) query["limit"] = String(limit);
  const all = options.has("all");
  for (let isFirst = true; ; isFirst = false) {
    const page = await client.json("GET", pathOf("/ledger/entries", query));
    const entries = fieldList(page, "entries");
    query["cursor"] = fieldText(page, "next");
    if (json && !all) printJson(io, page);
    else if (json) print(io, ...entries.map((entry) => JSON.stringify(entry)));
    else print(io, ...entryTable(entries).slice(isFirst ? 0 : 1));
    if (!all || query["cursor"] === undefined) break;
  }
  if (!all && !json && query["cursor"] !== undefined) {
    complain(io, "There are more: use --all, or --cursor to go on:", query["cursor"]);
  }
  return exitCodes.ok;
}

function entryTable(entries: readonly unknown[]): string[] {
  const names = ["time", "kind", "operation", "product", "principal"];
  const rows = entries.map((entry) => [
    (fieldText(entry, "index") ?? "?").padStart(7),
    ...names.map((name) => fieldText(entry, `leaf.${name}`) ?? "-"),
    verdict(entry),
  ]);
  return table(
    ["  index", ...names, "result"],
    rows.map((row) => row.map(printable)),
  );
}

function verdict(entry: unknown): string {
  const outcome = fieldText(entry, "leaf.outcome");
  if (outcome !== undefined) {
    const code = fieldText(entry, "leaf.code");
    return `${outcome} ${fieldText(entry, "leaf.intent") ?? ""}${code === undefined ? "" : ` (${code})`}`;
  }
  const threat = fieldText(entry, "leaf.finding.threat");
  if (threat !== undefined) return `${threat} ${fieldText(entry, "leaf.finding.severity") ?? ""}`;
  if (fieldText(entry, "leaf.decision.allow") !== "false") return "";
  return `denied ${fieldList(entry, "leaf.decision.articles").map(String).join(",")}`;
}
