// `charter proof`: what a third party needs to check that an artifact was stored.
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { exitCodes } from "../syntax.ts";
import type { CommandBody } from "../command.ts";
import { print, printJson } from "../io.ts";
import { fieldText } from "../record.ts";

/** The files of a proof: what follows the name, and which field of the answer it holds. */
const files = { ".tlog-proof": "proof", ".leaf.json": "leaf", ".record.json": "record" } as const;

/** `charter proof` */
export const proof: CommandBody = {
  usage: "ID",
  arity: [1, 1],
  options: [
    {
      name: "output",
      short: "o",
      value: "NAME",
      summary: "write NAME.tlog-proof, NAME.leaf.json and NAME.record.json, byte for byte as they were hashed",
    },
  ],
  examples: [
    {
      line: "proof 0197f3c2-6c1e-7a41-9d3e-2b6f0c1d4e5f -o notes",
      does: "keeps the proof for a later check; `ledger verify --proof` checks it",
    },
    { line: "proof 0197f3c2-6c1e-7a41-9d3e-2b6f0c1d4e5f", does: "prints everything as JSON" },
  ],
  run: async ({ io, options, positionals, json, client }) => {
    const answer = await client.json("GET", `/v1/artifacts/${encodeURIComponent(positionals[0] ?? "")}/proof`);
    const name = options.text("output");
    if (name === undefined) {
      printJson(io, answer);
      return exitCodes.ok;
    }
    const written: string[] = [];
    for (const [ending, field] of Object.entries(files)) {
      await writeFile(resolve(io.cwd, `${name}${ending}`), fieldText(answer, field) ?? "");
      written.push(`${name}${ending}`);
    }
    if (json) printJson(io, { files: written });
    else {
      const [tlogProof, leaf, record] = written;
      print(
        io,
        `${tlogProof}  proves that the leaf is in the signed log`,
        `${leaf}  the outcome in the ledger; its digest is the SHA-256 of the record`,
        `${record}  the record; its content_hash is the SHA-256 of the content`,
        `check with: charter ledger verify --proof ${tlogProof} --leaf ${leaf}`,
      );
    }
    return exitCodes.ok;
  },
};
