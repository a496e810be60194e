// Where the ledger lies that a reader means: the place that was named, or `ledger` below it, as in the data folder and below
// the address of a server.
import { access } from "node:fs/promises";
import { join } from "node:path";
import { maxNoteBytes } from "./note.ts";
import { openSource, OverlongError, UnreadableError } from "./source.ts";

/** What a folder holds that is a ledger: one that has lost its checkpoint, or has published none yet, is one as well. */
const marks = ["checkpoint", "tile", "journal"] as const;

/**
 * The folder or `http(s)://` prefix of the ledger at a place; undefined when there is none. A place that cannot be read is
 * given back as it is, so that its verification says why.
 */
export async function findLedger(
  place: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const isRemote = /^https?:\/\//i.test(place);
  const below = isRemote ? `${place.replace(/\/+$/, "")}/ledger` : join(place, "ledger");
  for (const candidate of [place, below]) {
    if (await (isRemote ? answersAt(candidate, headers) : liesIn(candidate))) return candidate;
  }
  return undefined;
}

async function answersAt(prefix: string, headers: Readonly<Record<string, string>>): Promise<boolean> {
  try {
    return (await openSource(prefix, headers).read("checkpoint", maxNoteBytes)) !== undefined;
  } catch (error) {
    if (error instanceof UnreadableError || error instanceof OverlongError) return true;
    throw error;
  }
}

async function liesIn(folder: string): Promise<boolean> {
  const found = await Promise.all(
    marks.map((name) =>
      access(join(folder, name)).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
      ),
    ),
  );
  return found.includes(true);
}
