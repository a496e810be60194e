// Draws lineage as a tree of plain lines.
import { fieldList, fieldText } from "./record.ts";

/** Deepest level drawn; a malformed answer with a cycle must not hang a terminal. */
const maxDepth = 32;

/** The lines below `id`: what it was made from, or what was made from it, out of an answer with `edges` of child and parent. */
export function lineageTree(id: string, answer: unknown, direction: "ancestors" | "descendants"): string[] {
  const [here, there] = direction === "ancestors" ? ["child", "parent"] : ["parent", "child"];
  const next = new Map<string, string[]>();
  for (const edge of fieldList(answer, "edges")) {
    const from = fieldText(edge, here) ?? "";
    next.set(from, [...(next.get(from) ?? []), fieldText(edge, there) ?? ""]);
  }
  const branch = (from: string, indent: string, depth: number): string[] => {
    const ids = depth > maxDepth ? [] : (next.get(from) ?? []);
    return ids.flatMap((one, place) => {
      const isLast = place === ids.length - 1;
      return [
        `${indent}${isLast ? "`- " : "|- "}${one}`,
        ...branch(one, `${indent}${isLast ? "   " : "|  "}`, depth + 1),
      ];
    });
  };
  return branch(id, "", 1);
}
