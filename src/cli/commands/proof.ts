// `charter proof`: what a stranger needs to check that an artifact was stored.
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { exitCodes } from "../syntax.ts";
import type { Command } from "../command.ts";
import { print, printJson } from "../io.ts";

/** `charter proof` */
export const proof: Command = {
  name: "proof",
  summary: "Fetch the receipt of an artifact with its inclusion proof",
  usage: "ID",
  arity: [1, 1],
  options: [{ name: "output", short: "o", value: "FILE", summary: "write to a file; - is stdout, the default" }],
  examples: [
    {
      line: "proof 0197f3c2-6c1e-7a41-9d3e-2b6f0c1d4e5f -o proof.json",
      does: "keeps the proof for whoever asks later",
    },
  ],
  run: async ({ io, options, positionals, json, client }) => {
    const text = (await client.bytes(`/v1/artifacts/${encodeURIComponent(positionals[0] ?? "")}/proof`)).toString(
      "utf8",
    );
    const target = options.text("output") ?? "-";
    if (target === "-") io.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
    else {
      await writeFile(resolve(io.cwd, target), text);
      if (json) printJson(io, { file: target });
      else print(io, `proof written to ${target}`);
    }
    return exitCodes.ok;
  },
};
