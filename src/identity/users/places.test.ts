import { describe, expect, it } from "vitest";
import { Places } from "./places.ts";

/** Jobs that end when they are told to, and in which order they began. */
function rig(most: number, mostWaiting: number) {
  const places = new Places(most, mostWaiting);
  const began: string[] = [];
  const ends: (() => void)[] = [];
  const run = (holder: string): Promise<void> =>
    places.run(() => {
      began.push(holder);
      return new Promise<void>((resolve) => ends.push(resolve));
    }, holder);
  const endAll = async (): Promise<void> => {
    while (ends.length > 0) {
      ends.shift()?.();
      await new Promise(setImmediate);
    }
  };
  return { run, began, endAll };
}

describe("the places for costly work", () => {
  it("are refused to a flood of one holder while another one still finds room in the queue", async () => {
    const { run, endAll } = rig(1, 100);
    const flood = Array.from({ length: 200 }, () => run("flood"));
    const results = Promise.allSettled(flood);
    const other = run("other");
    await endAll();
    await other;
    const refused = (await results).filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(200 - 1 - 80);
    expect(refused[0]).toMatchObject({ reason: { code: "auth.busy" } });
  });

  it("are given in turns, holder by holder, and in each line in the order of asking", async () => {
    const { run, began, endAll } = rig(1, 100);
    const all = ["a", "a", "a", "a", "b", "c", "b"].map(run);
    await endAll();
    await Promise.all(all);
    expect(began).toEqual(["a", "a", "b", "c", "a", "b", "a"]);
  });

  it("hold what is left to one that names no holder", async () => {
    const { run, endAll } = rig(1, 2);
    const all = ["", "", ""].map(run);
    await expect(run("")).rejects.toMatchObject({ code: "auth.busy" });
    await endAll();
    await Promise.all(all);
  });
});
