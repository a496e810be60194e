// The limits that Charter ships with: programs that ask hundreds of times a minute are shut out with 429 after their share,
// and are told when to come back.
import type { Bench, Check, Finding, Look } from "./check.ts";
import { discovery, run } from "./ffuf.ts";
import type { House } from "./house.ts";
import { attack } from "./sqlmap.ts";
import { countOf, startTap, statusText } from "./tap.ts";
import type { Target } from "./targets.ts";
import type { WeakServers } from "./vulnerable.ts";

/** Most answers that are not 429, out of hundreds: what the constitution gives an anonymous caller and a public path. */
const mostAnswered = 200;

/** The check. */
export const limits: Check = {
  name: "limits",
  programs: ["ffuf", "sqlmap"],
  question: "are programs that ask too often shut out?",

  async prove({ pages }: WeakServers, bench: Bench) {
    await using tap = await startTap(pages);
    await run(tap.url, { ...discovery(), name: "limits-weak" }, bench);
    const isShutOut = tap.statuses.has(429);
    return { found: `${tap.requests} requests, none refused`, missed: isShutOut ? ["a server without limits"] : [] };
  },

  async look({ limited }: House, bench: Bench): Promise<Look> {
    const findings: Finding[] = [];
    const tried: string[] = [];
    const programs: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
      ffuf: (url) => run(url, { ...discovery(), name: "limits" }, bench),
      sqlmap: (url) => attack(url, limited.adminKey, [login], "sqlmap-limits", bench),
    };
    for (const [name, program] of Object.entries(programs)) {
      await using tap = await startTap(limited.url);
      await program(tap.url);
      const refused = tap.statuses.get(429) ?? 0;
      const answered = tap.requests - refused;
      tried.push(`${name}: ${tap.requests} requests (${statusText(tap.statuses)})`);
      if (refused === 0 || answered > mostAnswered) {
        findings.push({
          id: "not-shut-out",
          where: name,
          what: `${answered} of ${tap.requests} requests were let through`,
        });
      }
      if (countOf(tap.statuses, 5) > 0)
        findings.push({ id: "server-error", where: name, what: statusText(tap.statuses) });
    }
    const { status, headers } = await limited.ask(login.path, {
      method: "POST",
      key: null,
      body: { username: "a", password: "b" },
    });
    if (status !== 429 || !(Number(headers["retry-after"]) > 0)) {
      findings.push({
        id: "no-time",
        where: login.path,
        what: `${status}, Retry-After ${String(headers["retry-after"])}`,
      });
    }
    return { tried: tried.join("; "), findings };
  },
};

/** Logging in, what is counted most strictly. */
const login: Target = {
  operation: "session.login",
  method: "POST",
  path: "/api/v1/auth/login",
  headers: { "content-type": "application/json" },
  body: '{"username":"admin*","password":"guess*"}',
  marks: [
    { place: "body", name: "username" },
    { place: "body", name: "password" },
  ],
  needsKey: false,
  isRefused: true,
};
