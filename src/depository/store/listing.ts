// Pages of artifacts, newest first. A page starts where the last one ended (created, id), so its cost does not depend on how
// many came before.
//
// Exactly one index drives a page: that of the tag, else of the creator, else of the type, else of the product, else of time. All
// but the last lie within one product, so that the time of a page tells nothing of what other products hold. The other filters
// only sift what it yields; they are written as expressions (`x || '' = ?`), because without statistics a planner may otherwise
// prefer their index and sort the whole result.
import { sql } from "kysely";
import type { Kysely, RawBuilder } from "kysely";
import type { Artifact } from "../artifact.ts";
import type { ArtifactQuery } from "./store.ts";
import { artifactOf } from "./tables.ts";
import type { ArtifactRow, DepositoryTables } from "./tables.ts";

/** One page of artifacts. */
export async function listArtifacts(db: Kysely<DepositoryTables>, query: ArtifactQuery): Promise<readonly Artifact[]> {
  const perProduct = query.tag !== undefined || query.type !== undefined || query.createdBy !== undefined;
  const merged = query.product === undefined && perProduct;
  return (merged ? await acrossProducts(db, query) : await rowsOf(db, query)).map(artifactOf);
}

/** Tags, types and creators are indexed within products, so a page over all products is merged from one page of each. */
async function acrossProducts(db: Kysely<DepositoryTables>, query: ArtifactQuery): Promise<readonly ArtifactRow[]> {
  const products = await db.selectFrom("depository_usage").select("product_id").execute();
  const rows: ArtifactRow[] = [];
  for (const { product_id: product } of products) {
    rows.push(...(await rowsOf(db, { ...query, product })));
  }
  rows.sort((left, right) => right.created_ms - left.created_ms || (left.artifact_id < right.artifact_id ? 1 : -1));
  return rows.slice(0, query.limit);
}

async function rowsOf(db: Kysely<DepositoryTables>, query: ArtifactQuery): Promise<readonly ArtifactRow[]> {
  return (await page(query).execute(db)).rows;
}

/** The statement of one page. */
export function page(query: ArtifactQuery): RawBuilder<ArtifactRow> {
  const byTag = query.tag !== undefined;
  const from = byTag
    ? sql`depository_tags as p inner join depository_artifacts as a on a.artifact_id = p.artifact_id`
    : sql`depository_artifacts as p`;
  const whole = byTag ? sql`a.*` : sql`p.*`;
  const other = byTag ? sql`a` : sql`p`;

  const wanted: RawBuilder<unknown>[] = [];
  if (query.product !== undefined) wanted.push(sql`p.product_id = ${query.product}`);
  if (byTag) wanted.push(sql`p.tag = ${query.tag}`);
  if (query.createdBy !== undefined) {
    wanted.push(byTag ? sql`a.created_by || '' = ${query.createdBy}` : sql`p.created_by = ${query.createdBy}`);
  }
  if (query.type !== undefined) {
    const sifts = byTag || query.createdBy !== undefined;
    wanted.push(sifts ? sql`${other}.artifact_type || '' = ${query.type}` : sql`p.artifact_type = ${query.type}`);
  }
  if (query.createdAfterMs !== undefined) wanted.push(sql`p.created_ms >= ${query.createdAfterMs}`);
  if (query.createdBeforeMs !== undefined) wanted.push(sql`p.created_ms < ${query.createdBeforeMs}`);
  if (query.after !== undefined) {
    wanted.push(sql`(p.created_ms, p.artifact_id) < (${query.after.createdMs}, ${query.after.id})`);
  }
  const where = wanted.length === 0 ? sql`` : sql`where ${sql.join(wanted, sql` and `)}`;
  return sql<ArtifactRow>`select ${whole} from ${from} ${where}
    order by p.created_ms desc, p.artifact_id desc limit ${query.limit}`;
}
