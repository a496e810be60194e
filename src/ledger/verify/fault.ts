// What a verification stops at.

/** The log is not what its checkpoint says: what is wrong and at which entry, null when no single entry is to blame. */
export class LogFault extends Error {
  override readonly name = "LogFault";
  readonly index: number | null;

  constructor(index: number | null, reason: string, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause });
    this.index = index;
  }
}
