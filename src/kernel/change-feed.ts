// Tells listeners of changes, so that what is opened first need not know what is opened later.

/** Ids of keys, users, clients, families and tokens whose status has changed, as they become durable. */
export class ChangeFeed {
  readonly #listeners: ((id: string) => void)[] = [];

  /** Calls `listener` with every id that is told from now on, in the same turn. */
  listen(listener: (id: string) => void): void {
    this.#listeners.push(listener);
  }

  readonly tell = (id: string): void => {
    for (const listener of this.#listeners) listener(id);
  };
}
