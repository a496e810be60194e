// Lineage: what an artifact was made from, or what was made from it, level by level and bounded.
import type { Kysely } from "kysely";
import type { ArtifactId } from "../../kernel/ids.ts";
import type { Lineage } from "./store.ts";
import type { DepositoryTables } from "./tables.ts";

/** The family of an artifact in one direction. There are no cycles: an artifact's parents exist before it does. */
export async function familyOf(
  db: Kysely<DepositoryTables>,
  start: ArtifactId,
  direction: "ancestors" | "descendants",
  maxDepth: number,
  maxNodes: number,
): Promise<Lineage> {
  const [near, far] =
    direction === "ancestors" ? (["child_id", "parent_id"] as const) : (["parent_id", "child_id"] as const);
  const depths = new Map<string, number>([[start, 0]]);
  const edges: { child: ArtifactId; parent: ArtifactId }[] = [];
  let truncated = false;
  let level: string[] = [start];

  for (let depth = 1; level.length > 0; depth++) {
    const rows = await db
      .selectFrom("depository_edges")
      .select(["child_id", "parent_id"])
      .where(near, "in", level)
      .orderBy(near)
      .orderBy(far)
      .limit(maxNodes + 1)
      .execute();
    truncated ||= rows.length > maxNodes || (depth > maxDepth && rows.length > 0);
    if (depth > maxDepth) break;
    level = [];
    for (const row of rows.slice(0, maxNodes)) {
      if (!depths.has(row[far])) {
        if (depths.size >= maxNodes) {
          truncated = true;
          continue;
        }
        depths.set(row[far], depth);
        level.push(row[far]);
      }
      edges.push({ child: row.child_id as ArtifactId, parent: row.parent_id as ArtifactId });
    }
  }
  const nodes = [...depths].map(([artifactId, depth]) => ({ artifactId: artifactId as ArtifactId, depth }));
  return { nodes, edges, truncated };
}
