// How long a decision takes when its shape was seen before, when it was not, and when the policies are parsed again for
// every question, which is what the first two must be compared with.
import { isAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import { principalKinds } from "../src/kernel/ctx.ts";
import { constitutionFrom, maxRememberedDecisions } from "../src/constitution/constitution.ts";
import { actions, resourceKinds } from "../src/constitution/decision.ts";
import type { DecisionRequest } from "../src/constitution/decision.ts";
import { defaultConstitutionDir, readConstitution } from "../src/constitution/disk.ts";
import { cedarRequest } from "../src/constitution/engine.ts";
import { ordinaryContext } from "../src/constitution/request.ts";
import { shaperOf } from "../src/constitution/shape.ts";
import { costFigure, nearestRank, numberText, runAlone } from "./bench.ts";
import type { Bench, Figure } from "./bench.ts";

/** Questions measured in each way; re-parsing is slow, so it gets fewer. */
const counts = { seen: 200_000, unseen: 4000, reparsed: 100 };

/** Nearest-rank percentiles of the time each question takes, microseconds. */
interface Times {
  readonly p50: number;
  readonly p99: number;
}

function timesOf(questions: readonly DecisionRequest[], ask: (question: DecisionRequest) => unknown): Times {
  const nanoseconds = questions.map((question) => {
    const start = process.hrtime.bigint();
    ask(question);
    return Number(process.hrtime.bigint() - start);
  });
  nanoseconds.sort((left, right) => left - right);
  const rank = (share: number) => nearestRank(nanoseconds, share) / 1000;
  return { p50: rank(0.5), p99: rank(0.99) };
}

/** Different shapes in a fixed order that mixes kinds, actions, resources, products and circumstances. */
function* shapes(products: readonly string[]): Generator<DecisionRequest> {
  for (let bits = 0; bits < 128; bits++) {
    const context = Object.fromEntries(Object.keys(ordinaryContext).map((flag, i) => [flag, ((bits >> i) & 1) === 1]));
    for (const action of actions) {
      for (const kind of principalKinds) {
        for (const [i, resourceKind] of resourceKinds.entries()) {
          const product = products[(bits + i) % products.length] ?? null;
          yield {
            principal: { kind, product },
            action,
            resource: { kind: resourceKind, product },
            context: { ...ordinaryContext, ...context },
          };
        }
      }
    }
  }
}

async function* run(): AsyncGenerator<Figure> {
  const texts = readConstitution(defaultConstitutionDir());
  const constitution = constitutionFrom(texts);
  const { data } = constitution;
  const all = [...shapes(Object.keys(data.products))];
  const step = Math.floor(all.length / counts.unseen);
  const unseen = Array.from({ length: counts.unseen }, (_, i) => all[i * step]).filter((each) => each !== undefined);
  if (unseen.length > maxRememberedDecisions) throw new Error("the memory would forget what the bench asks again");
  const first = timesOf(unseen, (question) => constitution.decide(question));
  const again = Array.from({ length: counts.seen }, (_, i) => unseen[i % unseen.length]).filter(
    (each) => each !== undefined,
  );
  const seen = timesOf(again, (question) => constitution.decide(question));
  const shaper = shaperOf(data.products);
  const policies = { staticPolicies: `${texts.articles}\n${texts.policies}` };
  const reparsed = timesOf(unseen.slice(0, counts.reparsed), (question) =>
    isAuthorized({ ...cedarRequest(shaper.shapeOf(question), data.products), policies }),
  );
  for (const [what, { p50, p99 }] of [["seen", seen] as const, ["not seen", first] as const]) {
    yield costFigure({
      name: `p99 of a decision whose shape was ${what} before`,
      value: p99,
      unit: "microseconds",
      against: "p99 with the policies parsed each time",
      base: reparsed.p99,
      note: `p50 ${numberText(p50)} and ${numberText(reparsed.p50)}`,
    });
  }
}

/** Decisions. */
export const decisions: Bench = {
  name: "decisions",
  question: "How long does a decision take, when its shape was seen before and when not?",
  options: {},
  run,
};

if (import.meta.main) await runAlone(decisions);
