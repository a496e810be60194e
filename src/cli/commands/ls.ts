// `charter ls`: what is stored, newest first as the server orders it, one page or all of them.
import { pathOf } from "../client.ts";
import { exitCodes } from "../syntax.ts";
import type { Call, CommandBody } from "../command.ts";
import { complain, print, printable, printJson } from "../io.ts";
import { sizeText } from "../quantity.ts";
import { fieldList, fieldNumber, fieldText } from "../record.ts";
import { table } from "../table.ts";

/** `charter ls` */
export const ls: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [
    { name: "product", short: "p", value: "PRODUCT", summary: "only this product's" },
    { name: "type", short: "t", value: "TYPE", summary: "only this artifact type" },
    { name: "tag", value: "TAG", summary: "only those with this tag" },
    { name: "created-by", value: "ID", summary: "only those this credential stored" },
    { name: "since", value: "TIME", summary: "created at or after this RFC 3339 time or date" },
    { name: "until", value: "TIME", summary: "created before this RFC 3339 time or date" },
    { name: "limit", value: "N", summary: "rows in a page, 1 to 1000 (100)" },
    { name: "cursor", value: "CURSOR", summary: "go on after an earlier page" },
    { name: "all", summary: "all pages; with --json one artifact per line" },
  ],
  examples: [
    { line: "ls --product AI_ASSISTANT", does: "shows the newest hundred" },
    { line: "ls --type DecisionArtifact --since 2026-11-01 --all", does: "shows every decision since a date" },
  ],
  run,
};

async function run({ io, options, json, client }: Call): Promise<number> {
  const limit = options.integer("limit", 1, 1000);
  const query = {
    product: options.text("product"),
    type: options.text("type"),
    tag: options.text("tag"),
    created_by: options.text("created-by"),
    created_after: options.text("since"),
    created_before: options.text("until"),
    limit: limit === undefined ? undefined : String(limit),
  };
  const all = options.has("all");
  let cursor = options.text("cursor");
  for (let isFirst = true; ; isFirst = false) {
    const page = await client.json("GET", pathOf("/v1/artifacts", { ...query, cursor }));
    const artifacts = fieldList(page, "artifacts");
    cursor = fieldText(page, "next");
    if (json && !all) printJson(io, page);
    else if (json) print(io, ...artifacts.map((artifact) => JSON.stringify(artifact)));
    else print(io, ...artifactTable(artifacts).slice(isFirst ? 0 : 1));
    if (!all || cursor === undefined) break;
  }
  if (!all && !json && cursor !== undefined) complain(io, "There are more: use --all, or --cursor to go on:", cursor);
  return exitCodes.ok;
}

function artifactTable(artifacts: readonly unknown[]): string[] {
  const rows = artifacts.map((artifact) => [
    fieldText(artifact, "artifact_id") ?? "?",
    fieldText(artifact, "created_at") ?? "",
    sizeText(fieldNumber(artifact, "size_bytes") ?? 0).padStart(8),
    fieldText(artifact, "product_id") ?? "",
    fieldText(artifact, "artifact_type") ?? "",
    fieldList(artifact, "tags").map(String).join(","),
  ]);
  return table(
    ["id", "created", "    size", "product", "type", "tags"],
    rows.map((row) => row.map(printable)),
  );
}
