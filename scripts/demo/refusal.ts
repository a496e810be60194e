// One refusal: what was asked, what the server answered, and how that is shown.
import type { Answer } from "./caller.ts";
import type { Claims } from "./claims.ts";
import type { Screen } from "./screen.ts";

/** A request that must be refused, and how. */
export interface Refusal {
  /** What is tried, in words. */
  readonly title: string;
  /** The request as one line. */
  readonly request: string;
  readonly send: () => Promise<Answer>;
  readonly status: number;
  readonly code: string;
  /** Articles, findings or words that the explanation must name. */
  readonly names?: readonly string[];
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly remedy?: string;
  readonly articles?: readonly string[];
  readonly findings?: readonly { readonly threat: string; readonly severity: string; readonly detail: string }[];
  readonly limit?: string;
  readonly at?: string;
  readonly intent_index?: number;
  readonly outcome_index?: number;
}

/** Sends the request, checks that it is refused as it must be, and shows the explanation as the server gave it. */
export async function showRefusal(screen: Screen, claims: Claims, refusal: Refusal): Promise<void> {
  const { title, request, status, code, names = [] } = refusal;
  const answer = await refusal.send();
  const problem = answer.json as Problem;
  claims.check(answer.status === status, `${title} is answered ${status}`, `${answer.status} ${answer.text}`);
  claims.check(problem.code === code, `${title} is called ${code}`, problem.code);
  for (const name of names) claims.check(answer.text.includes(name), `${title} is explained by ${name}`, answer.text);
  claims.check((problem.detail ?? "") !== "", `${title} is explained`);

  screen.line(`  ${screen.tone("bold", title)}`);
  screen.line(`      ${request}`);
  screen.line(`      ${screen.tone("red", `${status}  ${code}`)}`);
  const say = (label: string, text: string | undefined): void => {
    if (text !== undefined && text !== "") screen.labelled(6, label.padEnd(9), text);
  };
  // For a finding that stands alone the server's detail is the finding's; it need not be read twice.
  const findings = problem.findings ?? [];
  const isRepeated = findings.length > 0 && findings.map(({ detail }) => detail).join(" ") === problem.detail;
  if (!isRepeated) say("why", problem.detail);
  say("article", problem.articles?.join(", "));
  for (const { threat, severity, detail } of findings) say("finding", `${threat} ${severity}: ${detail}`);
  say("limit", problem.limit);
  say("at", problem.at);
  say("helps", problem.remedy);
  if (problem.intent_index !== undefined)
    say("ledger", `entries ${problem.intent_index} to ${problem.outcome_index ?? "?"}`);
  screen.line();
}
