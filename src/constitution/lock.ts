// The articles are immutable: their digests are compiled into the program, and other articles are refused by name.
// The schema is locked with them, because the program builds every request in the schema's shape.
import { nearestName } from "../kernel/nearest.ts";
import { articlesLock } from "./articles.lock.ts";
import type { PolicyRecord } from "./policies.ts";
import { placeAt } from "../kernel/problem.ts";
import type { Problem } from "../kernel/problem.ts";
import type { ParsedSchema } from "./schema.ts";
import { fileNames } from "./texts.ts";
import type { ConstitutionTexts } from "./texts.ts";

/** What the lock holds: digests of parsed forms. */
export interface ArticlesLock {
  readonly schema: string;
  readonly articles: Readonly<Record<string, string>>;
}

/** The lock that articles and a schema would have. */
export function lockOf(articles: readonly PolicyRecord[], schema: ParsedSchema): ArticlesLock {
  return {
    schema: schema.digest ?? "",
    articles: Object.fromEntries(articles.map(({ id, digest }) => [id, digest])),
  };
}

/** How articles and schema differ from those this program was built with: changed, missing or new, each by name. */
export function lockProblems(
  articles: readonly PolicyRecord[],
  schema: ParsedSchema,
  texts: ConstitutionTexts,
): Problem[] {
  const locked: Readonly<Record<string, string>> = articlesLock.articles;
  const file = fileNames.articles;
  const problems: Problem[] = [];
  for (const { id, digest, offset } of articles) {
    if (locked[id] === digest) continue;
    const place = placeAt(texts.articles, offset);
    if (Object.hasOwn(locked, id)) {
      problems.push({ file, ...place, message: `article ${id} differs from the one this program was built with` });
      continue;
    }
    const nearest = nearestName(id, Object.keys(locked));
    const hint = nearest === undefined ? "" : `; the nearest is ${nearest}`;
    problems.push({ file, ...place, message: `article ${id} is new; this program was built without it${hint}` });
  }
  for (const id of Object.keys(locked)) {
    if (!articles.some((article) => article.id === id)) {
      problems.push({ file, line: 1, column: 1, message: `article ${id} is missing` });
    }
  }
  if (schema.digest !== articlesLock.schema) {
    const message = "the schema differs from the one this program was built with";
    problems.push({ file: fileNames.schema, line: 1, column: 1, message });
  }
  return problems;
}
