// `charter constitution ...`: reads a constitution on this machine and answers from it; no server is asked.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { text as readText } from "node:stream/consumers";
import type { DecisionRequest, Explanation } from "../../constitution/index.ts";
import { Fault } from "../../kernel/fault.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import type { LocalCall, CommandBody } from "../command.ts";
import { print, printable, printJson, tint, printReport } from "../io.ts";
import { loadLocalConfig, settingOptions } from "../local-config.ts";
import { sizeText } from "../quantity.ts";
import { alignColumns } from "../table.ts";

const options = settingOptions(["constitution"]);

/** The domain brings a policy engine, so it is loaded only when a constitution is asked. */
const domain = () => import("../../constitution/index.ts");

function folderOf({ io, options: given }: LocalCall): string {
  return loadLocalConfig(io, given).config.constitution.dir;
}

/** `charter constitution show` */
export const constitutionShow: CommandBody = {
  isLocal: true,
  usage: "",
  arity: [0, 0],
  options,
  examples: [
    { line: "constitution show", does: "shows the constitution that comes with the package" },
    { line: "constitution show --constitution ./ours --json", does: "prints all of another one as JSON" },
  ],
  run: async (call) => {
    const { io, json } = call;
    const constitution = (await domain()).loadConstitution(folderOf(call));
    const described = constitution.describe();
    if (json) {
      printJson(io, described);
      return exitCodes.ok;
    }
    const rules = [...described.articles, ...described.policies];
    const products = Object.entries(described.data.products);
    print(
      io,
      ...alignColumns([
        ["hash", described.hash],
        ["digest", described.digest],
        ["engine", described.engine],
      ]),
      "",
      "Articles and policies:",
      ...alignColumns(rules.map(({ id, effect, meaning }) => [`  ${id}`, effect, meaning])).map(printable),
      "",
      "Products:",
      ...alignColumns(
        products.map(([name, terms]) => [`  ${name}`, sizeText(terms.quotaBytes), terms.artifactTypes.join(", ")]),
      ).map(printable),
    );
    return exitCodes.ok;
  },
};

/** `charter constitution hash` */
export const constitutionHash: CommandBody = {
  isLocal: true,
  usage: "",
  arity: [0, 0],
  options,
  examples: [{ line: "constitution hash", does: "prints the 16 digits that every answer and record carries" }],
  run: async (call) => {
    const { hash, digest } = (await domain()).loadConstitution(folderOf(call));
    if (call.json) printJson(call.io, { hash, digest });
    else print(call.io, hash);
    return exitCodes.ok;
  },
};

/** `charter constitution validate` */
export const constitutionValidate: CommandBody = {
  isLocal: true,
  usage: "",
  arity: [0, 0],
  options,
  examples: [
    {
      line: "constitution validate --constitution ./ours",
      does: "exits 1 when a server would refuse to start with it",
    },
  ],
  run: async (call) => {
    const { io, json } = call;
    const { validateConstitution, problemText } = await domain();
    const problems = validateConstitution(folderOf(call));
    if (json) printJson(io, { valid: problems.length === 0, problems });
    else if (problems.length === 0) print(io, `${tint(io, "green", "valid")}: a server would start with it`);
    else print(io, ...problems.map((problem) => printable(problemText(problem))));
    return problems.length === 0 ? exitCodes.ok : exitCodes.refused;
  },
};

/** `charter constitution explain` */
export const constitutionExplain: CommandBody = {
  isLocal: true,
  usage: "REQUEST.json (- is stdin)",
  arity: [1, 1],
  options,
  examples: [
    {
      line: "constitution explain request.json",
      does: "exits 0 when the request is allowed, 1 when it is denied, 2 when the file holds none",
    },
    {
      line: `constitution explain - <<< '{"principal":{"kind":"ai_agent","product":"AI_ASSISTANT"},"action":"DELETE","resource":{"kind":"artifact","product":"AI_ASSISTANT"}}'`,
      does: "asks what an agent is told that wants to delete",
    },
  ],
  run: async (call) => {
    const { io, json, positionals } = call;
    const { loadConstitution, parseDecisionRequest } = await domain();
    const constitution = loadConstitution(folderOf(call));
    const name = positionals[0] ?? "-";
    const request = requestFrom(name, await requestText(call, name), parseDecisionRequest);
    const explanation = constitution.explain(request);
    if (json) printReport(io, { ...explanation, constitutionHash: constitution.hash });
    else print(io, ...explanationLines(call, explanation), "", `constitution ${constitution.hash}`);
    return explanation.decision.allow ? exitCodes.ok : exitCodes.refused;
  },
};

/** What the named file or stdin holds. @throws UsageError, because an exit with 1 would say that the request is denied. */
async function requestText({ io }: LocalCall, name: string): Promise<string> {
  if (name === "-") return readText(io.stdin);
  const path = resolve(io.cwd, name);
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(code === "ENOENT" ? `there is no file ${path}` : `${path} cannot be read: ${message}`);
  }
}

/** The request that a text holds. @throws UsageError */
function requestFrom(name: string, text: string, parse: (json: unknown) => DecisionRequest): DecisionRequest {
  const source = name === "-" ? "stdin" : name;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${source} is not JSON: ${(error as Error).message}`);
  }
  try {
    return parse(json);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new UsageError(`${source} is not a request: ${error.message}`);
  }
}

function explanationLines({ io }: LocalCall, { decision, determining, summary, notes }: Explanation): string[] {
  const verdict = decision.allow ? tint(io, "green", "allowed") : tint(io, "red", "denied");
  const because = determining.map(({ id, meaning }) => `  ${id}: ${meaning}`);
  const reasons = because.length > 0 ? because : decision.reasons.map((reason) => `  ${reason}`);
  return [
    verdict,
    ...reasons.map(printable),
    "",
    printable(summary),
    ...notes.map((note) => printable(`Note: ${note}`)),
  ];
}
