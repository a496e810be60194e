// Names in JSON that people see are snake_case; inside they are camelCase. This is where one becomes the other.
//
// A route's JSON Schema says which names are Charter's own: those in `properties`. Whatever else an object may hold (metadata,
// maps by name, the bodies of model calls) is someone else's, and its names pass as they are.

/** What of a JSON Schema matters for names. */
interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** Gives a value whose own names are spelled in the other way; the value itself stays as it was. */
export type Renaming = (value: unknown) => unknown;

/** Finds the schema that a `$ref` names. */
export type FindSchema = (reference: string) => object;

/** A name as it is spelled outside: `size_bytes` for `sizeBytes`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A name as it is spelled inside: `sizeBytes` for `size_bytes`. */
export function camelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Makes what turns a value from inside into what a schema describes; undefined where the names are the same. Names that a
 * closed schema does not list are left out.
 */
export function toPublic(schema: object, find: FindSchema): Renaming | undefined {
  return renaming(schema, find, (name) => [
    [name, name],
    [camelCase(name), name],
  ]);
}

/** Makes what turns a value that fits a schema into the one inside; undefined where the names are the same. */
export function toInner(schema: object, find: FindSchema): Renaming | undefined {
  return renaming(schema, find, (name) => [[name, camelCase(name)]]);
}

/** A value all of whose names are Charter's own, with the names as they are spelled outside. */
export function publicNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(publicNames);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [snakeCase(name), publicNames(held)]));
}

/** The spellings of a public name as pairs: the one that is read and the one that is written. */
type Spellings = (name: string) => readonly (readonly [from: string, to: string])[];

function renaming(schema: Schema, find: FindSchema, spellings: Spellings): Renaming | undefined {
  if (schema.$ref !== undefined) return renaming(find(schema.$ref), find, spellings);
  const branches = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
    .map((branch) => renaming(branch, find, spellings))
    .filter((branch) => branch !== undefined);
  if (branches.length > 1) throw new Error("names are ambiguous where several alternatives are objects");
  if (branches.length === 1) return branches[0];
  if (schema.items !== undefined) {
    const each = renaming(schema.items, find, spellings);
    return each && ((value) => (Array.isArray(value) ? value.map(each) : value));
  }
  return fieldsRenaming(schema, find, spellings);
}

function fieldsRenaming(schema: Schema, find: FindSchema, spellings: Spellings): Renaming | undefined {
  const { properties = {}, additionalProperties = true } = schema;
  const fields = new Map<string, { readonly to: string; readonly rename: Renaming | undefined }>();
  let differs = false;
  for (const [name, field] of Object.entries(properties)) {
    const rename = renaming(field, find, spellings);
    differs ||= rename !== undefined || camelCase(name) !== name;
    for (const [from, to] of spellings(name)) fields.set(from, { to, rename });
  }
  const others = typeof additionalProperties === "object" ? renaming(additionalProperties, find, spellings) : undefined;
  if (!differs && others === undefined) return undefined;
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const entries: [string, unknown][] = [];
    for (const [name, held] of Object.entries(value)) {
      const field = fields.get(name);
      if (field !== undefined) entries.push([field.to, field.rename ? field.rename(held) : held]);
      else if (additionalProperties !== false) entries.push([name, others ? others(held) : held]);
    }
    // Own properties, whatever their names are.
    return Object.fromEntries(entries);
  };
}
