// What befalls the machine, by the seed: a kind of fault has spells, and outside of them nothing of it happens. While everything
// is checked and while Charter must recover, all is calm: what holds nothing back must then come right.
import type { Disk } from "./disk.ts";
import type { DiskWork } from "./disk-work.ts";
import type { Fate } from "./doors-database.ts";
import type { SqliteFault } from "./doors-sqlite.ts";
import type { Random } from "./random.ts";

/** The kinds of faults. */
export const faultKinds = [
  "slow disk",
  "full disk",
  "failing sync",
  "failing write",
  "full database",
  "busy database",
  "lost answer",
  "failing commit",
  "clock set",
] as const;

/** One kind. */
export type FaultKind = (typeof faultKinds)[number];

const databaseKinds: ReadonlySet<FaultKind> = new Set([
  "full database",
  "busy database",
  "lost answer",
  "failing commit",
]);

/** How often something of a spell fails. */
const share = 0.2;
/** How far the wall clock is set at most, milliseconds. */
const mostSetMs = 10 * 60_000;
/** Codes of SQLite. */
const [busy, inputOutput, full] = [5, 10, 13];

/** The faults of one simulation. */
export class Faults {
  readonly #chance: Random;
  readonly #kinds: readonly FaultKind[];
  readonly #spells = new Set<FaultKind>();
  readonly #setClock: (ms: number) => void;
  /** Set by the machine. */
  disk: Disk | undefined;

  /** @param setClock Sets the wall clock so far from where it should be, milliseconds. */
  constructor(chance: Random, kinds: readonly FaultKind[], setClock: (ms: number) => void) {
    this.#setClock = setClock;
    this.#chance = chance;
    // Each simulation has some of the kinds: a machine with every fault at once gets nowhere.
    this.#kinds = kinds.filter(() => chance.chance(0.5));
  }

  /** Charter starts. */
  started(): void {
    [this.hasFailedSync, this.hasFailedDatabase] = [false, false];
  }

  /** Begins a spell or ends one, as the seed says; tells which kinds have one now. */
  turn(): readonly FaultKind[] {
    for (const kind of this.#kinds) {
      // After one failed sync the journal takes nothing more until the next start.
      const begins = this.#chance.chance(kind === "failing sync" ? 0.03 : 0.2);
      if (begins) this.#spells.add(kind);
      else this.#spells.delete(kind);
    }
    this.#fill();
    if (this.#spells.has("clock set")) this.#setClock(this.#chance.between(-mostSetMs, mostSetMs));
    return [...this.#spells];
  }

  /** Ends all spells. */
  calm(): void {
    this.#spells.clear();
    this.#fill();
  }

  /** Whether a sync has failed since Charter started: what the disk holds is unknown then until the next start reads it. */
  hasFailedSync = false;
  /** Whether the database has failed since then: what could not be given back expires by itself, after an hour. */
  hasFailedDatabase = false;

  /** Whether what is to be written into the database may fail now. */
  get troublesDatabase(): boolean {
    return [...this.#spells].some((kind) => databaseKinds.has(kind));
  }

  #fill(): void {
    const { disk } = this;
    if (disk === undefined) return;
    disk.capacity = this.#spells.has("full disk") ? disk.used + this.#chance.below(4096) : Number.POSITIVE_INFINITY;
  }

  #strikes(kind: FaultKind): boolean {
    return this.#spells.has(kind) && this.#chance.chance(kind === "lost answer" ? 2 * share : share);
  }

  /** Longest that work of the disk takes, milliseconds. */
  slowestMs(work: DiskWork): number {
    const usual = work === "sync" ? 5 : 0.5;
    return this.#strikes("slow disk") ? 2000 : usual;
  }

  ofDisk(work: DiskWork, _path: string): string | undefined {
    if (work === "sync" && this.#strikes("failing sync")) {
      this.hasFailedSync = true;
      return "EIO";
    }
    if (work === "write" && this.#strikes("failing write")) return "EIO";
    return undefined;
  }

  /** What becomes of a unit of work on its way to the database and back. */
  ofUnit(): Fate {
    if (!this.#strikes("lost answer")) return "answered";
    this.hasFailedDatabase = true;
    return this.#chance.chance(0.5) ? "lost before" : "lost after";
  }

  ofSqlite(sql: string): SqliteFault | undefined {
    const fault = this.#ofStatement(sql);
    this.hasFailedDatabase ||= fault !== undefined;
    return fault;
  }

  #ofStatement(sql: string): SqliteFault | undefined {
    if (sql === "begin immediate" && this.#strikes("busy database")) return { code: busy };
    if (sql === "commit" && this.#strikes("failing commit")) return { code: inputOutput };
    if (this.#strikes("full database")) return { code: full };
    return undefined;
  }
}
