// `charter route explain`: where a call would go, and why, without asking anybody.
import { buffer, text as textOf } from "node:stream/consumers";
import type { Call, CommandBody } from "../command.ts";
import { callHeaders, callOptions } from "../call-options.ts";
import { print, printable, printJson } from "../io.ts";
import { fieldList, fieldText } from "../record.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import { table } from "../table.ts";

/** `charter route explain` */
export const routeExplain: CommandBody = {
  usage: "[PROMPT]",
  arity: [0, 1],
  options: callOptions,
  examples: [
    { line: "route explain 'What is 2+2?'", does: "shows the level, the tier and the ranked deployments" },
    {
      line: "route explain --strategy cost_optimized --data-class confidential < prompt.txt",
      does: "reads the prompt from stdin",
    },
  ],
  run,
};

async function run(call: Call): Promise<number> {
  const { io, options, positionals, json, client } = call;
  const prompt = positionals[0] ?? (await textOf(io.stdin));
  if (prompt.trim() === "") throw new UsageError("give a prompt, as an argument or on stdin");
  const body = { model: options.text("model") ?? "auto", messages: [{ role: "user", content: prompt }] };
  const answer = await client.open({
    method: "POST",
    path: "/v1/route/explain",
    headers: { ...callHeaders(options), "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const explained: unknown = JSON.parse((await buffer(answer.body)).toString("utf8"));
  if (json) {
    printJson(io, explained);
    return exitCodes.ok;
  }
  print(
    io,
    `level ${fieldText(explained, "level") ?? "?"}, tier ${fieldText(explained, "tier") ?? "?"}, strategy ${fieldText(explained, "strategy") ?? "?"}`,
  );
  for (const reason of fieldList(explained, "reasons")) print(io, `  ${printable(String(reason))}`);
  for (const reason of fieldList(explained, "analysis")) print(io, `  ${printable(String(reason))}`);
  const candidates = fieldList(explained, "candidates").map((candidate, i) =>
    [
      String(i + 1),
      fieldText(candidate, "deployment") ?? "?",
      fieldText(candidate, "tier") ?? "?",
      fieldText(candidate, "score") ?? "?",
      fieldList(candidate, "reasons").map(String).join("; "),
    ].map(printable),
  );
  print(io, "");
  if (candidates.length === 0) print(io, "no deployment can answer");
  else print(io, ...table(["", "deployment", "tier", "score", "why"], candidates, [2, 3]));
  const excluded = fieldList(explained, "excluded").map((each) =>
    [fieldText(each, "deployment") ?? "?", fieldText(each, "reason") ?? "?"].map(printable),
  );
  if (excluded.length > 0) print(io, "", ...table(["left out", "why"], excluded));
  return exitCodes.ok;
}
