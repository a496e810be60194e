// `charter budget ...`: what products may spend on models, and what they have spent.
import { budgetIdPattern } from "../../budgets/words.ts";
import { budgetOptions, budgetRequired } from "../budget-options.ts";
import { budgetBar, limitText, resetText, usageText, whoseText } from "../budget-table.ts";
import { pathOf } from "../client.ts";
import type { Call, CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { fieldList, fieldText } from "../record.ts";
import { receiptText } from "../receipt.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import { alignColumns, table } from "../table.ts";

/** `charter budget show` */
export const budgetShow: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [
    { name: "product", short: "p", value: "PRODUCT", summary: "only this product's" },
    { name: "project", value: "PROJECT", summary: "only this project's" },
  ],
  examples: [
    { line: "budget show", does: "shows every budget with a bar of what is used and held" },
    { line: "budget show --product AI_ASSISTANT --json", does: "the same for one product, as JSON" },
  ],
  run: async ({ io, options, json, client }) => {
    const query = { product: options.text("product"), project: options.text("project") };
    const state = await client.json("GET", pathOf("/api/v1/budget/state", query));
    if (json) {
      printJson(io, state);
      return exitCodes.ok;
    }
    const rows = fieldList(state, "budgets").map((line) => [
      printable(whoseText(line)),
      `${fieldText(line, "unit") ?? "?"}/${fieldText(line, "window") ?? "?"}`,
      budgetBar(io, line),
      limitText(line, "used"),
      limitText(line, "held"),
      limitText(line, "limit"),
      limitText(line, "available"),
      resetText(line),
      fieldText(line, "id") ?? "default",
    ]);
    const heading = ["budget of", "per", "used and held", "used", "held", "limit", "left", "resets", "id"];
    if (rows.length === 0) print(io, "no budget is set, and nothing has been used yet");
    else print(io, ...table(heading, rows, [3, 4, 5, 6]));
    print(io, "", `today       ${usageText(state, "day")}`, `this month  ${usageText(state, "month")}`);
    return exitCodes.ok;
  },
};

/** `charter budget set` */
export const budgetSet: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [
    { name: "product", short: "p", value: "PRODUCT", summary: "calls of this product" },
    { name: "project", value: "PROJECT", summary: "calls of this project" },
    { name: "credential", value: "ID", summary: "calls with this credential, by its public id" },
    { name: "model", value: "MODEL", summary: "calls of this model" },
    ...budgetOptions,
  ],
  examples: [
    {
      line: "budget set --product AI_ASSISTANT --dollars 250 --per month",
      does: "lets the product spend 250 dollars in a calendar month",
    },
    {
      line: "budget set --product GURUKUL --project exams --model gpt-5 --tokens 2000000 --per day",
      does: "limits one model in one project",
    },
  ],
  run: setBudget,
};

/** `charter budget clear` */
export const budgetClear: CommandBody = {
  usage: "ID",
  arity: [1, 1],
  options: [],
  examples: [
    { line: "budget clear bud_01a1fc5b-e2b3-7e33-a2f7-3db5b9e81763", does: "lifts the limit that `budget show` names" },
  ],
  run: async ({ io, positionals, json, client }) => {
    const [id = ""] = positionals;
    if (!new RegExp(budgetIdPattern).test(id)) throw new UsageError("ID must be that of a budget: bud_...");
    const cleared = await client.json("DELETE", `/v1/budgets/${id}`);
    if (json) printJson(io, cleared);
    else print(io, `${id} is no longer in force (${receiptText(cleared)})`);
    return exitCodes.ok;
  },
};

async function setBudget({ io, options, json, client }: Call): Promise<number> {
  const scope = {
    product: options.text("product"),
    project: options.text("project"),
    key: options.text("credential"),
    model: options.text("model"),
  };
  if (Object.values(scope).every((each) => each === undefined)) {
    throw new UsageError("say whose calls: --product, --project, --credential or --model");
  }
  const draft = { scope, ...budgetRequired(options) };
  const { unit, window } = draft;
  const budget = await client.json("POST", "/v1/budgets", draft);
  if (json) printJson(io, budget);
  else {
    const span = window === "total" ? "in total" : `per ${window}`;
    const rows = [
      ["id", fieldText(budget, "id") ?? "?"],
      ["budget of", whoseText(budget)],
      ["limit", [limitText(budget, "limit"), ...(unit === "tokens" ? ["tokens"] : []), span].join(" ")],
      ["receipt", receiptText(budget)],
    ];
    print(io, ...alignColumns(rows.map((row) => row.map(printable))));
  }
  return exitCodes.ok;
}
