// Halts: an executor that oversteps halts its product, an admin clears the halt. A halt that nobody has cleared holds.
import { isUnknown } from "./client.ts";
import type { Told } from "./client.ts";
import type { Random } from "./random.ts";
import { asked, holds } from "./work.ts";
import type { Seen, Surroundings, Work } from "./work.ts";

/** No other work is done for it. */
const product = "WORKFLOW";

/** How long writes may be refused once all is calm, milliseconds. */
const patienceMs = 5 * 60_000;

/** The work. */
export class HaltWork implements Work {
  readonly name = "halts";
  readonly #around: Surroundings;
  /** Whether the database may fail now, so that a halt can be made durable only later. */
  readonly #isTroubled: () => boolean;
  #writer = "";
  #executor = "";
  #artifact = "";
  /** Since when it is certain that writes are halted; undefined while it is not. */
  #haltedSinceMs: number | undefined;
  /** Clearings that have begun and may yet take effect. */
  #clearing = 0;
  #lastClearMs = Number.NEGATIVE_INFINITY;
  #mayBeHalted = false;

  constructor(around: Surroundings, isTroubled: () => boolean) {
    this.#around = around;
    this.#isTroubled = isTroubled;
  }

  async prepare(): Promise<void> {
    const key = this.#around.adminKey();
    const make = async (body: object): Promise<string> =>
      (await asked(this.#around, "/v1/keys", { key, body })).json.key;
    this.#writer = await make({ kind: "product", product });
    this.#executor = await make({ kind: "executor", product, role: "admin" });
    this.#artifact = (await this.#write()).json.artifact.artifact_id;
  }

  async act(chance: Random): Promise<void> {
    if (chance.chance(0.25)) return this.#overstep();
    if (chance.chance(0.4)) return this.#clear();
    const [sinceMs, wasPossible] = [this.#haltedSinceMs, this.#mayBeHalted];
    const told = await this.#write();
    if (isUnknown(told)) return;
    const stillHolds = sinceMs !== undefined && sinceMs === this.#haltedSinceMs;
    if (stillHolds) holds(told.status === 403, "a halt holds until it is cleared", () => told.status);
    if (!wasPossible && !this.#mayBeHalted)
      holds(told.status === 201, "nothing is halted that nobody halted", () => [told.status, told.json]);
  }

  #write(): Promise<Told> {
    const body = { product_id: product, artifact_type: "WorkflowArtifact", payload: this.#around.timeline.nowMs };
    return asked(this.#around, "/v1/artifacts", { key: this.#writer, body });
  }

  /** What was not settled at the start may hold up what is new for a while. */
  async #writeInTheEnd(): Promise<number> {
    const { timeline } = this.#around;
    for (const endMs = timeline.nowMs + patienceMs; ; await timeline.sleep(1000)) {
      const told = await this.#write();
      if (!isUnknown(told)) return told.status;
      holds(timeline.nowMs < endMs, "in the calm writes are taken again", () => [told.status, told.json]);
    }
  }

  async #overstep(): Promise<void> {
    const beganMs = this.#around.timeline.nowMs;
    const wasTroubled = this.#isTroubled();
    this.#mayBeHalted = true;
    const { status } = await asked(this.#around, `/v1/artifacts/${this.#artifact}`, {
      method: "DELETE",
      key: this.#executor,
    });
    const isSure = status === 403 && !wasTroubled && !this.#isTroubled() && this.#clearing === 0;
    if (isSure && beganMs > this.#lastClearMs) this.#haltedSinceMs ??= beganMs;
  }

  async #clear(): Promise<void> {
    this.#clearing++;
    this.#haltedSinceMs = undefined;
    const told = await asked(this.#around, `/v1/halts/${product}/clear`, {
      key: this.#around.adminKey(),
      body: { reason: "looked into" },
    });
    // One whose answer was lost may still be under way when its caller has given up.
    await this.#around.timeline.sleep(isUnknown(told) ? 5000 : 0);
    this.#lastClearMs = this.#around.timeline.nowMs;
    this.#clearing--;
  }

  async check(_seen: Seen): Promise<void> {
    const { json } = await asked(this.#around, "/v1/halts", { key: this.#around.adminKey() });
    const isHalted = (json.halts as { scope: string }[]).some(({ scope }) => scope === product);
    if (this.#haltedSinceMs !== undefined) holds(isHalted, "a halt holds until it is cleared", () => json);
    // What is seen in the calm is certain from then on.
    if (isHalted && this.#clearing === 0) this.#haltedSinceMs ??= this.#around.timeline.nowMs;
    this.#mayBeHalted = isHalted;
    const status = await this.#writeInTheEnd();
    holds(status === (isHalted ? 403 : 201), "what is listed as halted is halted", () => [isHalted, status]);
  }
}
