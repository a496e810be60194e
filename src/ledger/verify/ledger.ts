// Checks a whole ledger from its files or over HTTP, as a third party would, and says PASS or what is wrong first.
//
// 1. Nothing of this folder is shared with the code that writes the ledger: form, hashes and rules are written again here.
// 2. A pass means: the checkpoint is signed by the key; every entry hashes to its place in every level of tiles and to
//    the signed root; every entry is a well-formed leaf; outcomes and findings belong to earlier intents, at most one
//    outcome each.
// 3. A failure names the first entry that is wrong in the order of the log. A tile that is missing, short or wrong is
//    named by the first entry it covers. When no single entry is to blame (a wrong root or signature), the index is null.
// 4. What could not be read is not a failure of the log and names no entry: the report then says `unread`, and why.
// 5. Memory is bounded: a few bundles, one tile for each level, two bits for each entry and 32 bytes for each journal entry.
import { access } from "node:fs/promises";
import { join } from "node:path";
import { LogFault } from "./fault.ts";
import { JournalSnapshot, openJournal } from "./journal.ts";
import { emptyRoot, leafHash, sameHash } from "./merkle.ts";
import { FormError, maxNoteBytes, openCheckpoint, parseVerifierKey, strictUtf8 } from "./note.ts";
import type { Checkpoint, VerifierKey } from "./note.ts";
import { OverlongError, openSource, UnreadableError } from "./source.ts";
import type { Source } from "./source.ts";
import { IntentPairing } from "./intent-pairing.ts";
import { TileTree } from "./tile-tree.ts";
import { walkTiles } from "./walk.ts";

/** Largest text file read as a verifier key, bytes. */
const maxKeyBytes = 4096;

/** How far a verification has come. */
interface Progress {
  readonly done: number;
  readonly size: number;
}

/** What to verify and with which key. */
interface LedgerToVerify {
  /** A folder in the layout of C2SP tlog-tiles, a ledger's own folder (with its journal), or an `http(s)://` prefix. */
  readonly source: string;
  /** The log's key, `name+id+base64`. Without it the file `verifier-key` next to the checkpoint is trusted. */
  readonly verifierKey?: string;
  /** Headers for every request, e.g. Authorization. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A checkpoint of the same log seen before: the present log must begin with that tree. */
  readonly earlierCheckpoint?: string;
  /** Pass although bytes of entries are lost, as long as their hashes are in the signed tree (default false). */
  readonly allowLost?: boolean;
  readonly onProgress?: (progress: Progress) => void;
}

/** What a verification found. */
type LedgerReport =
  | {
      readonly ok: true;
      readonly origin: string;
      /** Entries that were checked: those of the published tree, then those that only the journal has yet. */
      readonly size: number;
      /** Entries of the published tree. */
      readonly published: number;
      /** Root of the signed tree, base64. */
      readonly root: string;
      /** Hash tiles that were compared. */
      readonly tiles: number;
      /** Intents without an outcome: acts that were under way. */
      readonly openIntents: number;
      /** Entries whose bytes are lost while their hashes are proven; empty unless `allowLost`. */
      readonly lost: readonly number[];
      /** Bytes at the end of the journal that are not a whole commit: one that was never acknowledged. */
      readonly tornBytes: number;
      readonly verifierKey: string;
      /** `found`: the key lay next to the data, so it proves only that the data agree with themselves (trust on first use). */
      readonly keyTrust: "given" | "found";
      /** Size of the earlier checkpoint that the log was shown to extend. */
      readonly extends?: number;
    }
  | {
      readonly ok: false;
      /** The first entry that is wrong, null when no single entry is to blame. */
      readonly index: number | null;
      readonly reason: string;
      /**
       * Present when nothing was found wrong and the rest could not be verified: the source `refused` this reader (HTTP 401
       * or 403), or reading `failed` for any other cause.
       */
      readonly unread?: "refused" | "failed";
    };

/** Verifies a whole ledger; see the promises at the top of this file. Resolves for every state of the data. */
export async function verifyLedger(options: LedgerToVerify): Promise<LedgerReport> {
  try {
    return await checked(options);
  } catch (error) {
    if (error instanceof LogFault) return { ok: false, index: error.index, reason: error.message };
    if (error instanceof FormError || error instanceof OverlongError) {
      return { ok: false, index: null, reason: error.message };
    }
    if (error instanceof UnreadableError) {
      const unread = error.refused ? "refused" : "failed";
      return { ok: false, index: null, reason: `could not be verified: ${error.message}`, unread };
    }
    throw error;
  }
}

async function checked(options: LedgerToVerify): Promise<LedgerReport> {
  const source = openSource(options.source, options.headers);
  const { verifierKey, keyTrust } = await trustedKey(source, options.verifierKey);
  const key = parseVerifierKey(verifierKey);
  // Before the checkpoint, so that nothing can be published and dropped from the journal in between.
  await using journal = source.folder === undefined ? new JournalSnapshot([]) : await openJournal(source.folder);
  const published = await publishedHead(source, key, journal);
  const earlier =
    options.earlierCheckpoint === undefined ? undefined : openCheckpoint(Buffer.from(options.earlierCheckpoint), key);
  const tree = new TileTree();
  const story = new IntentPairing();
  const tail = new Tail(journal.first ?? Infinity);
  const onEntry = (hash: Uint8Array) => {
    tail.keep(tree.size - 1, hash);
    checkRoot(tree, earlier, "the earlier checkpoint");
  };
  checkRoot(tree, earlier, "the earlier checkpoint");
  const { size } = published;
  const onProgress = (done: number) => options.onProgress?.({ done, size });
  const allowLost = options.allowLost === true;
  const tiles = await walkTiles({ source, size, tree, story, allowLost, onEntry, onProgress });
  checkRoot(tree, published, "the checkpoint");
  // The signer of the log always has a journal, at least an empty segment; a copy for third parties has neither.
  if (journal.first === undefined && (await holdsSigningKey(source)))
    throw new LogFault(size, "the journal is missing");
  const head = await walkJournal({ journal, published, key, tree, story, tail, onEntry });
  if (earlier !== undefined && earlier.size > tree.size) {
    throw new LogFault(null, `the log has ${tree.size} entries, the earlier checkpoint already had ${earlier.size}`);
  }
  return {
    ok: true,
    origin: key.name,
    size: tree.size,
    published: size,
    root: head.root.toString("base64"),
    tiles,
    openIntents: story.openIntents,
    lost: story.lost,
    tornBytes: journal.tornBytes,
    verifierKey,
    keyTrust,
    ...(earlier === undefined ? {} : { extends: earlier.size }),
  };
}

/** The published tree head; a ledger that was killed before its first publication has an empty one. */
async function publishedHead(source: Source, key: VerifierKey, journal: JournalSnapshot): Promise<Checkpoint> {
  const note = await source.read("checkpoint", maxNoteBytes);
  if (note !== undefined) return openCheckpoint(note, key);
  if (journal.first !== 0) throw new FormError("there is no checkpoint");
  return { origin: key.name, size: 0, root: emptyRoot() };
}

async function holdsSigningKey({ folder }: Source): Promise<boolean> {
  if (folder === undefined) return false;
  return access(join(folder, "key.pem")).then(
    () => true,
    () => false,
  );
}

/** The hashes of published entries that the journal may hold too. */
class Tail {
  readonly #first: number;
  readonly #hashes: Uint8Array[] = [];

  constructor(first: number) {
    this.#first = first;
  }

  keep(index: number, hash: Uint8Array): void {
    if (index >= this.#first) this.#hashes[index - this.#first] = hash;
  }

  at(index: number): Uint8Array | undefined {
    return this.#hashes[index - this.#first];
  }
}

interface JournalWalk {
  readonly journal: JournalSnapshot;
  readonly published: Checkpoint;
  readonly key: VerifierKey;
  readonly tree: TileTree;
  readonly story: IntentPairing;
  readonly tail: Tail;
  readonly onEntry: (hash: Uint8Array) => void;
}

/** Goes on where the tiles end; resolves with the newest signed head. @throws LogFault */
async function walkJournal(walk: JournalWalk): Promise<Checkpoint> {
  const { journal, published, key, tree, story, tail } = walk;
  if (journal.first !== undefined && journal.first > published.size) {
    throw new LogFault(published.size, "the journal begins after the published tree ends");
  }
  let head = published;
  for await (const { first, entries, note } of journal.frames()) {
    for (const [i, entry] of entries.entries()) {
      const index = first + i;
      const hash = leafHash(entry);
      const known = tail.at(index);
      if (known !== undefined && index < published.size) {
        if (!sameHash(known, hash)) throw new LogFault(index, "the journal holds another entry than the tree");
        continue;
      }
      const broken = story.take(index, entry);
      if (broken !== undefined) throw new LogFault(index, broken);
      tree.push(hash);
      walk.onEntry(hash);
    }
    const signed = journalHead(note, key, first);
    const end = first + entries.length;
    if (signed.size !== end) throw new LogFault(first, "a journal frame carries the checkpoint of another size");
    checkRoot(tree, signed, "a journal frame");
    if (end > head.size) head = signed;
  }
  return head;
}

function journalHead(note: Buffer, key: VerifierKey, first: number): Checkpoint {
  try {
    return openCheckpoint(note, key);
  } catch (error) {
    if (error instanceof FormError) throw new LogFault(first, `a journal frame: ${error.message}`, error);
    throw error;
  }
}

/** Compares the tree with a signed head, when it has just reached the head's size. */
function checkRoot(tree: TileTree, head: Checkpoint | undefined, name: string): void {
  if (head === undefined || tree.size !== head.size || sameHash(tree.root(), head.root)) return;
  throw new LogFault(null, `the entries do not have the root that ${name} signs for size ${head.size}`);
}

async function trustedKey(
  source: Source,
  given: string | undefined,
): Promise<{ verifierKey: string; keyTrust: "given" | "found" }> {
  if (given !== undefined) return { verifierKey: given.trim(), keyTrust: "given" };
  const found = await source.read("verifier-key", maxKeyBytes);
  if (found === undefined) throw new FormError("no verifier key was given and none lies next to the checkpoint");
  return { verifierKey: strictUtf8(found, "the verifier key").trim(), keyTrust: "found" };
}
