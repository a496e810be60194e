// How responses in the background end other than by being answered: they are cancelled, forgotten, or left by a server that stopped.
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/ctx.ts";
import { endEvent, failedResponse } from "./background-run.ts";
import type { BackgroundStore, End } from "./background-store.ts";
import { responseFault } from "./errors.ts";
import { textOfEnd } from "./kept-text.ts";
import { numbered } from "./response-events.ts";
import type { Item, KeptResponse, ResponseStore, ResponseTx } from "./store.ts";

/** What ends are written with. */
export interface EndsParts {
  readonly store: BackgroundStore;
  readonly kept: ResponseStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether this process works on a response. */
  readonly isLocal: (owner: string, id: string) => boolean;
  /** Told of every end. */
  readonly ended: (owner: string, id: string) => void;
}

/** The ends of responses in the background. */
export class BackgroundEnds {
  readonly #parts: EndsParts;

  constructor(parts: EndsParts) {
    this.#parts = parts;
  }

  /** A response as it stands now: one whose server has stopped has failed. */
  async settled(owner: string, kept: KeptResponse): Promise<KeptResponse> {
    if (!isOpen(kept)) return kept;
    if (await this.isWorkedOn(owner, kept.id)) return kept;
    return (await this.#parts.kept.get(owner, kept.id, this.#parts.clock.nowMs())) ?? kept;
  }

  /** Whether a response is worked on; one that was left is ended. */
  async isWorkedOn(owner: string, id: string): Promise<boolean> {
    const { store, isLocal } = this.#parts;
    const isHeld = await store.isHeld(owner, id);
    if (isHeld === undefined) return false;
    if (isHeld || isLocal(owner, id)) return true;
    await this.#endLeft(owner, id);
    return false;
  }

  /** Ends what was left by servers that have stopped. @param isAlone No one else works on this database. */
  async endLeft(isAlone: boolean): Promise<void> {
    const { store, log, isLocal } = this.#parts;
    for (const { owner, id } of await store.left(isAlone)) {
      if (isLocal(owner, id)) continue;
      try {
        await this.#endLeft(owner, id);
      } catch (error) {
        // One that cannot be ended keeps no server from starting, and holds up no other.
        log.error({ err: error, response: id }, "a response that was left could not be ended; trying again later");
      }
    }
  }

  async #endLeft(owner: string, id: string): Promise<void> {
    const { store, kept, clock, ended } = this.#parts;
    const found = await kept.get(owner, id, clock.nowMs());
    const left = responseFault(
      "response.interrupted",
      "the server that worked on the response stopped before its end; what a provider was asked by then may be charged",
    );
    const failed = failedResponse(found?.response ?? { id }, left);
    await store.end(owner, await endAs(failed, id, found?.expiresMs ?? clock.nowMs()));
    ended(owner, id);
  }

  /**
   * Ends a response as cancelled in the transaction of an act; one that has ended stays as it is.
   * @returns The response as it stands then. @throws `response.not_background`
   */
  async cancelIn(tx: ResponseTx, owner: string, kept: KeptResponse): Promise<Item> {
    const { response, id, expiresMs } = kept;
    if (response["background"] !== true) {
      throw responseFault("response.not_background", "the response was not made in the background");
    }
    if (!isOpen(kept)) return response;
    const cancelled = { ...response, status: "cancelled" };
    if (await this.#parts.store.endIn(tx, owner, await endAs(cancelled, id, expiresMs))) return cancelled;
    return (await this.#parts.kept.get(owner, id, this.#parts.clock.nowMs(), tx))?.response ?? response;
  }

  /** Forgets a response and who works on it, in the transaction of an act. @returns Whether there was one. */
  async forgetIn(tx: ResponseTx, owner: string, id: string): Promise<boolean> {
    const { store, kept, clock } = this.#parts;
    const isThere = await kept.remove(tx, owner, id, clock.nowMs());
    await store.stop(tx, owner, id);
    return isThere;
  }
}

/** Whether a response is, by what is stored of it, worked on. */
export function isOpen({ response }: KeptResponse): boolean {
  return response["background"] === true && response["status"] === "in_progress";
}

async function endAs(response: Item, id: string, expiresMs: number): Promise<End> {
  const text = await textOfEnd(response);
  const event = await endEvent(response);
  return { answer: { id, expiresMs, ...text }, event: (sequence) => numbered(event, sequence) };
}
