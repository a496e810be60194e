// Calls and attempts as the gateway tells of them, for tests of those who watch; and the metrics as Prometheus reads them.
import type { AttemptFacts, CallFacts } from "../../../src/gateway/observer.ts";
import { noUsage } from "../../../src/models/usage.ts";

/** A call that went well, with what the test is about in place of the usual. */
export function scriptedCall(own: Partial<CallFacts> = {}): CallFacts {
  return {
    requestId: "01890000-0000-7000-8000-000000000001",
    operation: "chat.create",
    product: "mitra",
    requestModel: "auto",
    responseModel: "llama-3.1-8b-instant",
    deployment: "llama-3.1-8b",
    provider: "groq",
    tier: 2,
    strategy: "balanced",
    cache: "miss",
    streamed: false,
    finish: "stop",
    error: undefined,
    usage: { ...noUsage, inputTokens: 100, outputTokens: 20 },
    microdollars: 7,
    isBeyondBound: false,
    attempts: 1,
    durationMs: 250,
    overheadMs: 0.4,
    firstChunkMs: undefined,
    perChunkMs: undefined,
    phases: [],
    parameters: { effects: new Set(), unknown: false, refused: false },
    ...own,
  };
}

/** An attempt that went well, with what the test is about in place of the usual. */
export function scriptedAttempt(own: Partial<AttemptFacts> = {}): AttemptFacts {
  return {
    deployment: "llama-3.1-8b",
    provider: "groq",
    status: 200,
    error: undefined,
    isRetry: false,
    durationMs: 200,
    ...own,
  };
}

/** One line of the text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format of Prometheus. @throws For a line that is none of it. */
export function samplesOf(text: string): readonly Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name, inner = "", number] = /^([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined || number === undefined) throw new Error(`no line of metrics: ${line}`);
      const labels = [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
        ([, label = "", value = ""]) => [label, value] as const,
      );
      return { name, labels: Object.fromEntries(labels), value: Number(number) };
    });
}

/** The sum of all lines of a name that have these labels, among others. */
export function total(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samples
    .filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
