// The paths of model routes as clients make them of base URLs: with `/v1` and without, with it twice, below `/api`, with slashes at
// the end or doubled. All of them are the one route: what follows (who may call, how often, what is counted) sees nothing else.
import type { Operation } from "../operations.ts";

/** Rewrites a request's URL to that of the model route it means; every other URL stays as it is. */
export function modelPaths(operations: readonly Pick<Operation, "path" | "takesApiKey">[]): (url: string) => string {
  const known = new Set(operations.map(({ path }) => path));
  const below = operations
    .filter(({ path, takesApiKey }) => takesApiKey === true && path.startsWith("/v1/"))
    .map(({ path }) => path.slice("/v1/".length));
  const exact = new Set(below.filter((path) => !path.includes("{")));
  // A path that takes the rest of the URL: `models/{path}`.
  const open = below.filter((path) => path.endsWith("{path}")).map((path) => path.slice(0, -"{path}".length));
  return (url) => {
    const queryAt = url.indexOf("?");
    const [path, query] = queryAt < 0 ? [url, ""] : [url.slice(0, queryAt), url.slice(queryAt)];
    if (known.has(path)) return url;
    const words = path.split("/").filter((word) => word !== "");
    if (words.length === 0) return `/${query}`;
    let at = words[0] === "api" && words[1] === "v1" ? 1 : 0;
    while (words[at] === "v1") at++;
    const meant = words.slice(at).join("/");
    const isModelRoute = exact.has(meant) || open.some((start) => meant.startsWith(start));
    return isModelRoute ? `/v1/${meant}${query}` : url;
  };
}
