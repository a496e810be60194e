// A static copy of a log: what a web server or a stranger needs, and nothing secret.
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { DurableFolder, readIfThere } from "./disk-files.ts";
import type { FileToWrite } from "./disk-files.ts";
import { publicKeyFile, verifierKeyFile } from "./disk-keys.ts";
import { ledgerFault } from "./errors.ts";
import { hashBytes } from "./merkle.ts";
import { openNote, parseCheckpoint, parseVerifierKey } from "./note.ts";
import { splitBundle, tilePath, tilesBetween, tileWidth } from "./tiles.ts";
import type { TileName } from "./tiles.ts";

/** Files written and synced together; bounds memory. */
const filesAtOnce = 64;

/** Copies the published log from one folder to another, which must be empty or absent. Needs no lock: published files
 * never change. Rejects with `ledger.export_refused`, or `ledger.damaged` when the source lacks a file. */
export async function exportLedger({ from, to }: { from: string; to: string }): Promise<{ readonly size: number }> {
  await mkdir(to, { recursive: true });
  if ((await readdir(to)).length > 0) {
    throw ledgerFault("ledger.export_refused", "The folder to export into is not empty.");
  }
  const [checkpoint, verifierKey, publicKey] = await Promise.all(
    ["checkpoint", verifierKeyFile, publicKeyFile].map((name) => readIfThere(join(from, name))),
  );
  const verifier = parseVerifierKey(verifierKey?.toString().trimEnd() ?? "");
  const text = verifier && openNote(checkpoint?.toString() ?? "", verifier);
  const size = (text === undefined ? undefined : parseCheckpoint(text))?.size;
  if (size === undefined || !checkpoint || !verifierKey || !publicKey) {
    throw ledgerFault("ledger.damaged", "The ledger's checkpoint or public key is missing or damaged.");
  }
  const folder = new DurableFolder(to);
  await folder.prepare();
  let files: FileToWrite[] = [];
  for (const name of tilesBetween(0, size)) {
    files.push({ path: tilePath(name), bytes: await readTile(from, name) });
    if (files.length < filesAtOnce) continue;
    await folder.write(files);
    files = [];
  }
  await folder.write(files);
  await folder.write([
    { path: verifierKeyFile, bytes: verifierKey },
    { path: publicKeyFile, bytes: publicKey },
  ]);
  await folder.write([{ path: "checkpoint", bytes: checkpoint }]);
  await folder.remove("tmp");
  return { size };
}

/** A tile as it is on disk, or the beginning of the full one that has replaced it meanwhile. */
async function readTile(dir: string, name: TileName): Promise<Buffer> {
  const exact = await readIfThere(join(dir, tilePath(name)));
  if (exact !== undefined) return exact;
  const full = await readIfThere(join(dir, tilePath({ ...name, width: tileWidth })));
  const cut =
    full && (name.level === "entries" ? firstEntries(full, name.width) : full.subarray(0, name.width * hashBytes));
  if (cut === undefined) throw ledgerFault("ledger.damaged", `The ledger lacks ${tilePath(name)}.`);
  return cut;
}

function firstEntries(bundle: Buffer, width: number): Buffer | undefined {
  const entries = splitBundle(bundle, tileWidth);
  return entries && Buffer.concat(entries.slice(0, width));
}
