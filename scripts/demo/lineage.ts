// What was made from what: two artifacts derived from stored files, and their family as the server tells it.
import { ask } from "./caller.ts";
import type { Claims } from "./claims.ts";
import type { Screen } from "./screen.ts";
import type { StoredFile } from "./storing.ts";

interface Lineage {
  readonly nodes: readonly { readonly artifact_id: string; readonly depth: number }[];
  readonly edges: readonly { readonly child: string; readonly parent: string }[];
}

/** Derives a digest list from three files of one product, and a report from the list; shows the tree. */
export async function showLineage(
  screen: Screen,
  claims: Claims,
  url: string,
  stored: readonly StoredFile[],
): Promise<void> {
  const product = stored.find(({ product }) => product.name === "GURUKUL")?.product;
  if (product === undefined) throw new Error("GURUKUL stored nothing");
  const sources = stored.filter((each) => each.product === product).slice(0, 3);
  const names = new Map(sources.map(({ artifactId, file }) => [artifactId, file.path]));

  const derive = async (name: string, payload: object, derivedFrom: readonly string[]): Promise<string> => {
    const body = {
      product_id: product.name,
      artifact_type: product.type,
      payload,
      metadata: { name },
      derived_from: derivedFrom,
    };
    const { status, json, text } = await ask(url, "/v1/artifacts", { key: product.key, body });
    claims.check(status === 201, `${name} was stored`, text);
    const id = (json["artifact"] as { artifact_id: string }).artifact_id;
    names.set(id, name);
    return id;
  };
  const sizes = Object.fromEntries(sources.map(({ file }) => [file.path, file.bytes.length]));
  const list = await derive(
    "size list",
    sizes,
    sources.map(({ artifactId }) => artifactId),
  );
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  const report = await derive("report", { files: sources.length, bytes: total }, [list]);

  const { json } = await ask(url, `/v1/artifacts/${report}/lineage`, { key: product.key });
  const { nodes, edges } = json as unknown as Lineage;
  claims.check(nodes.length === 2 + sources.length, "the family is the report, the list and its sources", nodes.length);
  const draw = (id: string, depth: number): void => {
    screen.line(`  ${`${"   ".repeat(depth)}${names.get(id) ?? "?"}`.padEnd(58)}  ${screen.tone("dim", id)}`);
    for (const { child, parent } of edges) if (child === id) draw(parent, depth + 1);
  };
  draw(report, 0);
  screen.line();

  const source = sources[0]?.artifactId ?? "";
  const down = await ask(url, `/v1/artifacts/${source}/lineage?direction=descendants`, { key: product.key });
  const descendants = (down.json as unknown as Lineage).nodes.map(({ artifact_id }) => artifact_id);
  claims.check(descendants.includes(report), "the source knows what was made from it", descendants);
  screen.holds("the same family is found from the sources down to the report");
}
