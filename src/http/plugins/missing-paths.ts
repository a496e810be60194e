// Paths that are not there. Clients of newer APIs ask for some all the time, with a good key: they get 404 at once, whatever the
// limits say, and take nothing of what a caller or an address may ask. The answer names the nearest path. A flood of them is
// bounded by a short pause for each beyond the ordinary, as refusals by limits are, and gets no such help.
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyReply, FastifyRequest } from "fastify";
import { nearestName } from "../../kernel/nearest.ts";
import { httpFault } from "../errors.ts";
import type { Operation } from "../operations.ts";

/** Missing paths within a second, of all callers together, that are answered at once and with help. */
const ordinaryPerSecond = 50;
/** How long each further one waits, milliseconds. */
const pauseMs = 20;

/** Refuses what asks for a path that is not there. */
export function missingPaths(operations: readonly Pick<Operation, "method" | "path">[]) {
  const methodsOf = Map.groupBy(operations, ({ path }) => path);
  const paths = [...methodsOf.keys()].map((path) => path.split("/"));
  let [second, count] = [0, 0];

  return async (request: FastifyRequest, reply: FastifyReply): Promise<never> => {
    const now = Math.floor(performance.now() / 1000);
    count = now === second ? count + 1 : 1;
    second = now;
    if (count > ordinaryPerSecond) {
      await sleep(pauseMs);
      throw notFound("see openapi.json for all paths");
    }
    const asked = (request.url.split("?")[0] ?? "").split("/");
    const nearest = nearestTo(asked, paths);
    if (nearest === undefined) throw notFound("see openapi.json for all paths");
    const methods = (methodsOf.get(nearest.join("/")) ?? []).map(({ method }) => method);
    const isEmpty = nearest.some((word, i) => isParameter(word) && asked[i] === "");
    if (isEmpty || sameWords(asked, nearest) < asked.length || asked.length !== nearest.length) {
      throw notFound(`the nearest path is ${nearest.join("/")} (${methods.join(", ")}); see openapi.json for all`);
    }
    const allowed = methods.includes("GET") && !methods.includes("HEAD") ? [...methods, "HEAD"] : methods;
    void reply.header("allow", allowed.join(", "));
    throw httpFault("method.not_allowed", `this path takes no ${request.method}`, {
      remedy: `this path takes ${allowed.join(" and ")}`,
    });
  };
}

function notFound(remedy: string): Error {
  return httpFault("route.not_found", "there is no such path", { remedy });
}

/** A path by its words. */
type Words = readonly string[];

const isParameter = (word: string): boolean => word.startsWith("{");

/** How many of the first words of a path are those of a known one; any word stands for a parameter. */
function sameWords(asked: Words, known: Words): number {
  const other = known.findIndex((word, i) => asked[i] === undefined || !(isParameter(word) || word === asked[i]));
  return other < 0 ? known.length : other;
}

/** The path that an asked one was most likely meant to be: spelled like it, else the longest that it begins with. */
function nearestTo(asked: Words, known: readonly Words[]): Words | undefined {
  const like = known.filter(
    (words) =>
      words.length === asked.length &&
      words.every((word, i) => isParameter(word) || nearestName(asked[i] ?? "", [word]) === word),
  );
  const begun = known.filter((words) => words.length > 2 && sameWords(asked, words) === words.length);
  const [best] = like.toSorted((one, other) => exactWords(asked, other) - exactWords(asked, one));
  const [longest] = begun.toSorted((one, other) => other.length - one.length);
  if (best !== undefined || longest !== undefined) return best ?? longest;
  const name = nearestName(
    asked.join("/"),
    known.map((words) => words.join("/")),
  );
  return known.find((words) => words.join("/") === name);
}

function exactWords(asked: Words, known: Words): number {
  return known.filter((word, i) => word === asked[i]).length;
}
