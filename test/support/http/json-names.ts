// Finds names in JSON that are not in snake_case, and knows where names are not Charter's own.

const snakeCase = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

/** Whether a name is in snake_case. */
export const isSnakeCase = (name: string): boolean => snakeCase.test(name);

/** Where in an answer the names below are somebody else's, and whose: pointers, with `*` for any member or place in a list. */
export type ForeignNames = Readonly<Record<string, string>>;

/** Pointers to the members of a JSON value whose names are not in snake_case. */
export function oddNames(value: unknown, foreign: ForeignNames = {}): string[] {
  const places = Object.keys(foreign).map((place) => place.split("/"));
  const walk = (here: unknown, path: readonly string[]): string[] => {
    if (typeof here !== "object" || here === null || places.some((place) => isAt(place, path))) return [];
    return Object.entries(here).flatMap(([name, held]) => {
      const pointer = [...path, name];
      const isOdd = !Array.isArray(here) && !isSnakeCase(name);
      return [...(isOdd ? [pointer.join("/")] : []), ...walk(held, pointer)];
    });
  };
  return walk(value, [""]);
}

function isAt(place: readonly string[], path: readonly string[]): boolean {
  return place.length === path.length && place.every((step, i) => step === "*" || step === path[i]);
}
