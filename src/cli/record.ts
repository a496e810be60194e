// Reads fields of a JSON document that came from a server, without trusting its shape.

/** A JSON object. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** The value as a JSON object; an empty one when it is something else. */
export function recordOf(value: unknown): JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonRecord) : {};
}

function field(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split(".")) {
    const record = recordOf(found);
    found = Object.hasOwn(record, name) ? record[name] : undefined;
  }
  return found;
}

/** A field as text: strings, numbers and booleans as they are; undefined for anything else. The path may have dots. */
export function fieldText(value: unknown, path: string): string | undefined {
  const found = field(value, path);
  return ["string", "number", "boolean"].includes(typeof found) ? String(found) : undefined;
}

/** A field that is a number. */
export function fieldNumber(value: unknown, path: string): number | undefined {
  const found = field(value, path);
  return typeof found === "number" ? found : undefined;
}

/** A field that is a list; empty when it is something else. */
export function fieldList(value: unknown, path: string): readonly unknown[] {
  const found = field(value, path);
  return Array.isArray(found) ? found : [];
}
