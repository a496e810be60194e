// One page of a listing, gathered in several goes: rows may be long, and a thousand of them at once would hold up everyone.
import { maxPageChars } from "../kernel/limits.ts";
import { jsonWeight } from "../kernel/json-writer.ts";
import { yieldToEventLoop, TimeSlice } from "../kernel/time-slice.ts";

/** Rows that are read in one go. */
const rowsAtOnce = 64;

/**
 * At most `limit` rows, fewer when they are long. `last` is the last of them where more may follow.
 * @param list Gives at most so many rows, those behind a row or the first ones; fewer only where there are no more.
 */
export async function gatherPage<Row>(
  limit: number,
  list: (limit: number, behind: Row | undefined) => Promise<readonly Row[]>,
): Promise<{ readonly rows: readonly Row[]; readonly last: Row | undefined }> {
  const rows: Row[] = [];
  const stretch = new TimeSlice();
  let chars = 0;
  for (;;) {
    const wanted = Math.min(rowsAtOnce, limit - rows.length);
    const some = await list(wanted, rows.at(-1));
    for (const row of some) chars += jsonWeight(row);
    rows.push(...some);
    if (some.length < wanted) return { rows, last: undefined };
    if (rows.length === limit || chars > maxPageChars) return { rows, last: rows.at(-1) };
    await yieldToEventLoop(stretch);
  }
}
