// Replays the journal on top of the published tree: every frame's checksum, place, signature and root are checked.
import type { Damage } from "../damage.ts";
import { readSegment } from "./journal.ts";
import type { Segment } from "./journal.ts";
import { checkNote } from "./scan.ts";
import type { TreeTail } from "../tree-tail.ts";
import { readFrame } from "../frame.ts";
import type { Frame } from "../frame.ts";
import type { OpenIntents } from "../intents.ts";
import { leafHash } from "../merkle.ts";
import type { NoteVerifier } from "../note.ts";
import { entryBytes } from "../tiles.ts";

/** The tree that frames are replayed onto. */
export interface ReplayTarget {
  readonly edge: TreeTail;
  readonly intents: OpenIntents;
  readonly verifier: NoteVerifier;
}

/** What the journal held. */
export interface Replayed {
  /** The checkpoint of the last good frame; undefined when there was none. */
  readonly note: string | undefined;
  readonly damage: Damage | undefined;
  /** The last segment that could be read, to go on with unless there is damage, and how many of its bytes are whole frames. */
  readonly last: Segment | undefined;
  readonly wholeBytes: number;
  /** Segments that hold nothing the log still needs. */
  readonly obsolete: readonly Segment[];
}

/** Replays the segments (oldest first) that continue the published tree. */
export async function replayJournal(segments: readonly Segment[], target: ReplayTarget): Promise<Replayed> {
  const published = target.edge.size;
  const obsolete = segments.filter((_, at) => (segments[at + 1]?.first ?? Infinity) <= published);
  const live: { segment: Segment; bytes: Buffer }[] = [];
  const empty: Segment[] = [];
  for (const segment of segments.slice(obsolete.length)) {
    const bytes = await readSegment(segment);
    if (bytes.length > 0) live.push({ segment, bytes });
    else empty.push(segment);
  }
  let note: string | undefined;
  let last: Segment | undefined;
  let wholeBytes = 0;
  const broken = (reason: string): Replayed => {
    const damage: Damage = { index: target.edge.size, reason, mend: "tail" };
    return { note, damage, last, wholeBytes, obsolete: [] };
  };
  for (const [at, { segment, bytes }] of live.entries()) {
    if (segment.first !== target.edge.size) return broken("a part of the journal is missing");
    const read = replaySegment(bytes, target, at === live.length - 1);
    [note, last, wholeBytes] = [read.note ?? note, segment, read.wholeBytes];
    if (read.problem !== undefined) return broken(read.problem);
  }
  last ??= empty.find((segment) => segment.first === published);
  if (last === undefined) return broken("the journal is missing");
  // A segment is begun only behind entries that are durable, so even an empty one speaks of those before it.
  if (segments.some((segment) => segment.first > target.edge.size)) return broken("a part of the journal is missing");
  return { note, damage: undefined, last, wholeBytes, obsolete: [...obsolete, ...empty.filter((one) => one !== last)] };
}

function replaySegment(bytes: Buffer, target: ReplayTarget, isLast: boolean) {
  let [at, note]: [number, string | undefined] = [0, undefined];
  for (;;) {
    const read = readFrame(bytes, at);
    if (read.state === "end" || (read.state === "torn" && isLast)) return { note, wholeBytes: at, problem: undefined };
    if (read.state === "torn") return { note, wholeBytes: at, problem: "a journal segment is short" };
    const problem = read.state === "damaged" ? read.reason : replayFrame(read.frame, target);
    if (problem !== undefined || read.state !== "frame") return { note, wholeBytes: at, problem };
    [at, note] = [read.end, read.frame.note];
  }
}

/** Adds one frame to the tree; returns what is wrong with it, in which case nothing was added. */
function replayFrame(frame: Frame, { edge, intents, verifier }: ReplayTarget): string | undefined {
  if (frame.first !== edge.size) return "a part of the journal is missing";
  const growth = edge.plan(frame.entries.map((entry) => leafHash(entryBytes(entry))));
  const checkpoint = checkNote(frame.note, verifier);
  if (checkpoint === undefined) return "a checkpoint of the journal is not signed by this ledger's key";
  const agrees = checkpoint.size === growth.frontier.size;
  if (!agrees || Buffer.compare(checkpoint.root, growth.frontier.root()) !== 0) {
    return "entries of the journal do not fold to their signed root";
  }
  for (const [offset, entry] of frame.entries.entries()) intents.observe(frame.first + offset, entry);
  edge.grow(growth, frame.entries);
  return undefined;
}
