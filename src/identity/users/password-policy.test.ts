import { array, assert, asyncProperty, constantFrom, integer, string } from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { normalPassword } from "./password-hasher.ts";
import { PasswordPolicy } from "./password-policy.ts";
import { PasswordWorker } from "./password-worker.ts";

const worker = new PasswordWorker();
afterAll(() => worker[Symbol.asyncDispose]());
const nist = new PasswordPolicy(worker, "nist");
const classic = new PasswordPolicy(worker, "classic");
const ada = { username: "ada.l", email: "countess@example.org" };

/** The sentence of the refusal; empty when the password is good enough. */
async function refusalOf(password: string, policy = nist): Promise<string> {
  try {
    await policy.check(password, ada);
    return "";
  } catch (error) {
    expect(error).toMatchObject({ code: "auth.password_refused", facts: { limit: "passwordPolicy" } });
    expect((error as { facts: { remedy: string } }).facts.remedy).toMatch(/\w/);
    return (error as Error).message;
  }
}

describe("the password policy", () => {
  it.each([
    "seven tangled umbrellas",
    "correct horse battery staple",
    "tr0ub4dor&3 x",
    "пять синих зонтиков",
    "五本の青い傘がある",
    "x7#kQ9!w",
    "a sentence, with spaces and a dot.",
    `${"lorem ipsum ".repeat(10)}sit`.slice(0, 128),
  ])("accepts %j", async (password) => {
    expect(await refusalOf(password)).toBe("");
  });

  it.each([
    ["x7#kQ9!", /8 to 128 characters, and this one has 7/],
    ["\u00e9".repeat(129), /8 to 128 characters, and this one has 129/],
    // One character that becomes eighteen in NFKC.
    ["\ufdfa".repeat(8), /and this one has 144/],
    ["password", /common and breached/],
    ["PassWord", /common and breached/],
    ["qwertyuiop", /common and breached/],
    ["11111111111", /common and breached|easy to guess/],
    ["abcabcabcabc", /easy to guess/],
    ["xx ada.l xx umbrella", /does not contain/],
    ["xx ADA.L xx umbrella", /does not contain/],
    ["my countess umbrella", /does not contain/],
    ["Charter is the best", /does not contain/],
  ])("refuses %j and says why", async (password, reason) => {
    expect(await refusalOf(password)).toMatch(reason);
  });

  it("asks for classes of characters only when it is classic", async () => {
    for (const password of ["seven tangled umbrellas", "SEVEN TANGLED UMBRELLAS 7", "Seven Tangled Umbrellas"]) {
      expect(await refusalOf(password)).toBe("");
      expect(await refusalOf(password, classic)).toMatch(/upper-case letter, a lower-case letter and a digit/);
    }
    expect(await refusalOf("Seven tangled umbrellas 7", classic)).toBe("");
  });

  it("never accepts a length outside its bounds or a word of the account, and always answers", async () => {
    const piece = constantFrom("ada.l", "Countess", "cHarter", "\ufdfa", "x", "horse ", "🦄", "9!");
    await assert(
      asyncProperty(
        array(piece, { maxLength: 30 }),
        string({ unit: "binary", maxLength: 20 }),
        async (pieces, more) => {
          const password = pieces.join("") + more;
          const reason = await refusalOf(password);
          const normal = normalPassword(password);
          const length = Array.from(normal).length;
          const hasWord = /ada\.l|countess|charter/i.test(normal);
          if (length < 8 || length > 128 || hasWord) expect(reason).not.toBe("");
        },
      ),
      { numRuns: 60 },
    );
  });

  it("lets the process go on while it judges what was made to be slow", async () => {
    const hostile = "4@8({[<369&#!1/|0$5+7%2".repeat(6).slice(0, 128);
    const judged = Promise.all([1, 2, 3].map((i) => refusalOf(`${i}${hostile}`.slice(0, 128))));
    let turns = 0;
    const turn = (): void => {
      turns++;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    await judged;
    clearImmediate(next);
    // Were it judged in this thread, there would be a handful of turns.
    expect(turns).toBeGreaterThan(100);
  });

  it("gives the same verdict for any spelling of one text", async () => {
    await assert(
      asyncProperty(integer({ min: 0, max: 9 }), async (digit) => {
        const password = `caf\u00e9 \ufb01ve umbrellas ${digit}`;
        expect(await refusalOf(password.normalize("NFD"))).toBe(await refusalOf(password));
      }),
      { numRuns: 5 },
    );
  });
});

describe("the password thread", () => {
  it("is started anew after it has ended", async () => {
    const other = new PasswordWorker();
    expect((await other.strength("password", [])).common).toBe(true);
    await other[Symbol.asyncDispose]();
    expect((await other.strength("password", [])).common).toBe(true);
    await other[Symbol.asyncDispose]();
  });

  it("tells those who wait that it has ended", async () => {
    const other = new PasswordWorker();
    const asked = other.bcrypt("x", `$2b$14$${"a".repeat(53)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await Promise.all([expect(asked).rejects.toThrow("ended"), other[Symbol.asyncDispose]()]);
  });
});
