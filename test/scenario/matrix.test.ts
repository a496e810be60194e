// Every operation, called by every kind of caller: each role, with a credential of the product that the thing belongs to,
// of another product, and of the kind that belongs to none. The table is written by hand and reviewed; what the code
// decides is compared with it, never derived from it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OperationName } from "../../src/http/index.ts";
import type { PrincipalKind, Role } from "../../src/kernel/ctx.ts";
import { startTestCharter } from "../support/app/in-process.ts";
import type { TestCharter } from "../support/app/in-process.ts";
import { letterOf, openWalk, operationNames } from "../support/http/walk.ts";
import type { Walk } from "../support/http/walk.ts";

/** The callers, in the order of the table's columns. Things belong to AI_ASSISTANT. */
const callers: readonly (readonly [name: string, kind: PrincipalKind, role: Role, product?: string])[] = [
  ["admin/admin", "admin", "admin"],
  ["admin/operator", "admin", "operator"],
  ["admin/developer", "admin", "developer"],
  ["admin/observer", "admin", "observer"],
  ["product/admin own", "product", "admin", "AI_ASSISTANT"],
  ["product/operator own", "product", "operator", "AI_ASSISTANT"],
  ["product/developer own", "product", "developer", "AI_ASSISTANT"],
  ["product/observer own", "product", "observer", "AI_ASSISTANT"],
  ["product/admin other", "product", "admin", "GURUKUL"],
  ["product/operator other", "product", "operator", "GURUKUL"],
  ["product/developer other", "product", "developer", "GURUKUL"],
  ["product/observer other", "product", "observer", "GURUKUL"],
  ["agent own", "ai_agent", "developer", "AI_ASSISTANT"],
  ["agent other", "ai_agent", "developer", "GURUKUL"],
  ["executor", "executor", "operator"],
  ["auditor", "auditor", "observer"],
];

/**
 * `+` let in (the request may still fail on its own merits), `p` the role lacks the permission, `g` the constitution
 * denies, `n` the thing does not exist for this caller, `u` no credential. The last column is a caller without one.
 */
const table = `
index.read                +++++++++++++++++
index.head                +++++++++++++++++
openapi.read              +++++++++++++++++
health.read               +++++++++++++++++
ready.read                +++++++++++++++++
ledger.checkpoint         +++++++++++++++++
ledger.verifier_key       +++++++++++++++++
ledger.public_key         +++++++++++++++++
ledger.tile               +++++++++++++++++
ledger.proof              +++++++++++++++++
ledger.bundle             ++++gggggggggg++u
ledger.entries            ++++++++++++gg++u
governance.info           ++++++++++++gg++u
halt.list                 ++++++++++++gg++u
halt.clear                ++ppggggggggggggu
storage.capacity          ++++++++++++gg++u
key.create                +pppggggggggggggu
key.list                  ++++ggggggggggg+u
key.read                  ++++ggggggggggg+u
key.revoke                +pppggggggggggggu
auth.me                   ++++++++++++++++u
user.register             +++++++++++++++++
user.verify               +++++++++++++++++
password.change           +++++++++++++++++
password.reset_request    +++++++++++++++++
password.reset_confirm    +++++++++++++++++
user.create               +pppggggggggggggu
user.import               +pppggggggggggggu
user.list                 +pppgpppgpppppppu
user.read                 +pppgpppgpppppppu
user.update               +pppggggggggggggu
user.disable              +pppggggggggggggu
user.enable               +pppggggggggggggu
user.reset_password       +pppggggggggggggu
token.issue               +++++++++++++++++
token.revoke              +++++++++++++++++
token.introspect          +++++++++++++++++
session.login             +++++++++++++++++
session.logout            ++++++++++++++++u
authorize.show            +++++++++++++++++
authorize.approve         +++++++++++++++++
oauth.metadata            +++++++++++++++++
oauth.openid_metadata     +++++++++++++++++
oauth.jwks                +++++++++++++++++
client.create             +pppggggggggggggu
client.list               +pppgpppgpppppppu
client.revoke             +pppggggggggggggu
signing_key.list          +pppgpppgpppppppu
signing_key.rotate        +pppggggggggggggu
artifact.create           +++p+++pnnnn+n+gu
bucket.write              +++p+++pnnnn+n+gu
artifact.list             ++++++++++++gg++u
artifact.read             ++++++++nnnngg++u
artifact.head             ++++++++nnnngg++u
artifact.content          ++++++++nnnngg++u
artifact.content_head     ++++++++nnnngg++u
artifact.proof            ++++++++nnnngg++u
artifact.lineage          ++++++++nnnngg++u
artifact.hold             ++ppggggnnnngnggu
artifact.replace          ggggggggnnnngnggu
artifact.update           ggggggggnnnngnggu
artifact.delete           ggggggggnnnngnggu
chat.create               +++p+++p+++p+++gu
message.create            +++p+++p+++p+++gu
response.create           +++p+++p+++p+++gu
message.count             +++p+++p+++p+++pu
response.count            +++p+++p+++p+++pu
response.compact          +++p+++p+++p+++gu
response.read             nnnnnnnnnnnnnn+nu
response.read_input       nnnnnnnnnnnnnn+nu
response.cancel           nnnpnnnpnnnpnn+gu
response.delete           nnnpnnnpnnnpnn+gu
embedding.create          +++p+++p+++p+++gu
model.list                ++++++++++++++++u
model.read                ++++++++++++++++u
model.tiers               ++++++++++++++++u
model.route               ++++++++++++++++u
model.execute             +++p+++p+++p+++gu
route.explain             ++++++++++++++++u
breaker.list              ++++++++++++gg++u
breaker.reset             +pppggggggggggggu
breaker.reset_all         +pppggggggggggggu
provider.check            +pppggggggggggggu
budget.request            +++p+++pnnnn+n+gu
budget.commit             +++p+++pnnnn+n+gu
budget.release            +++p+++pnnnn+n+gu
budget.state              ++pp++++++++gg+pu
budget.set                +pppggggggggggggu
budget.list               ++pp++++++++gg+pu
budget.clear              +pppggggggggggggu
usage.read                ++pp++++++++gg+pu
consciousness.process     +++p+++p+++p+++gu
consciousness.state       ++++++++++++++++u
metrics.read              ++++gggggggggg++u
synthesis.validate        ++++++++++++++++u
injection.test            ++++++++++++++++u
product.list              ++++++++++++gg++u
depository.scrub          ++++gggggggggg++u
`;

let charter: TestCharter;
let walk: Walk;
let keys: string[];

beforeAll(async () => {
  charter = await startTestCharter();
  walk = await openWalk(charter);
  keys = [];
  for (const [, kind, role, product] of callers) {
    const body = { kind, role, ...(product === undefined ? {} : { product }) };
    keys.push((await charter.ask("/v1/keys", { body })).json.key);
  }
});
afterAll(() => charter[Symbol.asyncDispose]());

const rows = new Map(
  table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .map(([name = "", cells = ""]) => [name, cells]),
);

describe("the matrix of operations and callers", () => {
  it("has a row for every operation and a column for every caller", () => {
    expect([...rows.keys()]).toEqual(operationNames);
    for (const [name, cells] of rows) expect(cells, name).toHaveLength(callers.length + 1);
  });

  it.each(operationNames)("holds for %s", async (name: OperationName) => {
    const letters: string[] = [];
    for (const key of [...keys, null]) {
      letters.push(letterOf(await walk.call(name, key)));
      // An executor that leaves its lane is halted (T5); the next operation is to meet its own refusal.
      const { json } = await charter.ask("/v1/halts");
      for (const { scope } of json.halts) {
        await charter.ask(`/v1/halts/${scope}/clear`, { body: { reason: "cleared for the next operation" } });
      }
    }
    expect(letters.join("")).toBe(rows.get(name));
  });
});
