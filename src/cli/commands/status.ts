// `charter status`: one look at a running server; what the caller may not see is left out.
import type { Client } from "../client.ts";
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { sizeText } from "../quantity.ts";
import { fieldList, fieldNumber, fieldText } from "../record.ts";
import { RefusalError } from "../refusal.ts";
import { exitCodes } from "../syntax.ts";
import { alignColumns } from "../table.ts";

/** `charter status` */
export const status: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [
    { line: "status", does: "shows whether the server takes writes, and what stands in the way; exits 1 if not" },
  ],
  run: async ({ io, json, client }) => {
    const server = await client.json("GET", "/");
    const [ready, checkpoint, storage, halts, me] = await Promise.all([
      readiness(client),
      client.bytes("/ledger/checkpoint").then(String).catch(unlessRefused),
      client.json("GET", "/metrics/storage-capacity").catch(unlessRefused),
      client.json("GET", "/v1/halts").catch(unlessRefused),
      client.json("GET", "/api/v1/auth/me").catch(unlessRefused),
    ]);
    const isReady = fieldText(ready, "status") === "ready";
    const code = isReady ? exitCodes.ok : exitCodes.refused;
    const [, size, root] = checkpoint?.split("\n") ?? [];
    if (json) {
      const ledger = size === undefined ? null : { entries: Number(size), root };
      printJson(io, { url: client.url, server, ready, ledger, storage, halts, me });
      return code;
    }
    const why = fieldText(ready, "reason") ?? fieldText(ready, "detail") ?? "it does not say why";
    const rows: (readonly [string, string | undefined])[] = [
      ["server", `${client.url}, charter ${fieldText(server, "version") ?? "?"}`],
      ["you", fieldText(me, "user.username") ?? fieldText(me, "principal.id") ?? "nobody; charter login, or --key"],
      ["writes", isReady ? "taken" : `refused: ${why}`],
      ["ledger", size === undefined ? undefined : `${size} entries, root ${root}`],
      ["storage", storage === undefined ? undefined : storageText(storage)],
      ["halted", halts === undefined ? undefined : haltsText(halts)],
      ["constitution", fieldText(server, "constitution_hash")],
    ];
    const shown = rows.filter((row): row is readonly [string, string] => row[1] !== undefined);
    print(io, ...alignColumns(shown).map(printable));
    return code;
  },
};

/** What `/ready` says, also when it says no. */
async function readiness(client: Client): Promise<unknown> {
  try {
    return await client.json("GET", "/ready");
  } catch (error) {
    if (error instanceof RefusalError) return error.problem;
    throw error;
  }
}

/** What the caller may not see is left out. */
function unlessRefused(error: unknown): undefined {
  if (!(error instanceof RefusalError)) throw error;
}

function storageText(storage: unknown): string {
  const [used, total] = [fieldNumber(storage, "used_bytes") ?? 0, fieldNumber(storage, "total_bytes") ?? 0];
  return `${sizeText(used)} of ${sizeText(total)}, ${fieldText(storage, "level") ?? ""}`;
}

function haltsText(halts: unknown): string {
  const scopes = fieldList(halts, "halts").map((halt) => fieldText(halt, "scope") ?? "?");
  return scopes.length === 0 ? "nothing" : scopes.join(", ");
}
