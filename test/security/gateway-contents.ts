// What the Charter under attack holds behind its models: responses that are kept, budgets and claims on them; and the bodies
// of calls, whose schemas leave to the APIs what is in them. Every model is one of the built-in ones.
import type { Values } from "./samples.ts";

const model = "simulated-nano";
const question = "What holds a house up?";
/** Of a budget that no attack uses up; the calls of the attack are charged to their product's. */
const plenty = 1_000_000_000;
const project = "attacked";

/** Posts and expects success. */
// oxlint-disable-next-line typescript/no-explicit-any -- answers of every shape
export type Post = (path: string, body: unknown, headers?: Readonly<Record<string, string>>) => Promise<any>;

/** Values for the operations of the gateway; asking for them calls the model, so that it has a breaker. */
export async function gatewayValues(post: Post, product: string): Promise<Values> {
  // An answer that is given again has the id it had.
  const fresh = { "cache-control": "no-store" };
  const respond = async (headers = {}): Promise<string> =>
    (await post("/v1/responses", { model, input: question }, { ...fresh, ...headers })).id as string;
  const responseId = await respond();
  return {
    ...callBodies(responseId),
    ...(await budgetValues(post, product)),
    "x-charter-product": product,
    "x-charter-project": project,
    "cache-control": "max-age=60",
    query: question,
    prompt: question,
    max_tokens: 100,
    "response.read/id": responseId,
    // A response that a product has paid for is found in its name only.
    "response.read/x-charter-product/id": await respond({ "x-charter-product": product }),
    "response.read_input/id": responseId,
    "response.read_input/after": "item-of-nobody",
    "response.read_input/include": "message.input_image.image_url",
    "response.delete/id": await respond(),
    "breaker.reset/name": model,
    "synthesis.validate/text": '{"synthesis_reasoning":"Walls do.","action_plan":[]}',
  };
}

/** Whole bodies of calls, each with the fields of its API that hold a text of the caller's. */
function callBodies(responseId: string): Values {
  const messages = [{ role: "user", content: question }];
  const goingOn = { model, input: question, previous_response_id: responseId };
  return {
    // With a temperature no answer is given again, and each call goes all the way.
    "chat.create/": { model, messages, user: "somebody", temperature: 0.7 },
    "message.create/": { model, max_tokens: 100, messages, system: "Be brief.", metadata: { user_id: "somebody" } },
    "message.count/": { model, messages },
    "response.create/": { ...goingOn, instructions: "Be brief." },
    "response.count/": { model, input: question },
    "embedding.create/": { model: "simulated-embedding", input: question },
    "route.explain/": { model, messages },
  };
}

/** Budgets of which one may be cleared, and claims that may be ended. */
async function budgetValues(post: Post, product: string): Promise<Values> {
  const limits = { unit: "tokens", window: "day", limit: plenty };
  const set = async (of: string): Promise<string> =>
    (await post("/v1/budgets", { scope: { product, project: of }, ...limits })).id as string;
  await set("kept");
  const claim = { product, project, task: "t", purpose: "p", model, estimated_tokens: 10, estimated_microdollars: 10 };
  const claimed = async (): Promise<string> => (await post("/api/v1/budget/request", claim)).request_id as string;
  return {
    project,
    task: "t",
    purpose: "p",
    model,
    estimated_tokens: 10,
    estimated_microdollars: 10,
    actual_tokens: 1,
    actual_microdollars: 1,
    "budget.set/": { scope: { product, project, key: "key_of_nobody", model }, ...limits },
    "budget.clear/id": await set("cleared"),
    "budget.commit/request_id": await claimed(),
    "budget.release/request_id": await claimed(),
  };
}
