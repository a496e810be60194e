// `charter lineage`: what an artifact was made from and what was made from it, as a tree.
import { pathOf } from "../client.ts";
import { exitCodes } from "../syntax.ts";
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { lineageTree } from "../lineage-tree.ts";
import { fieldText } from "../record.ts";

/** `charter lineage` */
export const lineage: CommandBody = {
  usage: "ID",
  arity: [1, 1],
  options: [],
  examples: [
    { line: "lineage 0197f3c2-6c1e-7a41-9d3e-2b6f0c1d4e5f", does: "draws its ancestors and descendants as a tree" },
  ],
  run: async ({ io, positionals, json, client }) => {
    const id = positionals[0] ?? "";
    const path = `/v1/artifacts/${encodeURIComponent(id)}/lineage`;
    const ancestors = await client.json("GET", pathOf(path, { direction: "ancestors" }));
    const descendants = await client.json("GET", pathOf(path, { direction: "descendants" }));
    if (json) printJson(io, { artifact_id: id, ancestors, descendants });
    else {
      const from = lineageTree(id, ancestors, "ancestors");
      const into = lineageTree(id, descendants, "descendants");
      const isCut = [ancestors, descendants].some((answer) => fieldText(answer, "truncated") === "true");
      print(
        io,
        printable(id),
        ...(from.length > 0 ? ["made from", ...from.map(printable)] : ["made from nothing"]),
        ...(into.length > 0 ? ["made into", ...into.map(printable)] : ["made into nothing"]),
        ...(isCut ? ["There is more than the server shows at once."] : []),
      );
    }
    return exitCodes.ok;
  },
};
