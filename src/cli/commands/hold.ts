// `charter hold`: a legal hold keeps an artifact, whatever its retention says.
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { receiptText } from "../receipt.ts";
import { exitCodes } from "../syntax.ts";

/** `charter hold` */
export const hold: CommandBody = {
  usage: "ID",
  arity: [1, 1],
  options: [
    { name: "reason", value: "TEXT", summary: "why, at least 10 characters; it goes on record" },
    { name: "clear", summary: "end the hold instead of setting it" },
  ],
  examples: [
    {
      line: "hold 0197f3c2-6c1e-7a41-9d3e-2b6f0c1d4e5f --reason 'case 2026-114 is pending'",
      does: "keeps the artifact until the hold is cleared",
    },
    {
      line: "hold 0197f3c2-6c1e-7a41-9d3e-2b6f0c1d4e5f --clear --reason 'case 2026-114 is closed'",
      does: "lets its retention decide again",
    },
  ],
  run: async ({ io, positionals, options, json, client }) => {
    const [id = ""] = positionals;
    const isSet = !options.has("clear");
    const answer = await client.json("POST", `/v1/artifacts/${encodeURIComponent(id)}/hold`, {
      hold: isSet,
      reason: options.required("reason"),
    });
    if (json) printJson(io, answer);
    else print(io, `${printable(id)} is ${isSet ? "held" : "no longer held"} (${receiptText(answer)})`);
    return exitCodes.ok;
  },
};
