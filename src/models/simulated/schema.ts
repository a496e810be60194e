// A small value that a JSON Schema accepts, for the simulated model's structured answers and tool arguments. It knows the
// keywords that schemas for models commonly use; a pattern, or alternatives that exclude each other, it may miss.
//
// Schemas come from callers, so the work is bounded: in depth, in values, and in what one length or count may demand.

type Schema = Readonly<Record<string, unknown>>;

/** Deepest value, most values, longest text and most elements of one list that are made, whatever the schema demands. */
const maxDepth = 24;
const maxValues = 2000;
const maxLength = 2000;
const maxItems = 200;

/** Texts of the formats of JSON Schema. */
const formats: Readonly<Record<string, string>> = {
  "date-time": "2026-01-01T00:00:00Z",
  date: "2026-01-01",
  time: "00:00:00Z",
  duration: "PT1S",
  email: "simulated@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

/** What a schema without any other wish for a text gets. */
const plainText = "simulated";

/** A small value that the schema accepts; `null` where it leads nowhere. */
export function minimalValue(schema: unknown): unknown {
  return new Maker(schema).value(schema, 0);
}

/** Makes one value; holds the root for references and counts what was made. */
class Maker {
  readonly #root: unknown;
  #made = 0;

  constructor(root: unknown) {
    this.#root = root;
  }

  value(given: unknown, depth: number, variant = 0): unknown {
    if (!isRecord(given) || depth > maxDepth || ++this.#made > maxValues) return null;
    const schema = this.#resolved(given);
    if ("const" in schema) return schema["const"];
    const choices = schema["enum"];
    if (Array.isArray(choices)) return choices[variant % choices.length] ?? null;
    switch (typeOf(schema)) {
      case "object":
        return this.#object(schema, depth);
      case "array":
        return this.#array(schema, depth);
      case "string":
        return text(schema, variant);
      case "number":
      case "integer":
        return numberOf(schema, variant);
      case "boolean":
        return variant % 2 === 1;
      default:
        return null;
    }
  }

  /** The schema with references followed, and with one of its alternatives and all of its parts merged in. */
  #resolved(given: Schema): Schema {
    let schema = given;
    for (let hops = 0; hops < maxDepth; hops++) {
      const { $ref, anyOf, oneOf, allOf, ...own } = schema;
      if (typeof $ref === "string") schema = { ...asRecord(this.#pointed($ref)), ...own };
      else if (Array.isArray(allOf)) schema = merged([...allOf, { ...own, ...keep({ anyOf, oneOf }) }]);
      else if (Array.isArray(anyOf)) schema = merged([{ ...own, ...keep({ oneOf }) }, simplest(anyOf)]);
      else if (Array.isArray(oneOf)) schema = merged([own, simplest(oneOf)]);
      else return schema;
    }
    return {};
  }

  /** What a reference into the schema's own document points at; RFC 6901. */
  #pointed(ref: string): unknown {
    if (!ref.startsWith("#")) return undefined;
    let found: unknown = this.#root;
    for (const step of ref.slice(1).split("/").slice(1)) {
      const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
      found = isRecord(found) && Object.hasOwn(found, name) ? found[name] : undefined;
    }
    return found;
  }

  #object(schema: Schema, depth: number): Record<string, unknown> {
    const properties = asRecord(schema["properties"]);
    const required = Array.isArray(schema["required"])
      ? schema["required"].filter((name) => typeof name === "string")
      : [];
    const entries: [string, unknown][] = required.map((name) => [
      name,
      this.value(Object.hasOwn(properties, name) ? properties[name] : { type: "string" }, depth + 1),
    ]);
    return Object.fromEntries(entries);
  }

  #array(schema: Schema, depth: number): unknown[] {
    const first = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"] : [];
    const count = Math.min(maxItems, count0(schema["minItems"]));
    return Array.from({ length: count }, (_, at) => {
      return this.value(
        first[at] ?? schema["items"] ?? { type: "string" },
        depth + 1,
        schema["uniqueItems"] === true ? at : 0,
      );
    });
  }
}

function isRecord(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asRecord(value: unknown): Schema {
  return isRecord(value) ? value : {};
}

function count0(value: unknown): number {
  return typeof value === "number" && value > 0 ? Math.floor(value) : 0;
}

/** The entries that are there. */
function keep(entries: Schema): Schema {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

/** The alternative that leads to the smallest value: one without a reference, which may come back to where it began. */
function simplest(alternatives: readonly unknown[]): unknown {
  return alternatives.find((alternative) => isRecord(alternative) && !("$ref" in alternative)) ?? alternatives[0];
}

/** Several schemas as one; later ones win, properties and required names are joined. */
function merged(schemas: readonly unknown[]): Schema {
  let all: Record<string, unknown> = {};
  for (const schema of schemas.map(asRecord)) {
    const properties = { ...asRecord(all["properties"]), ...asRecord(schema["properties"]) };
    const required = [all["required"], schema["required"]].flatMap((names) => (Array.isArray(names) ? names : []));
    all = { ...all, ...schema };
    if (Object.keys(properties).length > 0) all["properties"] = properties;
    if (required.length > 0) all["required"] = [...new Set(required)];
  }
  return all;
}

/** The type to make: the first that is named, else what the other keywords are about. */
function typeOf(schema: Schema): unknown {
  const { type } = schema;
  if (Array.isArray(type)) return type[0];
  if (type !== undefined) return type;
  if ("properties" in schema || "required" in schema) return "object";
  if ("items" in schema || "prefixItems" in schema) return "array";
  if ("minimum" in schema || "exclusiveMinimum" in schema || "multipleOf" in schema) return "number";
  return "minLength" in schema || "format" in schema || "pattern" in schema ? "string" : "object";
}

function text(schema: Schema, variant: number): string {
  const { format } = schema;
  if (typeof format === "string" && Object.hasOwn(formats, format)) return formats[format] ?? plainText;
  const least = Math.min(maxLength, count0(schema["minLength"]));
  const most = typeof schema["maxLength"] === "number" ? schema["maxLength"] : maxLength;
  return (variant === 0 ? plainText : `${variant}${plainText}`).padEnd(least, "-").slice(0, Math.max(0, most));
}

function numberOf(schema: Schema, variant: number): number {
  const step = typeof schema["multipleOf"] === "number" && schema["multipleOf"] > 0 ? schema["multipleOf"] : 1;
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema;
  const floors = [minimum, exclusiveMinimum].filter((bound) => typeof bound === "number");
  const ceilings = [maximum, exclusiveMaximum].filter((bound) => typeof bound === "number");
  const [least, most] = [Math.max(...floors), Math.min(...ceilings)];
  // Zero when it is allowed, else the multiple of the step next to the bound that excludes it.
  let value = 0;
  if (least > 0 || (least === 0 && exclusiveMinimum === 0)) value = Math.ceil(least / step) * step;
  else if (most < 0 || (most === 0 && exclusiveMaximum === 0)) value = Math.floor(most / step) * step;
  if (value === exclusiveMinimum) value += step;
  if (value === exclusiveMaximum) value -= step;
  // Between two neighbouring numbers that are both excluded lies a fraction.
  const isOutside = (at: number): boolean =>
    at > most || at < least || at === exclusiveMinimum || at === exclusiveMaximum;
  if (isOutside(value) && schema["type"] === "number" && Number.isFinite(least + most)) return (least + most) / 2;
  return value + variant * step;
}
