// `charter ledger export`: a static copy of the log that any tlog-tiles client and `ledger verify --from DIR` can read.
//
// The checkpoint is fetched first and written last, so that a copy is never ahead of its files; full tiles that are already
// there are kept, which makes the next export of a growing log cheap. The entries name principals and resources of every
// product, so the copy is made for its owner alone (0700 and 0600); handing it on is a decision of theirs.
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { makeFolder } from "../../durable-files/index.ts";
import { privateFileMode } from "../../kernel/file-modes.ts";
import { withRetries } from "../client.ts";
import { exitCodes } from "../syntax.ts";
import type { Call, CommandBody } from "../command.ts";
import { complain, print, printable, printJson } from "../io.ts";
import { forEachAtOnce } from "../pool.ts";
import { Progress, progressStyle } from "../progress.ts";
import { tileFiles } from "../tile-layout.ts";

const downloadsAtOnce = 8;

/** `charter ledger export` */
export const ledgerExport: CommandBody = {
  usage: "DIR",
  arity: [1, 1],
  options: [{ name: "progress", summary: "show progress, as plain lines where there is no terminal" }],
  examples: [
    {
      line: "ledger export ./ledger-copy",
      does: "copies checkpoint, tiles, entries and verifier key; again to catch up",
    },
  ],
  run,
};

async function run({ io, positionals, json, client, options }: Call): Promise<number> {
  const folder = resolve(io.cwd, positionals[0] ?? "");
  await makeFolder(folder);
  const fetchBytes = (path: string): Promise<Buffer> =>
    withRetries(
      () => client.bytes(`/ledger/${path}`),
      (reason) => complain(io, printable(reason)),
    );
  const checkpoint = await fetchBytes("checkpoint");
  const size = Number(checkpoint.toString("utf8").split("\n")[1]);
  if (!Number.isSafeInteger(size)) throw new Error("the server's checkpoint has no size");
  const files = [...tileFiles(size)].filter(({ path, isFull }) => !isFull || !existsSync(join(folder, path)));
  using progress = new Progress(
    io,
    progressStyle(io, files.length > 64, options.has("progress")),
    files.length,
    (count) => count.toFixed(0),
  );
  progress.label("files");
  await forEachAtOnce(files, downloadsAtOnce, async ({ path }) => {
    await place(join(folder, path), await fetchBytes(path));
    progress.add(1);
  });
  for (const name of ["verifier-key", "public.pem"]) await place(join(folder, name), await fetchBytes(name));
  await place(join(folder, "checkpoint"), checkpoint);
  if (json) printJson(io, { folder, size, files: files.length });
  else {
    const again = `check it with: charter ledger verify --from ${positionals[0]}`;
    progress.around(() =>
      print(io, `${size} entries in ${printable(folder)} (${files.length} files fetched)`, printable(again)),
    );
  }
  return exitCodes.ok;
}

async function place(path: string, bytes: Buffer): Promise<void> {
  await makeFolder(dirname(path));
  const partial = `${path}.${randomUUID()}.part`;
  await writeFile(partial, bytes, { mode: privateFileMode });
  await rename(partial, path);
}
