// `charter usage`: what calls have used and cost.
import { usageFields } from "../../budgets/words.ts";
import { csvOf } from "../../kernel/csv.ts";
import { pathOf } from "../client.ts";
import type { Client } from "../client.ts";
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { fieldList, fieldNumber, fieldText, recordOf } from "../record.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import { table } from "../table.ts";

/** Columns of numbers, by their field, as a table calls them. */
const measures = [
  ["calls", "calls"],
  ["input_tokens", "input"],
  ["cached_tokens", "cached"],
  ["output_tokens", "output"],
  ["tokens", "tokens"],
  ["cost_usd", "cost"],
  ["unpriced_calls", "unpriced"],
] as const;
const everyMeasure = [...measures.map(([name]) => name), "unpriced_estimate_usd"];

/** `charter usage` */
export const usage: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [
    { name: "by", value: "FIELDS", summary: `${usageFields.join(", ")}, or several with commas; model when absent` },
    { name: "since", value: "TIME", summary: "beginning: 24h, 7d, 4w, a date or an instant; 30d when absent" },
    { name: "until", value: "TIME", summary: "end, not included: a date or an instant; now when absent" },
    { name: "product", short: "p", value: "PRODUCT", summary: "only this product's" },
    { name: "project", value: "PROJECT", summary: "only this project's" },
    { name: "credential", value: "ID", summary: "only with this credential, by its public id" },
    { name: "model", value: "MODEL", summary: "only of this model" },
    { name: "csv", summary: "as a table for spreadsheets" },
  ],
  examples: [
    { line: "usage", does: "shows what each model has cost in thirty days, the highest cost first" },
    {
      line: "usage --by key --since 7d --product AI_ASSISTANT",
      does: "shows what each key of a product has cost in a week",
    },
    { line: "usage --by day,model --since 2026-11-01 --csv", does: "prints a table for a spreadsheet" },
  ],
  run: async ({ io, options, json, client }) => {
    const by = (options.text("by") ?? "model").split(",").map((field) => field.trim());
    const unknown = by.find((field) => !usageFields.some((known) => known === field));
    if (unknown !== undefined) {
      throw new UsageError(`--by takes ${usageFields.join(", ")}, not ${JSON.stringify(unknown)}`);
    }
    const [rows, report] = await wholeReport(client, {
      by: by.join(","),
      since: sinceOf(options.text("since")),
      until: options.text("until"),
      product: options.text("product"),
      project: options.text("project"),
      key: options.text("credential"),
      model: options.text("model"),
    });
    if (json) printJson(io, { ...recordOf(report), rows, next: null });
    else if (options.has("csv")) {
      const heading = [...by, ...everyMeasure];
      const cells = rows.map((row) => heading.map((name) => recordOf(row)[name] as string | number | null));
      io.stdout.write(csvOf(heading, cells));
    } else print(io, ...tableOf(by, rows, report));
    return exitCodes.ok;
  },
};

/** A report read to its end: every row, and its first page for what is said of the whole. */
async function wholeReport(
  client: Client,
  query: Readonly<Record<string, string | undefined>>,
): Promise<readonly [rows: readonly unknown[], report: unknown]> {
  const rows: unknown[] = [];
  const first = await client.json("GET", pathOf("/v1/usage", { ...query, limit: "1000" }));
  let page = first;
  for (;;) {
    for (const row of fieldList(page, "rows")) rows.push(row);
    const cursor = fieldText(page, "next");
    if (cursor === undefined) return [rows, first];
    page = await client.json("GET", pathOf("/v1/usage", { ...query, limit: "1000", cursor }));
  }
}

/** Rows as a table, the highest cost first where they are of no days, and the total. */
function tableOf(by: readonly string[], rows: readonly unknown[], report: unknown): readonly string[] {
  const sorted = by.includes("day")
    ? rows
    : rows.toSorted((left, right) => Number(fieldText(right, "cost_usd")) - Number(fieldText(left, "cost_usd")));
  const cells = (row: unknown) => measures.map(([name]) => (name === "cost_usd" ? costOf(row) : countOf(row, name)));
  const lines = sorted.map((row) => [...by.map((name) => printable(fieldText(row, name) ?? "-")), ...cells(row)]);
  const total = recordOf(report)["total"];
  const heading = [...by, ...measures.map(([, column]) => column)];
  const all = [...lines, ["total", ...by.slice(1).map(() => ""), ...cells(total)]];
  const numbers = measures.map((_, i) => by.length + i);
  const estimate = fieldText(total, "unpriced_estimate_usd") ?? "0";
  const unpriced = fieldNumber(total, "unpriced_calls") ?? 0;
  const calls = unpriced === 1 ? "1 call" : `${unpriced} calls`;
  const note = `the cost of ${calls} is not known; budgets were charged $${estimate} for that, which no cost above holds`;
  return [
    `${fieldText(report, "since") ?? "?"} to ${fieldText(report, "until") ?? "?"}`,
    "",
    ...table(heading, all, numbers),
    ...(unpriced === 0 ? [] : ["", printable(note)]),
  ];
}

function costOf(row: unknown): string {
  return printable(`$${fieldText(row, "cost_usd") ?? "?"}`);
}

function countOf(row: unknown, name: string): string {
  return (fieldNumber(row, name) ?? 0).toLocaleString("en-US");
}

const spansMs: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** A time as the server reads it: `7d` is so long ago. */
function sinceOf(text: string | undefined): string | undefined {
  const [, count, unit = ""] = /^(\d{1,4})([hdw])$/.exec(text ?? "") ?? [];
  const spanMs = spansMs[unit];
  return spanMs === undefined ? text : new Date(Date.now() - Number(count) * spanMs).toISOString();
}
