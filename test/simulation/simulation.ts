// One simulation: a seed, a Charter on a machine, callers that work, faults, and ends of every kind; and again and again a calm in
// which everything that was promised must hold.
import { tmpdir } from "node:os";
import { existsSync } from "node:fs";
import { silentLog } from "../../src/kernel/ctx.ts";
import { LedgerWatch } from "./check-ledger.ts";
import { durableMs } from "./doors-sqlite.ts";
import { enter } from "./doors-time.ts";
import { faultKinds, Faults } from "./faults.ts";
import { Machine } from "./machine.ts";
import type { Ending } from "./machine.ts";
import { enterNetwork, Network } from "./network.ts";
import { Provider } from "./provider.ts";
import { Random } from "./random.ts";
import { Timeline } from "./timeline.ts";
import { ArtifactWork } from "./work-artifacts.ts";
import { CallWork } from "./work-calls.ts";
import { HaltWork } from "./work-halts.ts";
import { KeyWork } from "./work-keys.ts";
import { holds } from "./work.ts";
import type { Surroundings, Work } from "./work.ts";

/** What a simulation is of. All of it together, and nothing else, says what happens. */
export interface Terms {
  readonly seed: number;
  /** How long it takes, simulated hours. */
  readonly hours: number;
  /** Most callers at a time. */
  readonly callers: number;
  /** What each caller does between two ends of Charter, at most. */
  readonly acts: number;
  /** Faults that do not happen. */
  readonly without: readonly string[];
}

/** What came of it. */
export interface Result {
  readonly terms: Terms;
  readonly trace: string;
  readonly steps: number;
  readonly hours: number;
  readonly acts: number;
  readonly ends: number;
  /** What did not hold. */
  readonly broken?: Error;
}

const endings: readonly Ending[] = ["kill", "kill", "power cut", "power cut", "stop"];
const hourMs = 3_600_000;

/** How long a rest takes before everything is checked: longer than a provider may be silent, milliseconds. */
const restMs = 11 * 60_000;

const providerPort = 9000;
const price = { inputMicrodollarsPerMillion: 1_000_000, outputMicrodollarsPerMillion: 2_000_000 };
const row = (name: string) => ({
  name,
  tier: 2,
  provider: "simulated-provider",
  model: name,
  latencyMs: 100,
  compliancePercent: 90,
  price,
});

/** The models that there are. */
const catalogue = {
  providers: {
    "simulated-provider": {
      kind: "openai-compatible",
      baseUrl: `http://127.0.0.1:${providerPort}/v1`,
      keyless: true,
      open: true,
    },
  },
  deployments: [row("first"), row("second")],
};

/** Where the database lies: in memory where the machine has such a folder. */
const folder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Runs a simulation. */
export async function simulate(terms: Terms, onStep?: (line: string) => void): Promise<Result> {
  const timeline = new Timeline(new Random(terms.seed, "time"), onStep);
  enter({ timeline, chance: new Random(terms.seed, "chance") });
  const network = new Network(new Random(terms.seed, "network"));
  enterNetwork(network);
  const kinds = faultKinds.filter((kind) => !terms.without.includes(kind));
  const faults = new Faults(new Random(terms.seed, "faults"), kinds, (ms) => void (timeline.wallSetMs = ms));
  const parts = { timeline, network, faults, chance: new Random(terms.seed, "disk"), log: silentLog };
  using machine = new Machine(parts, folder);
  machine.flags = { "catalogue-file": machine.keep("catalogue.json", JSON.stringify(catalogue)), analyser: "classic" };
  const provider = new Provider(timeline, new Random(terms.seed, "provider"));
  const course = new Course(terms, timeline, faults, machine, network, provider);
  let ended = false;
  let broken: Error | undefined;
  const run = async (): Promise<void> => {
    try {
      await course.run();
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error));
    }
    ended = true;
  };
  void run();
  try {
    await timeline.until(() => ended);
  } catch (error) {
    broken ??= error as Error;
  }
  const { acts, ends } = course;
  const result = { terms, trace: timeline.trace(), steps: timeline.steps, hours: timeline.nowMs / hourMs, acts, ends };
  return broken === undefined ? result : { ...result, broken };
}

/** What happens in a simulation. */
class Course {
  readonly #terms: Terms;
  readonly #timeline: Timeline;
  readonly #faults: Faults;
  readonly #machine: Machine;
  readonly #around: Surroundings;
  readonly #chance: Random;
  readonly #watch: LedgerWatch;
  readonly #works: readonly Work[];
  readonly #provider: Provider;
  acts = 0;
  ends = 0;
  #isOver = false;

  constructor(
    terms: Terms,
    timeline: Timeline,
    faults: Faults,
    machine: Machine,
    network: Network,
    provider: Provider,
  ) {
    this.#terms = terms;
    this.#timeline = timeline;
    this.#faults = faults;
    this.#machine = machine;
    this.#chance = new Random(terms.seed, "course");
    this.#around = {
      timeline,
      network,
      chance: this.#chance,
      adminKey: () => machine.adminKey,
      note: (text) => timeline.note(text),
    };
    this.#watch = new LedgerWatch(this.#around);
    this.#provider = provider;
    this.#works = [
      new ArtifactWork(this.#around, () => faults.hasFailedDatabase),
      new CallWork(this.#around, provider),
      new KeyWork(this.#around),
      new HaltWork(this.#around, () => faults.troublesDatabase),
    ];
  }

  async run(): Promise<void> {
    await this.#provider.open(providerPort);
    await this.#start();
    for (const work of this.#works) await work.prepare?.();
    await this.#check(false);
    while (this.#timeline.nowMs < this.#terms.hours * hourMs) await this.#round();
    if (this.#faults.hasFailedSync) {
      await this.#machine.end("stop");
      for (const work of this.#works) work.ended?.({ how: "stop", durableMs: durableMs() });
      await this.#start();
    }
    // What nobody ends has ended by itself then.
    await this.#timeline.sleep(1.6 * hourMs);
    await this.#check(true);
  }

  /** Callers work while the faults have their spells; then Charter ends, starts again, and everything is checked. */
  async #round(): Promise<void> {
    this.#isOver = false;
    const callers = Array.from({ length: 1 + this.#chance.below(this.#terms.callers) }, (_, n) => this.#caller(n));
    const turning = this.#turnFaults();
    const everyone = Promise.all(callers);
    const worked = this.#chance.chance(0.3) ? everyone : this.#timeline.sleep(this.#chance.between(50, 60_000));
    await worked;
    // What passes by itself must come right by itself.
    if (this.#chance.chance(0.4) && !this.#faults.hasFailedSync) return this.#rest(everyone, turning);
    const how = this.#chance.pick(endings);
    this.#timeline.note(`end: ${how}`);
    await this.#machine.end(how);
    for (const work of this.#works) work.ended?.({ how, durableMs: durableMs() });
    this.ends++;
    this.#isOver = true;
    await everyone;
    await turning;
    await this.#restart();
    await this.#check(false);
    // Time in which what nobody ends must end by itself.
    await this.#timeline.sleep(this.#chance.between(0, 20 * 60_000));
  }

  /** Ends a round without an end of Charter: callers stop when they are told, the faults end, and everything is checked. */
  async #rest(everyone: Promise<unknown>, turning: Promise<void>): Promise<void> {
    this.#isOver = true;
    await everyone;
    await turning;
    this.#faults.calm();
    // A sync may have failed while they stopped; and what was given up by callers may be under way for a while.
    if (this.#faults.hasFailedSync) return;
    this.#timeline.note("rest");
    await this.#timeline.sleep(restMs);
    await this.#check(false);
  }

  /** Starts in the calm. */
  async #start(): Promise<void> {
    this.#faults.started();
    const trouble = await this.#machine.start();
    holds(trouble === undefined, "the ledger opens after every end", () => trouble);
  }

  /** Starts again: in the calm, or in the middle of the faults, and perhaps only to be killed once more. */
  async #restart(): Promise<void> {
    for (let isUp = false; this.#chance.chance(0.4) && !isUp;) {
      this.#faults.started();
      const starting = this.#machine.start().then(
        () => true,
        () => false,
      );
      if (this.#chance.chance(0.5)) await this.#timeline.sleep(this.#chance.between(0, 300));
      else isUp = await starting;
      // What passes by itself must come right by itself; a disk that has failed is given up until the next start.
      if (isUp && !this.#faults.hasFailedSync && this.#chance.chance(0.5)) {
        this.#timeline.note("started among faults");
        return this.#faults.calm();
      }
      isUp = false;
      const how = this.#chance.pick(endings);
      this.#timeline.note(`end of a start: ${how}`);
      await this.#machine.end(how);
    }
    this.#faults.calm();
    await this.#timeline.sleep(this.#chance.between(0, 60_000));
    await this.#start();
  }

  async #caller(n: number): Promise<void> {
    const chance = new Random(this.#terms.seed, `caller ${n} ${this.ends}`);
    for (let count = chance.below(this.#terms.acts); count >= 0 && !this.#isOver; count--) {
      await this.#timeline.sleep(chance.chance(0.7) ? chance.between(0, 20) : chance.between(0, 10_000));
      if (this.#isOver) return;
      this.acts++;
      await chance.pick(this.#works).act(chance);
      if (chance.chance(0.2)) await this.#watch.look();
    }
  }

  async #turnFaults(): Promise<void> {
    while (!this.#isOver) {
      const spells = this.#faults.turn();
      if (spells.length > 0) this.#timeline.note(`faults: ${spells.join(", ")}`);
      await this.#timeline.sleep(this.#chance.between(100, 5000));
    }
  }

  async #check(isLast: boolean): Promise<void> {
    await this.#watch.look();
    const seen = await this.#watch.settled(isLast);
    for (const work of this.#works) await work.check(seen);
    // What is published lags a second behind what is durable.
    await this.#timeline.sleep(3000);
    await this.#watch.look();
    await this.#watch.check(this.#machine.dataDir);
  }
}
