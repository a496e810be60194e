// `charter halts ...`: writes that a governance lock has stopped.
import { print, printable, printJson } from "../io.ts";
import { fieldList, fieldText } from "../record.ts";
import { receiptText } from "../receipt.ts";
import { exitCodes } from "../syntax.ts";
import type { CommandBody } from "../command.ts";
import { table } from "../table.ts";

/** `charter halts list` */
export const haltsList: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [{ line: "halts list", does: "shows each halt with the finding that caused it; * is every product" }],
  run: async ({ io, json, client }) => {
    const answer = await client.json("GET", "/v1/halts");
    const halts = fieldList(answer, "halts");
    const columns = ["scope", "threat", "since"];
    if (json) printJson(io, answer);
    else if (halts.length === 0) print(io, "nothing is halted");
    else
      print(
        io,
        ...table(
          columns,
          halts.map((halt) => columns.map((name) => printable(fieldText(halt, name) ?? "-"))),
        ),
      );
    return exitCodes.ok;
  },
};

/** `charter halts clear` */
export const haltsClear: CommandBody = {
  usage: "SCOPE",
  arity: [1, 1],
  options: [{ name: "reason", value: "TEXT", summary: "why it is safe to go on, at least 10 characters" }],
  examples: [{ line: "halts clear WORKFLOW --reason 'the executor was retrained'", does: "lets WORKFLOW write again" }],
  run: async ({ io, positionals, options, json, client }) => {
    const [scope = ""] = positionals;
    const reason = options.required("reason");
    const cleared = await client.json("POST", `/v1/halts/${encodeURIComponent(scope)}/clear`, { reason });
    if (json) printJson(io, cleared);
    else print(io, `${printable(scope)} may write again (${receiptText(cleared)})`);
    return exitCodes.ok;
  },
};
