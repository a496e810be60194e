// The end of a log that is gone: how to notice that there was more, and how to go on without it when an operator says so.
import { cp, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing, syncFolder } from "../../durable-files/index.ts";
import { Journal, journalFolder, journalSegments, readSegment } from "./journal.ts";
import type { Segment } from "./journal.ts";
import { announcedEntries } from "../frame.ts";
import { tilePath, tileWidth } from "../tiles.ts";

/** How far a journal can be read: its last good segment and how many of its bytes are whole frames. */
export interface JournalEnd {
  readonly last: Segment | undefined;
  readonly wholeBytes: number;
}

/** How many entries the folder itself speaks of, given that `size` of them can be read: bundles that lie beyond. */
export async function publishedEntries(dir: string, size: number): Promise<number> {
  let entries = size;
  for (let index = Math.floor(size / tileWidth); ; index++) {
    const path = join(dir, tilePath({ level: "entries", index, width: tileWidth }));
    const isFull = await stat(path).then(
      () => true,
      () => false,
    );
    const names = isFull ? [] : await readdir(`${path}.p`).catch(() => []);
    const width = Math.max(0, ...names.map((name) => (/^\d{1,3}$/.test(name) ? Number(name) : 0)));
    entries = Math.max(entries, index * tileWidth + (isFull ? tileWidth : width));
    if (!isFull) return entries;
  }
}

/** How many entries the journal speaks of, in names of segments and headers of frames that can no longer be reached. */
export async function journalledEntries(dir: string): Promise<number> {
  let entries = 0;
  for (const segment of await journalSegments(dir)) {
    entries = Math.max(entries, segment.first, announcedEntries(await readSegment(segment)));
  }
  return entries;
}

/** Cuts the journal off behind its last whole frame; the journal as it was is first copied into `evidence`. */
export async function cutJournal(dir: string, size: number, end: JournalEnd, evidence: string): Promise<void> {
  await cp(journalFolder(dir), join(evidence, "journal"), { recursive: true, force: true }).catch(ignoreMissing);
  const last = end.last;
  for (const segment of await journalSegments(dir)) {
    if (last === undefined || segment.first > last.first) await rm(segment.path);
  }
  if (last === undefined) return Journal.begin(dir, size);
  await using file = await open(last.path, "r+");
  await file.truncate(end.wholeBytes);
  await file.sync();
  await syncFolder(journalFolder(dir));
}
