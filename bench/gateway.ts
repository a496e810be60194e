// What does a governed model call cost compared with an ungoverned one? Charter with everything on (policy, budgets, the durable
// ledger, guards, counted limits) against the provider itself, a proxy that does nothing but forward, and an npm peer. All
// are measured in turn, round by round, so that a drift of the machine falls on all alike; the median of the rounds counts.
//
// `--calls 200000` looks at memory for as long as the promise says, `--peer no` leaves the peer out, `--parts rates,cache`
// measures only these (of rates, router, latencies, memory, streams, cache), `--profile DIR` leaves Charter's CPU profile
// there.
import { costFigure, numberText, rateFigure, runAlone } from "./bench.ts";
import type { Bench, BenchOptions, Figure } from "./bench.ts";
import { startCharter, startPeerContender, startProvider, startProxy } from "./load/model-contenders.ts";
import type { CharterContender, Contender, ContenderName } from "./load/model-contenders.ts";
import type { CallShape, LoadOrder, LoadResult } from "./load/model-load.ts";
import { spawnNode } from "./load/model-process.ts";
import type { Spawned } from "./load/model-process.ts";
import { replay, startNumberingUpstream } from "./load/model-replay.ts";

const whole: CallShape = { model: "ok", stream: false };
const streamed: CallShape = { model: "ok-40-chunks", stream: true };
/** A stream of ten pieces that takes five seconds. */
const paced: CallShape = { model: "paced-500", stream: true };
/** A stream that never ends, for readers that do not read. */
const endless: CallShape = { model: "endless", stream: true };
const models = [whole, streamed, paced, endless].map(({ model }) => model);

/** The rate at which latencies are compared, calls a second; everyone can keep up with it. */
const perSecond = 100;
/** Streams that no one reads, at a time. */
const unreadStreams = 100;
const mebi = 2 ** 20;

/** What one contender did in one part of one round. */
interface Sample extends LoadResult {
  readonly cpuMsPerCall: number;
}

/** Samples of each contender, one a round. */
type Samples = ReadonlyMap<ContenderName, readonly Sample[]>;

/** Everything that is compared, and how it is measured. */
interface Rig {
  readonly load: Spawned;
  contenders: readonly Contender[];
  readonly charter: CharterContender;
  readonly proxy: Contender;
  rounds: number;
  /** Why the peer is missing; undefined when it is not. */
  noPeer: string | undefined;
}

async function order(load: Spawned, what: LoadOrder): Promise<LoadResult> {
  load.say(what);
  return load.next<LoadResult>();
}

/** One part of the comparison: every contender in turn, so many rounds. A peer that breaks down is left out from then on. */
async function inRounds(rig: Rig, part: (contender: Contender) => LoadOrder): Promise<Samples> {
  const samples = new Map<ContenderName, Sample[]>(rig.contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rig.rounds; round++) {
    for (const contender of rig.contenders) {
      try {
        samples.get(contender.name)?.push(await sampleOf(rig, contender, part(contender)));
      } catch (error) {
        if (contender.name !== "peer") throw error;
        rig.noPeer = wordsOf(error);
        rig.contenders = rig.contenders.filter((each) => each !== contender);
      }
    }
  }
  return samples;
}

async function sampleOf({ load }: Rig, { name, process }: Contender, what: LoadOrder): Promise<Sample> {
  const gone = (): void => {
    const how = process.ended();
    if (how !== undefined) throw new Error(`${name}: ${how}`);
  };
  gone();
  const before = await process.cpuSeconds();
  const result = await order(load, what);
  gone();
  const cpu = (await process.cpuSeconds()) - before;
  if (result.calls === 0 || (result.failed > 0 && name !== "peer")) {
    throw new Error(`${name}: ${result.failed} of ${result.calls} calls failed: ${result.failure}`);
  }
  return { ...result, cpuMsPerCall: (1000 * cpu) / (result.calls + result.failed) };
}

/** The first line of what went wrong. */
function wordsOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function middleOf(samples: Samples, name: ContenderName, of: (sample: Sample) => number): number {
  return median((samples.get(name) ?? []).map(of));
}

const words: Record<ContenderName, string> = {
  direct: "the provider itself",
  proxy: "a bare proxy",
  charter: "Charter",
  peer: "the npm peer",
};

/** What a thing is compared with, other than Charter. */
function others({ contenders }: Rig, names: readonly ContenderName[]): ContenderName[] {
  return names.filter((name) => contenders.some((each) => each.name === name));
}

const rateOf = ({ calls, seconds }: Sample): number => calls / seconds;

async function* rates(rig: Rig, seconds: number): AsyncGenerator<Figure> {
  for (const [kind, shape] of [
    ["whole", whole],
    ["streamed", streamed],
  ] as const) {
    for (const connections of [1, 64]) {
      const samples = await inRounds(rig, ({ target }) => ({
        kind: "busy",
        target,
        shapes: [shape],
        connections,
        seconds,
        calls: Number.MAX_SAFE_INTEGER,
      }));
      const name = `${kind} calls over ${connections} connection${connections === 1 ? "" : "s"}`;
      const value = middleOf(samples, "charter", rateOf);
      for (const other of others(rig, ["direct", "proxy", "peer"])) {
        const base = middleOf(samples, other, rateOf);
        yield rateFigure({
          name,
          value,
          unit: "/s",
          against: words[other],
          base,
          note: roundsNote(rig, samples, other),
        });
      }
      if (connections === 1) continue;
      const costs = others(rig, ["proxy", "peer"]).map((other) => ({
        name: `CPU for each of the ${name}`,
        value: middleOf(samples, "charter", ({ cpuMsPerCall }) => cpuMsPerCall),
        unit: "ms",
        against: words[other],
        base: middleOf(samples, other, ({ cpuMsPerCall }) => cpuMsPerCall),
      }));
      yield* costs.map(costFigure);
    }
  }
}

/** The ratio of every round, and what failed. */
function roundsNote({ noPeer }: Rig, samples: Samples, other: ContenderName): string {
  const of = samples.get(other) ?? [];
  const ratios = (samples.get("charter") ?? []).map((sample, i) => {
    const base = of[i];
    return numberText(base === undefined ? Number.NaN : rateOf(sample) / rateOf(base));
  });
  const failed = of.reduce((sum, sample) => sum + sample.failed, 0);
  const failures = failed === 0 ? "" : `; ${failed} of its calls failed (${of.find((each) => each.failure)?.failure})`;
  const missing = other === "proxy" && noPeer !== undefined ? `; no npm peer: ${noPeer}` : "";
  return `rounds ${ratios.join(", ")}${failures}${missing}`;
}

async function* latencies(rig: Rig, seconds: number): AsyncGenerator<Figure> {
  const measure = (shape: CallShape): Promise<Samples> =>
    inRounds(rig, ({ target }) => ({ kind: "steady", target, shape, perSecond, seconds }));
  const wholes = await measure(whole);
  const streams = await measure(streamed);
  const parts: readonly (readonly [string, Samples, (sample: Sample) => number])[] = [
    ["p50 of a call", wholes, ({ p50Ms }) => p50Ms],
    ["p99 of a call", wholes, ({ p99Ms }) => p99Ms],
    ["p50 of the first token", streams, ({ firstP50Ms }) => firstP50Ms],
    ["p99 of the first token", streams, ({ firstP99Ms }) => firstP99Ms],
  ];
  for (const [what, samples, of] of parts) {
    const value = middleOf(samples, "charter", of);
    for (const other of others(rig, ["direct", "proxy", "peer"])) {
      const base = middleOf(samples, other, of);
      const added = (samples.get("charter") ?? []).map((sample, i) => {
        const there = samples.get(other)?.[i];
        return there === undefined ? Number.NaN : of(sample) - of(there);
      });
      const note = `added ${numberText(median(added))} ms, rounds ${added.map(numberText).join(", ")}`;
      const name = `${what} at ${perSecond} calls/s`;
      yield costFigure({ name, value, unit: "ms", against: words[other], base, note });
    }
  }
}

/** Calls whose model the router chooses, compared with calls that name it. */
async function* chosen(rig: Rig, seconds: number): AsyncGenerator<Figure> {
  const busy = (model: string) => (): LoadOrder => ({
    kind: "busy",
    target: rig.charter.target,
    shapes: [{ model, stream: false }],
    connections: 64,
    seconds,
    calls: Number.MAX_SAFE_INTEGER,
  });
  const alone: Rig = { ...rig, contenders: [rig.charter], rounds: 1 };
  const [named, auto]: [Sample[], Sample[]] = [[], []];
  for (let round = 0; round < rig.rounds; round++) {
    named.push(...((await inRounds(alone, busy(whole.model))).get("charter") ?? []));
    auto.push(...((await inRounds(alone, busy("auto"))).get("charter") ?? []));
  }
  yield rateFigure({
    name: "calls that leave the model to the router",
    value: median(auto.map(rateOf)),
    unit: "/s",
    against: "calls that name it",
    base: median(named.map(rateOf)),
  });
}

/** Memory over many calls, a fifth of them streamed. */
async function* memory(rig: Rig, calls: number): AsyncGenerator<Figure> {
  const measure = async ({ target, process }: Contender) => {
    const busy = (count: number): LoadOrder => ({
      kind: "busy",
      target,
      shapes: [whole, whole, whole, whole, streamed],
      connections: 64,
      seconds: 3600,
      calls: count,
    });
    await process.resetPeak();
    await order(rig.load, busy(Math.ceil(calls / 5)));
    const before = await process.memory();
    const { failed, failure } = await order(rig.load, busy(Math.floor((calls * 4) / 5)));
    if (failed > 0) throw new Error(`${failed} calls failed: ${failure}`);
    const after = await process.memory();
    return { before: before.nowBytes / mebi, after: after.nowBytes / mebi, peak: after.peakBytes / mebi };
  };
  const proxy = await measure(rig.proxy);
  const charter = await measure(rig.charter);
  const name = `memory after ${calls} calls`;
  const unit = "MiB";
  yield costFigure({
    name,
    value: charter.after,
    unit,
    against: "after the first fifth of them",
    base: charter.before,
    note: `a bare proxy went from ${numberText(proxy.before)} to ${numberText(proxy.after)} MiB`,
  });
  yield costFigure({
    name: `peak memory over ${calls} calls`,
    value: charter.peak,
    unit,
    against: words.proxy,
    base: proxy.peak,
  });
}

/** Memory with many streams open at once: slow ones, and ones that no one reads. */
async function* openStreams(rig: Rig, streams: number): AsyncGenerator<Figure> {
  const measure = async ({ target, process }: Contender, shape: CallShape, count: number, reads: boolean) => {
    const before = (await process.memory()).nowBytes;
    await process.resetPeak();
    const what: LoadOrder = { kind: "streams", target, shape, streams: count, reads };
    rig.load.say(what);
    const { open } = await rig.load.next<{ open: number }>();
    const { failed, failure } = await rig.load.next<LoadResult>();
    if (failed > 0 || open < count) throw new Error(`${failed} of ${count} streams failed: ${failure}`);
    return ((await process.memory()).peakBytes - before) / mebi;
  };
  for (const [what, shape, count, reads] of [
    [`${streams} slow streams`, paced, streams, true],
    [`${unreadStreams} endless streams that nobody reads`, endless, unreadStreams, false],
  ] as const) {
    const proxy = await measure(rig.proxy, shape, count, reads);
    const charter = await measure(rig.charter, shape, count, reads);
    yield costFigure({
      name: `memory that ${what} add`,
      value: charter,
      unit: "MiB",
      against: words.proxy,
      // A proxy whose heap had room already adds nothing, and nothing cannot be divided by.
      base: Math.max(proxy, 1),
      note: `${numberText((charter * 1024) / count)} KiB each`,
    });
  }
}

/** A workload in which nine of ten requests repeat. */
async function* cached(requests: number): AsyncGenerator<Figure> {
  await using upstream = await startNumberingUpstream();
  await using charter = await startCharter(upstream.url, ["numbered"]);
  const keys = [await charter.productKey("AI_ASSISTANT"), await charter.productKey("GURUKUL")];
  const { url } = charter.target;
  const { repeats, hits, reached, crossed, wrong, failed } = await replay({ url, keys }, requests, () =>
    upstream.reached(),
  );
  if (crossed + wrong + failed > 0) {
    throw new Error(`${crossed} answers of another product, ${wrong} of another prompt, ${failed} calls failed`);
  }
  yield rateFigure({
    name: `answers from the cache in a replay of ${requests} calls by two products`,
    value: hits / requests,
    unit: "of all",
    against: "calls that repeat one of their product",
    base: repeats / requests,
    note: `none of another product; ${reached} calls reached the provider`,
  });
}

/** Everybody answers for a while before anything counts: code is compiled, connections are open. */
async function warmUp(rig: Rig, seconds: number): Promise<void> {
  const shapes = [whole, streamed];
  const { rounds } = rig;
  rig.rounds = 1;
  await inRounds(rig, ({ target }) => ({
    kind: "busy",
    target,
    shapes,
    connections: 64,
    seconds,
    calls: Number.MAX_SAFE_INTEGER,
  }));
  rig.rounds = rounds;
}

async function* run(options: BenchOptions): AsyncGenerator<Figure> {
  const [seconds, rounds, calls] = [Number(options["seconds"]), Number(options["rounds"]), Number(options["calls"])];
  const profile = options["profile"] ?? "";
  const node = profile === "" ? [] : ["--cpu-prof", "--cpu-prof-dir", profile, "--cpu-prof-interval", "500"];
  // A bench that is stopped takes its processes along.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  await using started = new AsyncDisposableStack();
  const provider = started.use(await startProvider());
  const upstream = provider.target.url;
  const proxy = started.use(await startProxy(upstream));
  const charter = started.use(await startCharter(upstream, models, node));
  const load = started.use(spawnNode([`${import.meta.dirname}/load/model-load.ts`]));
  let noPeer = options["peer"] === "no" ? "it was left out" : undefined;
  const contenders: Contender[] = [provider, proxy, charter];
  try {
    if (noPeer === undefined) contenders.push(started.use(await startPeerContender(upstream)));
  } catch (error) {
    noPeer = wordsOf(error);
  }
  const rig: Rig = { load, contenders, charter, proxy, rounds, noPeer };
  await warmUp(rig, 2 * seconds);
  const parts: Readonly<Record<string, () => AsyncIterable<Figure>>> = {
    rates: () => rates(rig, seconds),
    router: () => chosen(rig, seconds),
    latencies: () => latencies(rig, 2 * seconds),
    memory: () => memory(rig, calls),
    streams: () => openStreams(rig, Number(options["streams"])),
    cache: () => cached(Number(options["replay"])),
  };
  const asked = options["parts"] === "all" ? Object.keys(parts) : (options["parts"] ?? "").split(",");
  for (const name of asked) {
    const part = parts[name];
    if (part === undefined) throw new Error(`there is no part ${name}; there are ${Object.keys(parts).join(", ")}`);
    yield* part();
  }
}

/** The gateway. */
export const gateway: Bench = {
  name: "gateway",
  question: "What does a governed model call cost beside an ungoverned one?",
  options: {
    seconds: "4",
    rounds: "3",
    calls: "20000",
    streams: "1000",
    replay: "20000",
    peer: "yes",
    parts: "all",
    profile: "",
  },
  run,
};

if (import.meta.main) await runAlone(gateway);
