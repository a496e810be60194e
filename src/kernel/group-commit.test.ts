import { setImmediate as nextTurn } from "node:timers/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GroupCommit } from "./group-commit.ts";
import type { CommitLine, GroupCommitTerms } from "./group-commit.ts";

/** A queue that commits numbers, at most three together, and answers each with its double. */
function rig(terms: Partial<GroupCommitTerms<number, number>> = {}) {
  const commits: number[][] = [];
  let running = 0;
  const commit = async (line: CommitLine<number, number>): Promise<void> => {
    expect(++running).toBe(1);
    let count = 0;
    const taken = line.takeWhile(() => ++count <= 3);
    commits.push(taken.map(({ item }) => item));
    await nextTurn();
    running--;
    for (const { item, resolve } of taken) resolve(item * 2);
  };
  return { queue: new GroupCommit<number, number>({ commit, ...terms }), commits };
}

describe("a group commit", () => {
  it("gathers what comes while one commit is under way, in order and bounded", async () => {
    const { queue, commits } = rig();
    const first = queue.submit(0);
    await nextTurn();
    await nextTurn();
    const rest = [1, 2, 3, 4, 5].map((item) => queue.submit(item));
    expect(await Promise.all([first, ...rest])).toEqual([0, 2, 4, 6, 8, 10]);
    expect(commits).toEqual([[0], [1, 2, 3], [4, 5]]);
    await queue.drain();
    expect(queue.waiting).toEqual({ count: 0, weight: 0 });
  });

  it("takes at least one item, however little fits", async () => {
    const { queue } = rig({
      commit: async (line) => line.takeWhile(() => false).forEach(({ item, resolve }) => resolve(item)),
    });
    expect(await Promise.all([1, 2].map((item) => queue.submit(item)))).toEqual([1, 2]);
  });

  it("refuses what is more than may wait", async () => {
    const { queue } = rig({ maxWaiting: 5, weightOf: (item) => item, overfull: () => new Error("busy") });
    const all = [2, 3].map((item) => queue.submit(item));
    expect(queue.waiting).toEqual({ count: 2, weight: 5 });
    await expect(queue.submit(1)).rejects.toThrow("busy");
    expect(await Promise.all(all)).toEqual([4, 6]);
    expect(await queue.submit(5)).toBe(10);
  });

  it("tells each caller of its own result when a commit fails half way", async () => {
    const { queue } = rig({
      async commit(line) {
        const [one, other] = line.takeWhile((item) => item < 3);
        one?.resolve(1);
        other?.reject(new Error("refused"));
        throw new Error("lost");
      },
    });
    const results = await Promise.allSettled([0, 1, 2, 3].map((item) => queue.submit(item)));
    const words = results.map((result) => (result.status === "fulfilled" ? result.value : String(result.reason)));
    expect(words).toEqual([1, "Error: refused", "Error: lost", 1]);
  });

  it("leaves nobody without an answer, whatever a commit forgets", async () => {
    const forgetful = rig({ commit: async (line) => void line.take() }).queue;
    await expect(forgetful.submit(1)).rejects.toThrow("without a result");
    const idle = rig({ commit: async () => {} }).queue;
    await expect(Promise.any([1, 2].map((item) => idle.submit(item)))).rejects.toThrow();
    const unable = rig({ commit: () => Promise.reject(new Error("no lock")) }).queue;
    await expect(unable.submit(1)).rejects.toThrow("no lock");
  });

  it("runs exclusive work between commits, and passes on how it ended", async () => {
    const { queue, commits } = rig();
    const first = queue.submit(1);
    const seen = queue.exclusively(async () => {
      await nextTurn();
      return commits.length;
    });
    const failed = queue.exclusively(() => Promise.reject(new Error("no")));
    await expect(failed).rejects.toThrow("no");
    expect([await seen, await first]).toEqual([0, 2]);
  });

  it("settles every item exactly as its commit ended, whatever fails", async () => {
    const asked = fc.array(fc.record({ waits: fc.boolean(), fails: fc.boolean() }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(asked, fc.integer({ min: 1, max: 5 }), async (steps, most) => {
        const committed: number[] = [];
        const queue = new GroupCommit<number, number>({
          async commit(line) {
            let count = 0;
            const taken = line.takeWhile(() => ++count <= most);
            await nextTurn();
            if (taken.some(({ item }) => steps[item]?.fails)) throw new Error("lost");
            for (const { item, resolve } of taken) {
              committed.push(item);
              resolve(item);
            }
          },
        });
        const results: Promise<number | undefined>[] = [];
        for (const [at, { waits }] of steps.entries()) {
          results.push(queue.submit(at).catch(() => undefined));
          if (waits) await nextTurn();
        }
        const settled = await Promise.all(results);
        expect(settled.filter((each) => each !== undefined)).toEqual(committed);
        for (const [at, result] of settled.entries()) if (result !== undefined) expect(result).toBe(at);
        expect(queue.waiting).toEqual({ count: 0, weight: 0 });
      }),
      { numRuns: 60 },
    );
  });
});
