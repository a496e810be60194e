// Mistakes that were made once, or might be: each takes back one thing that a promise rests on. The simulator must find every one
// of them; one that it does not find is a promise that nobody checks. `hooks.ts` makes them in what is loaded, not in the files.

/** One mistake. */
export interface Mutation {
  readonly name: string;
  /** The file below `src/`. */
  readonly file: string;
  /** Stands in the file once. */
  readonly from: string;
  readonly to: string;
}

/** The mistake of a name. @throws Error when there is none. */
export function mutationOf(name: string): Mutation {
  const found = mutations.find((mutation) => mutation.name === name);
  if (found === undefined) throw new Error(`there is no mutation "${name}"`);
  return found;
}

/** Makes the mistake in the text of its file. @throws Error when what it takes back is not there once. */
export function mutated({ name, file, from, to }: Mutation, text: string): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`"${name}" takes back what stands ${parts.length - 1} times in src/${file}`);
  return parts.join(to);
}

/** All of them. */
export const mutations: readonly Mutation[] = [
  {
    name: "an outcome is told from the error alone",
    file: "governance/transaction.ts",
    from: 'if (done === undefined || !(error instanceof Fault) || error.code !== "db.unavailable") throw error;',
    to: "if (error) throw error;",
  },
  {
    name: "what is not known to have taken effect is called failed",
    file: "governance/transaction.ts",
    from: "throw new UnknownEffect(lost);",
    to: "throw lost;",
  },
  {
    name: "an answer that cannot be passed on costs nothing",
    file: "gateway/stages/settle.ts",
    from: "const charges = session.close(used);",
    to: "session.close(used); const charges: readonly Charged[] = [];",
  },
  {
    name: "a crash closes every intent as if nothing had been done",
    file: "ledger/disk/disk.ts",
    from: "intents.length === 0 ? new Set() : await applied(intents)",
    to: "new Set<number>()",
  },
  {
    name: "the journal is not synced",
    file: "ledger/disk/journal.ts",
    from: "sync: () => handle.datasync(),",
    to: "sync: async () => {},",
  },
  {
    name: "a new segment of the journal has no durable name",
    file: "ledger/disk/journal.ts",
    from: "    await syncFolder(journalFolder(dir));\n  } catch",
    to: "    await Promise.resolve();\n  } catch",
  },
  {
    name: "small contents are not synced",
    file: "depository/blobs/disk-segments.ts",
    from: "await tail.handle.datasync();",
    to: "await Promise.resolve();",
  },
  {
    name: "room for an upload that failed is not given back",
    file: "depository/uploads.ts",
    from: "await database.transact(release);",
    to: "await Promise.resolve();",
  },
  {
    name: "a halt is kept in memory only",
    file: "governance/halts.ts",
    from: 'db.transact((tx) =>\n        tx\n          .insertInto("governance_halts")',
    to: 'Promise.resolve((tx) =>\n        tx\n          .insertInto("governance_halts")',
  },
  {
    name: "the budgets of a killed process are not taken up",
    file: "budgets/store/sqlite.ts",
    from: "if (left === undefined) return;",
    to: "if (left !== undefined || left === undefined) return;",
  },
  {
    name: "an outcome that could not be written is not tried again",
    file: "governance/outcome-retrier.ts",
    from: "void tryAgain()",
    to: "undefined",
  },
];
