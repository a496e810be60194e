// The seeded playground of `npm run dev`: the four products with a key each, artifacts of theirs, and calls of the built-in
// simulated models. Nothing of it leaves this machine, whatever keys of providers the environment holds.
import { ask } from "../demo/caller.ts";
import type { Answer, Ask } from "../demo/caller.ts";
import { shares } from "../demo/products.ts";

/** What was made at the first start, with the keys that are shown only then. */
export interface Playground {
  readonly adminKey: string;
  /** One-time password of the user `admin`. */
  readonly adminPassword: string;
  readonly products: readonly { readonly name: string; readonly key: string }[];
  /** An artifact of the first product. */
  readonly artifactId: string;
  readonly artifacts: number;
  readonly simulatedCalls: number;
}

/** What each product stores and asks. */
const stories: Readonly<Record<(typeof shares)[number]["name"], { notes: readonly object[]; question: string }>> = {
  AI_ASSISTANT: {
    notes: [
      { title: "First conversation", turns: ["Where is the tram?", "At the corner."] },
      { title: "Second conversation", turns: ["And the museum?", "Two stops from here."] },
    ],
    question: "Why is the sky blue?",
  },
  AI_AVATAR: {
    notes: [{ title: "Storyboard", scenes: ["a door", "a corridor", "a window"] }],
    question: "Describe a friendly guide in one sentence.",
  },
  GURUKUL: {
    notes: [{ title: "Lesson on fractions", pages: 3 }],
    question: "Prove that there are infinitely many primes.",
  },
  ENFORCEMENT: {
    notes: [{ title: "Decision on a refund", decided: "granted" }],
    question: "List three questions to ask before a refund.",
  },
};

/** The model of the seeded calls; it says of itself that it is simulated. */
const simulatedModel = "simulated-balanced";

/** Seeds a server that was just started for the first time. @throws Error with the server's answer when it refuses. */
export async function seedPlayground(url: string, adminKey: string, adminPassword: string): Promise<Playground> {
  const products = [];
  const artifactIds = [];
  let simulatedCalls = 0;
  for (const { name, type } of shares) {
    const made = await must(url, "/v1/keys", { key: adminKey, body: { kind: "product", product: name } });
    const key = made.json["key"] as string;
    products.push({ name, key });
    const { notes, question } = stories[name];
    for (const payload of notes) {
      const body = { product_id: name, artifact_type: type, payload };
      const stored = await must(url, "/v1/artifacts", { key, body });
      artifactIds.push((stored.json["artifact"] as { artifact_id: string }).artifact_id);
    }
    const messages = [{ role: "user", content: question }];
    await must(url, "/v1/chat/completions", { key, body: { model: simulatedModel, messages } });
    simulatedCalls += 1;
  }
  const [artifactId = ""] = artifactIds;
  return { adminKey, adminPassword, products, artifactId, artifacts: artifactIds.length, simulatedCalls };
}

async function must(url: string, path: string, request: Ask): Promise<Answer> {
  const answer = await ask(url, path, request);
  if (answer.status >= 300) throw new Error(`the playground was not seeded: ${path} answered ${answer.text}`);
  return answer;
}

/** What a developer is shown: where the server is, the keys, and three things to try. */
export function introduction(url: string, folder: string, playground: Playground): string[] {
  const { adminKey, adminPassword, products, artifactId, artifacts, simulatedCalls } = playground;
  const width = Math.max(...products.map(({ name }) => name.length));
  const keyOf = (name: string): string => products.find((product) => product.name === name)?.key ?? "";
  const bearer = (key: string): string => `-H 'Authorization: Bearer ${key}'`;
  const question = '{"model":"auto","messages":[{"role":"user","content":"What is a ledger?"}]}';
  return [
    `Charter runs from source on ${url} and restarts when a file under src/ or constitution/ changes.`,
    `Data and keys lie in ${folder} and stay; \`npm run dev -- --fresh\` starts over.`,
    "",
    `  ${"admin".padEnd(width)}  ${adminKey}`,
    ...products.map(({ name, key }) => `  ${name.padEnd(width)}  ${key}`),
    "",
    `The user admin has the one-time password ${adminPassword}`,
    `${artifacts} artifacts are stored. ${simulatedCalls} calls were made of ${simulatedModel}: its answers are simulated, no model was asked.`,
    "",
    "Three things to try:",
    "",
    "1. Be refused: no one may delete an artifact, not even the admin.",
    "",
    `  curl -s -X DELETE ${url}/v1/artifacts/${artifactId} ${bearer(adminKey)}`,
    "",
    "2. Ask a model. The router chooses; while no provider has a key, it is a simulated one and says so.",
    "",
    `  curl -s ${url}/v1/chat/completions ${bearer(keyOf("AI_ASSISTANT"))} -H 'Content-Type: application/json' -d '${question}'`,
    "",
    "3. Verify the ledger, in which all of this stands.",
    "",
    `  CHARTER_URL=${url} CHARTER_KEY=${adminKey} npx charter ledger verify`,
    "",
  ];
}
