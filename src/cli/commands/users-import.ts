// `charter users import`: takes over users of another system with the hashes of their passwords.
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { receiptText } from "../receipt.ts";
import { fieldList, fieldNumber } from "../record.ts";
import { exitCodes, UsageError } from "../syntax.ts";

/** Most users in one request, which is one act with one receipt. */
const mostAtOnce = 1000;

/** `charter users import` */
export const usersImport: CommandBody = {
  usage: "FILE",
  arity: [1, 1],
  options: [],
  examples: [
    {
      line: "users import users.jsonl",
      does: 'reads lines such as {"username":"ada","email":"ada@example.org","kind":"auditor","password_hash":"$2b$..."}',
    },
  ],
  run: async ({ io, positionals, json, client }) => {
    const [file = ""] = positionals;
    const users = usersOf(file, await readFile(resolve(io.cwd, file), "utf8"));
    const total = { imported: 0, skipped: [] as unknown[], receipts: [] as string[] };
    for (let from = 0; from < users.length; from += mostAtOnce) {
      const answer = await client.json("POST", "/v1/users/import", { users: users.slice(from, from + mostAtOnce) });
      total.imported += fieldNumber(answer, "imported") ?? 0;
      total.skipped.push(...fieldList(answer, "skipped"));
      total.receipts.push(receiptText(answer));
    }
    if (json) printJson(io, total);
    else {
      print(io, `${total.imported} users were taken over (${total.receipts.join("; ")})`);
      for (const username of total.skipped)
        print(io, `${printable(String(username))} exists already and was left as it is`);
    }
    return exitCodes.ok;
  },
};

/** The objects of a file with one on each line. */
function usersOf(file: string, text: string): readonly unknown[] {
  const users = text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === "") return [];
    try {
      return [JSON.parse(line) as unknown];
    } catch {
      throw new UsageError(`${file}:${i + 1} is not JSON`);
    }
  });
  if (users.length === 0) throw new UsageError(`${file} holds no users`);
  return users;
}
