// One page of a listing whose rows are found again by their id alone, and the cursor of the next.
import type { FastifyRequest } from "fastify";
import type { Cursors } from "./cursor.ts";
import type { OperationName } from "./operations.ts";
import { gatherPage } from "./long-page.ts";
import { one, pageSize } from "./query.ts";
import type { Query } from "./query.ts";

/** The rows asked for: at most `limit`, those after the row `after`. */
export interface PageOf<Id extends string> {
  readonly after?: Id;
  readonly limit: number;
}

/** Asks for the page that a request names; `next` is null on the last one. @throws `cursor.invalid` or `request.invalid`. */
export async function idPage<Id extends string, Row extends { readonly id: Id }>(
  cursors: Cursors,
  listing: OperationName,
  request: FastifyRequest,
  list: (page: PageOf<Id>) => Promise<readonly Row[]>,
): Promise<{ readonly rows: readonly Row[]; readonly next: string | null }> {
  const query = request.query as Query;
  const cursor = one(query, "cursor");
  const limit = pageSize(query);
  const after = cursor === undefined ? undefined : (cursors.open(listing, cursor, {}) as Id);
  const { rows, last } = await gatherPage<Row>(limit, (some, behind) => {
    const place = behind?.id ?? after;
    return list({ limit: some, ...(place === undefined ? {} : { after: place }) });
  });
  return { rows, next: last ? cursors.seal(listing, last.id, {}) : null };
}
