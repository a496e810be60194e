import { describe, expect, it } from "vitest";
import { isAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import * as fc from "fast-check";
import { callerKinds } from "../kernel/ctx.ts";
import type { CallerKind } from "../kernel/ctx.ts";
import { constitutionFrom } from "./constitution.ts";
import { actions, resourceKinds } from "./decision.ts";
import type { Action, DecisionRequest, ResourceKind } from "./decision.ts";
import { defaultConstitutionDir, readConstitution } from "./disk.ts";
import { cedarRequest, engineOf, policySetOf } from "./engine.ts";
import { parsePolicies } from "./policies.ts";
import { ordinaryContext } from "./request.ts";
import { helpfulValues, shaperOf } from "./shape.ts";
import { fileNames } from "./texts.ts";

const texts = readConstitution(defaultConstitutionDir());
const constitution = constitutionFrom(texts);
const { data } = constitution;

function question(
  kind: CallerKind,
  owner: string | null,
  action: Action,
  resourceKind: ResourceKind,
  target: string | null,
  context: Partial<DecisionRequest["context"]> = {},
): DecisionRequest {
  return {
    principal: { kind, product: owner },
    action,
    resource: { kind: resourceKind, product: target },
    context: { ...ordinaryContext, ...context },
  };
}

/** A decision in one word: `allow`, `none` when nothing permits, or the numbers of the articles that forbid. */
function verdict(request: DecisionRequest): string {
  const { allow, articles, policies } = constitution.decide(request);
  if (allow) return policies.length > 0 ? "allow" : "allowed by nothing";
  return articles.length === 0 ? "none" : articles.map((id) => id.slice(5, 7)).join("+");
}

// Columns: CREATE READ UPDATE DELETE APPEND_AUDIT APPROVE_INTEGRATION MANAGE_GOVERNANCE MODIFY_SCHEMA MODIFY_AUDIT
const matrix = `
ai_agent own   artifact     allow    09    01+09       01+09       none  09    09    01+03+09    01+09
ai_agent other artifact     05       05+09 01+05+09    01+05+09    05    05+09 05+09 01+03+05+09 01+05+09
ai_agent none  artifact     05       05+09 01+05+09    01+05+09    05    05+09 05+09 01+03+05+09 01+05+09
product  own   artifact     allow    allow 01+09       01+09       09    09    09    01+03+09    01+09
product  other artifact     05       05    01+05+09    01+05+09    05+09 05+09 05+09 01+03+05+09 01+05+09
product  none  artifact     05       05    01+05+09    01+05+09    05+09 05+09 05+09 01+03+05+09 01+05+09
executor own   artifact     allow    allow 01+08       01+08       08    none  08    01+03+08    01+08
executor other artifact     05       05    01+05+08    01+05+08    05+08 05    05+08 01+03+05+08 01+05+08
executor free  artifact     allow    allow 01+08       01+08       08    none  08    01+03+08    01+08
auditor  own   artifact     09       allow 01+09       01+09       09    09    09    01+03+09    01+09
auditor  other artifact     05+09    05    01+05+09    01+05+09    05+09 05+09 05+09 01+03+05+09 01+05+09
auditor  free  artifact     09       allow 01+09       01+09       09    09    09    01+03+09    01+09
admin    own   artifact     allow    allow 01+09       01+09       09    09    allow 01+03+09    01+09
admin    other artifact     05       05    01+05+09    01+05+09    05+09 05+09 05    01+03+05+09 01+05+09
admin    free  artifact     allow    allow 01+09       01+09       09    09    allow 01+03+09    01+09
admin    void  artifact     05       allow 01+09       01+09       09    09    allow 01+03+09    01+09
ai_agent own   ledger       none     09    01+02+09    01+02+09    allow 09    09    01+03+09    01+02+09
ai_agent other ledger       05       05+09 01+02+05+09 01+02+05+09 05    05+09 05+09 01+03+05+09 01+02+05+09
product  own   ledger       none     allow 01+02+09    01+02+09    09    09    09    01+03+09    01+02+09
product  none  ledger       none     05    01+02+09    01+02+09    09    09    05+09 01+03+09    01+02+09
executor none  ledger       none     05    01+02+08    01+02+08    08    none  05+08 01+03+08    01+02+08
auditor  none  ledger       09       05    01+02+09    01+02+09    09    09    05+09 01+03+09    01+02+09
executor free  ledger       none     allow 01+02+08    01+02+08    08    none  08    01+03+08    01+02+08
auditor  free  ledger       09       allow 01+02+09    01+02+09    09    09    09    01+03+09    01+02+09
admin    free  ledger       none     allow 01+02+09    01+02+09    09    09    allow 01+03+09    01+02+09
executor free  integration  allow    allow 01+08       01+08       08    allow 08    01+03+08    01+08
product  own   integration  allow    allow 01+09       01+09       09    09    09    01+03+09    01+09
admin    free  key          allow    allow 01+09       01+09       09    09    allow 01+03+09    01+09
product  own   key          none     none  01+09       01+09       09    09    09    01+03+09    01+09
executor free  key          none     none  01+08       01+08       08    none  08    01+03+08    01+08
auditor  none  key          05+09    05    01+05+09    01+05+09    05+09 05+09 05+09 01+03+05+09 01+05+09
admin    none  key          05       05    01+05+09    01+05+09    05+09 05+09 05    01+03+05+09 01+05+09
product  none  governance   none     allow 01+09       01+09       09    09    05+09 01+03+09    01+09
admin    none  governance   allow    allow 01+09       01+09       09    09    05    01+03+09    01+09
admin    free  schema       none     allow 01+09       01+09       09    09    allow 01+03+09    01+09
ai_agent none  identity     allow    09    01+09       01+09       none  09    05+09 01+03+09    01+09
product  none  identity     allow    none  01+09       01+09       09    09    05+09 01+03+09    01+09
executor void  identity     allow    allow 01+08       01+08       08    none  08    01+03+08    01+08
auditor  void  identity     allow    allow 01+09       01+09       09    09    09    01+03+09    01+09
admin    void  identity     allow    allow 01+09       01+09       09    09    allow 01+03+09    01+09
ai_agent own   completion   allow    09    01+09       01+09       none  09    09    01+03+09    01+09
ai_agent other completion   05       05+09 01+05+09    01+05+09    05    05+09 05+09 01+03+05+09 01+05+09
ai_agent none  completion   none     09    01+09       01+09       none  09    05+09 01+03+09    01+09
product  own   completion   allow    none  01+09       01+09       09    09    09    01+03+09    01+09
product  other completion   05       05    01+05+09    01+05+09    05+09 05+09 05+09 01+03+05+09 01+05+09
executor own   completion   allow    allow 01+08       01+08       08    none  08    01+03+08    01+08
auditor  own   completion   09       allow 01+09       01+09       09    09    09    01+03+09    01+09
admin    void  completion   allow    allow 01+09       01+09       09    09    allow 01+03+09    01+09
anonymous void completion   09       09    01+09       01+09       09    09    09    01+03+09    01+09
anonymous void identity     allow    09    01+09       01+09       09    09    09    01+03+09    01+09
anonymous free artifact     09       09    01+09       01+09       09    09    09    01+03+09    01+09
anonymous void key          09       09    01+09       01+09       09    09    09    01+03+09    01+09
anonymous void governance   09       09    01+09       01+09       09    09    09    01+03+09    01+09
`;

/** The products of caller and resource for each word of the matrix. */
const relations: Record<string, readonly [owner: string | null, target: string | null]> = {
  own: ["GURUKUL", "GURUKUL"],
  other: ["AI_ASSISTANT", "GURUKUL"],
  none: ["GURUKUL", null],
  free: [null, "GURUKUL"],
  void: [null, null],
};

const rows = matrix
  .trim()
  .split("\n")
  .map((row) => row.split(/\s+/))
  .map(([kind, relation, resource, ...cells]) => ({ kind, relation, resource, cells }));

describe("the matrix of callers and actions", () => {
  it("has a column for every action and a row for every kind", () => {
    for (const { cells } of rows) expect(cells).toHaveLength(actions.length);
    expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(callerKinds));
    expect(new Set(rows.map(({ resource }) => resource))).toEqual(new Set(resourceKinds));
  });

  it.each(rows)("holds for $kind and $relation $resource", ({ kind, relation, resource, cells }) => {
    const [owner, target] = relations[relation!]!;
    const answers = actions.map((action) =>
      verdict(question(kind as CallerKind, owner, action, resource as ResourceKind, target)),
    );
    expect(answers).toEqual(cells);
  });
});

describe("the documents' own examples", () => {
  it("refuse an agent's DELETE by RULE_01 first", () => {
    const { allow, articles, reasons } = constitution.decide(
      question("ai_agent", "AI_ASSISTANT", "DELETE", "artifact", "AI_ASSISTANT"),
    );
    expect(allow).toBe(false);
    expect(articles).toEqual(["RULE_01_WRITE_ONLY", "RULE_09_AI_WRITE_ONLY"]);
    expect(reasons).toHaveLength(2);
  });

  it("refuse AI_ASSISTANT in GURUKUL by RULE_05", () => {
    const request = question("product", "AI_ASSISTANT", "READ", "artifact", "GURUKUL");
    expect(constitution.decide(request)).toMatchObject({ allow: false, articles: ["RULE_05_PRODUCT_ISOLATION"] });
  });
});

describe("circumstances", () => {
  const create = (context: Partial<DecisionRequest["context"]>) =>
    verdict(question("product", "GURUKUL", "CREATE", "artifact", "GURUKUL", context));

  it.each([
    [{ complete: false }, "04"],
    [{ setsLockedField: true }, "04"],
    [{ halted: true }, "06"],
    [{ hashed: false }, "07"],
    [{ exception: true }, "10"],
    [{ exception: true, halted: true, hashed: false, complete: false }, "04+06+07+10"],
  ])("of %j are forbidden by %s", (context, expected) => expect(create(context)).toBe(expected));

  it("that halt writes leave reading and governance possible", () => {
    expect(verdict(question("product", "GURUKUL", "READ", "artifact", "GURUKUL", { halted: true }))).toBe("allow");
    expect(verdict(question("admin", null, "MANAGE_GOVERNANCE", "governance", null, { halted: true }))).toBe("allow");
    expect(verdict(question("ai_agent", "GURUKUL", "APPEND_AUDIT", "ledger", null, { halted: true }))).toBe("06");
  });

  it("let an executor approve only what others asked for", () => {
    const approve = (ownRequest: boolean) =>
      verdict(question("executor", null, "APPROVE_INTEGRATION", "integration", "GURUKUL", { ownRequest }));
    expect([approve(false), approve(true)]).toEqual(["allow", "08"]);
  });

  it("do not let even an approved schema change pass RULE_01", () => {
    expect(verdict(question("admin", null, "MODIFY_SCHEMA", "schema", null, { ownerApproved: true }))).toBe("01+09");
  });
});

describe("a policy that asks for an approval", () => {
  const rules = constitutionFrom({
    ...texts,
    policies: `${texts.policies}
@id("halts_are_cleared_with_approval")
@description("What governs is managed with the owner's approval.")
forbid (principal, action == Action::"MANAGE_GOVERNANCE", resource)
unless { context.ownerApproved };
`,
  });
  const manage = (more: object = {}) => question("admin", null, "MANAGE_GOVERNANCE", "governance", null, more);

  it("leaves a request pending that would pass with it, and lets it pass with it", () => {
    expect(rules.decide(manage())).toMatchObject({ allow: false, pending: { by: "owner" } });
    expect(rules.decide(manage({ ownerApproved: true }))).toMatchObject({ allow: true });
  });

  it("refuses what no approval would let pass", () => {
    const product = question("product", "GURUKUL", "MANAGE_GOVERNANCE", "governance", null);
    expect(rules.decide(product)).not.toHaveProperty("pending");
  });
});

describe("an agent's reading", () => {
  const granted = constitutionFrom({
    ...texts,
    data: texts.data.replace("agentsMayRead: false", "agentsMayRead: true"),
  });

  it("is allowed only for its own product, and only when that product grants it", () => {
    const read = (owner: string, target: string) =>
      granted.decide(question("ai_agent", owner, "READ", "artifact", target)).allow;
    expect(granted.data.products["AI_ASSISTANT"]?.agentsMayRead).toBe(true);
    expect(read("AI_ASSISTANT", "AI_ASSISTANT")).toBe(true);
    expect(read("GURUKUL", "GURUKUL")).toBe(false);
    expect(read("GURUKUL", "AI_ASSISTANT")).toBe(false);
  });
});

describe("products that nobody registered", () => {
  it("own nothing, even when caller and resource name the same one", () => {
    for (const name of ["NOPE", "unregistered", "__proto__", ""]) {
      expect(verdict(question("product", name, "CREATE", "artifact", name))).toBe("05");
      expect(verdict(question("product", name, "READ", "artifact", name))).toBe("05");
      expect(verdict(question("admin", null, "CREATE", "artifact", name))).toBe("05");
    }
  });
});

const product = fc.constantFrom(...Object.keys(data.products), null, "NOPE", "ALSO_NOPE");
const anyRequest: fc.Arbitrary<DecisionRequest> = fc.record({
  principal: fc.record({ kind: fc.constantFrom(...callerKinds), product }),
  action: fc.constantFrom(...actions),
  resource: fc.record({ kind: fc.constantFrom(...resourceKinds), product }),
  context: fc.record({
    complete: fc.boolean(),
    setsLockedField: fc.boolean(),
    hashed: fc.boolean(),
    halted: fc.boolean(),
    exception: fc.boolean(),
    ownRequest: fc.boolean(),
    ownerApproved: fc.boolean(),
  }),
});

describe("decide", () => {
  const policies = [
    ...parsePolicies("article", fileNames.articles, texts.articles).policies,
    ...parsePolicies("policy", fileNames.policies, texts.policies).policies,
  ];
  const evaluate = engineOf("unremembered", policies, data);
  const shaper = shaperOf(data.products);

  it("remembers exactly what it would decide afresh", () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const first = constitution.decide(request);
        expect(constitution.decide(request)).toBe(first);
        expect(first).toEqual(evaluate(shaper.shapeOf(request)));
      }),
      { numRuns: 400 },
    );
  });

  it("gives two requests one key exactly when they have one shape", () => {
    fc.assert(
      fc.property(anyRequest, anyRequest, (left, right) => {
        const sameKey = shaper.keyOf(left) === shaper.keyOf(right);
        const sameShape = JSON.stringify(shaper.shapeOf(left)) === JSON.stringify(shaper.shapeOf(right));
        expect(sameKey).toBe(sameShape);
      }),
    );
    fc.assert(
      fc.property(
        anyRequest,
        anyRequest,
        fc.constantFrom("principal", "action", "resource", "context"),
        (left, right, part) => {
          const mixed = { ...left, [part]: right[part] };
          const sameShape = JSON.stringify(shaper.shapeOf(left)) === JSON.stringify(shaper.shapeOf(mixed));
          expect(shaper.keyOf(left) === shaper.keyOf(mixed)).toBe(sameShape);
        },
      ),
    );
  });

  it("decides on a slice as Cedar decides on all policies, parsed anew", () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const call = cedarRequest(shaper.shapeOf(request), data.products);
        const answer = isAuthorized({ ...call, policies: policySetOf(policies) });
        expect(answer.type).toBe("success");
        if (answer.type !== "success") return;
        const { allow, articles, policies: named } = constitution.decide(request);
        expect(allow).toBe(answer.response.decision === "allow");
        expect([...articles, ...named].sort()).toEqual(answer.response.diagnostics.reason.toSorted());
      }),
      { numRuns: 60 },
    );
  });

  it("denies every request while any circumstance is an exception", () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const context = { ...request.context, exception: true };
        expect(constitution.decide({ ...request, context }).articles).toContain("RULE_10_ZERO_EXCEPTIONS");
      }),
    );
  });

  it("answers with a denial whatever a caller that ignores types sends", () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (whole, part) => {
        expect(constitution.decide(whole as DecisionRequest).allow).toBe(false);
        const request = question("product", "GURUKUL", "CREATE", "artifact", "GURUKUL");
        const odd = { ...request, context: { ...request.context, hashed: part, halted: part } };
        expect(constitution.decide(odd as DecisionRequest).allow).toBe(false);
      }),
    );
  });

  it("denies when a policy cannot be evaluated, though everything else allows", () => {
    const overflow =
      '@id("overflows") @description("Overflows.")\nforbid (principal, action == Action::"READ", resource) when { 9007199254740991 * 9007199254740991 > 0 };';
    const broken = constitutionFrom({ ...texts, policies: `${texts.policies}\n${overflow}\n` });
    const read = question("auditor", null, "READ", "artifact", "GURUKUL");
    expect(constitution.decide(read).allow).toBe(true);
    const decision = broken.decide(read);
    expect(decision).toMatchObject({ allow: false, articles: [], policies: ["overflows"] });
    expect(decision.reasons.join()).toContain("could not be evaluated");
    expect(broken.decide(question("admin", null, "CREATE", "artifact", "GURUKUL")).allow).toBe(true);
  });

  it("lets operators narrow but never outweigh an article", () => {
    const added = [
      '@id("anything_goes") @description("Anything goes.") permit (principal, action, resource);',
      '@id("no_gurukul_writes") @description("GURUKUL is closed.") forbid (principal, action == Action::"CREATE", resource) when { resource has product && resource.product == Product::"GURUKUL" };',
    ];
    const narrowed = constitutionFrom({ ...texts, policies: `${texts.policies}\n${added.join("\n")}\n` });
    const decide = (action: Action, target: string) =>
      narrowed.decide(question("product", target, action, "artifact", target));
    expect(decide("DELETE", "GURUKUL")).toMatchObject({ allow: false, policies: [] });
    expect(decide("CREATE", "GURUKUL")).toMatchObject({ allow: false, articles: [], policies: ["no_gurukul_writes"] });
    expect(decide("CREATE", "AI_AVATAR")).toMatchObject({
      allow: true,
      policies: ["anything_goes", "product_creates"],
    });
  });

  it("gives everyone the same decision, which nobody can change", () => {
    const decision = constitution.decide(question("auditor", null, "READ", "artifact", null));
    expect(() => Object.assign(decision, { allow: false })).toThrow(TypeError);
    expect(() => (decision.policies as string[]).push("x")).toThrow(TypeError);
  });

  it("has a helpful value for every circumstance", () => {
    expect(Object.keys(helpfulValues).sort()).toEqual(Object.keys(ordinaryContext).sort());
  });
});

describe("the memory of decisions", () => {
  it("has one key for all the names that nobody registered", () => {
    const shaper = shaperOf(data.products);
    const keys = ["A", "B", "constructor"].map((name) =>
      shaper.keyOf(question("product", name, "READ", "artifact", name)),
    );
    expect(new Set(keys).size).toBe(1);
  });
});
