// What a JSON Schema finds wrong with a YAML document, said with line and column.
import type { ErrorObject } from "ajv/dist/2020.js";
import { nearestName } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import type { Path, YamlDocument } from "./yaml-document.ts";

/**
 * The errors of a JSON Schema as problems with their places; `whole` is what the document is called. An unknown key carries
 * the nearest known one; errors that only wrap others are left out.
 */
export function formProblems(document: YamlDocument, errors: readonly ErrorObject[], whole: string): Problem[] {
  return errors.flatMap((error) => formProblem(document, error, whole));
}

function formProblem(document: YamlDocument, error: ErrorObject, whole: string): Problem[] {
  const path = pointerPath(document, error.instancePath);
  const place = path.length === 0 ? whole : path.join(".");
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(params["additionalProperty"]);
      const known = Object.keys((error.parentSchema?.["properties"] as object | undefined) ?? {});
      const nearest = nearestName(key, known);
      const hint = nearest === undefined ? `; known are ${known.join(", ")}` : `; did you mean "${nearest}"?`;
      return [document.problemAt([...path, key], `unknown key "${key}" in ${place}${hint}`, "key")];
    }
    case "required":
      return [document.problemAt(path, `${place} lacks the key "${String(params["missingProperty"])}"`)];
    case "enum": {
      const allowed = params["allowedValues"] as readonly unknown[];
      return [document.problemAt(path, `${place} must be one of ${allowed.join(", ")}`)];
    }
    case "propertyNames": {
      const key = String(params["propertyName"]);
      return [document.problemAt([...path, key], `"${key}" is not a possible name in ${place}`, "key")];
    }
    default:
      if (error.propertyName !== undefined) return [];
      return [document.problemAt(path, `${place} ${error.message ?? "is not as it must be"}`)];
  }
}

/** A JSON pointer as a path; a step into a list is a number. */
function pointerPath(document: YamlDocument, pointer: string): Path {
  let value: unknown = document.data;
  return pointer
    .split("/")
    .slice(1)
    .map((step) => {
      const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
      const place = Array.isArray(value) ? Number(key) : key;
      value = (value as Record<string | number, unknown>)[place];
      return place;
    });
}
