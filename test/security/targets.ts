// Requests to attack, read off openapi.json: every operation that has a parameter, each parameter with a value that the
// server accepts and a mark (`*`, as sqlmap writes it) where text of an attacker goes.
import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { operations } from "../../src/http/index.ts";
import type { Operation, OperationName } from "../../src/http/index.ts";
import { operationsOf, referred } from "../support/http/described-api.ts";
import type { ApiDocument, DescribedOperation, Parameter } from "../support/http/described-api.ts";
import { Known, valuesOf } from "../support/http/schema-arbitrary.ts";
import type { Schema } from "../support/http/schema-arbitrary.ts";
import { refusedAnyway, sampleOf } from "./samples.ts";
import type { Contents, Values, Variant } from "./samples.ts";

/** A place that is attacked. */
export interface Mark {
  readonly place: Parameter["in"] | "body";
  readonly name: string;
}

/** One request with marks. */
export interface Target {
  readonly operation: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly marks: readonly Mark[];
  /** Whether a credential is sent. */
  readonly needsKey: boolean;
  /** Whether it is refused although nothing is wrong with it. */
  readonly isRefused: boolean;
}

/** The character that stands behind an attacked value. */
const star = "*";
const formType = "application/x-www-form-urlencoded";

/** The request without its marks. */
export function unmarked(target: Target) {
  return withTexts(target, () => "");
}

/** The request with a text behind the value of one mark, in the writing of its place. A header takes any. */
export function markedWith(target: Target, wanted: Mark, text: string) {
  const isJson = target.headers["content-type"]?.includes("json") === true;
  const written = {
    path: encodeURIComponent(text.toWellFormed()),
    query: encodeURIComponent(text.toWellFormed()),
    body: isJson ? JSON.stringify(text).slice(1, -1) : encodeURIComponent(text.toWellFormed()),
    header: text,
    cookie: text,
  }[wanted.place];
  return withTexts(target, (index) => (target.marks[index] === wanted ? written : ""));
}

/** The request with a text in place of each mark, which are counted as they were made. */
function withTexts({ method, path, headers, body }: Target, textOf: (index: number) => string) {
  let index = 0;
  const filled = (text: string): string => text.replaceAll(star, () => textOf(index++));
  return {
    method,
    path: filled(path),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, filled(value)])),
    ...(body === undefined ? {} : { body: filled(body) }),
  };
}

/** Everything of a document that can be attacked with text. */
export function targetsOf(document: ApiDocument, contents: Contents): Target[] {
  return operationsOf(document).flatMap((operation) => {
    const variants = contents.variants[operation.operationId as OperationName] ?? [undefined];
    const targets = variants.flatMap((variant) => new Maker(document, contents.values, operation, variant).targets());
    return targets.filter(({ marks }) => marks.length > 0);
  });
}

interface Body {
  readonly type: string;
  readonly schema?: Schema | undefined;
}

/** Makes the targets of one operation, or of one way of calling it. */
class Maker {
  readonly #document: ApiDocument;
  readonly #values: Values;
  readonly #operation: DescribedOperation;
  readonly #variant: Variant | undefined;
  readonly #samples = new Map<Parameter, string>();

  constructor(document: ApiDocument, values: Values, operation: DescribedOperation, variant: Variant | undefined) {
    this.#document = document;
    this.#values = values;
    this.#operation = operation;
    this.#variant = variant;
    for (const parameter of operation.parameters ?? []) {
      const value = this.#sample(parameter.name, parameter.schema);
      if (value !== undefined) this.#samples.set(parameter, String(Array.isArray(value) ? value[0] : value));
    }
  }

  /**
   * One target for each kind of body; a cursor belongs to the question it was given for, and a header may decide whether
   * the rest is looked at, so each of these gets a target of its own.
   */
  targets(): Target[] {
    const bodies = Object.entries(this.#operation.requestBody?.content ?? {});
    const alone = [...this.#samples.keys()].filter(({ name, in: place }) => name === "cursor" || place === "header");
    const together = [...this.#samples.keys()].filter((parameter) => !alone.includes(parameter));
    const both = (parameters: readonly Parameter[], body?: Body): Target[] => [
      this.#target(parameters, body),
      ...alone.map((each) => this.#target(parameters, body, each)),
    ];
    if (bodies.length === 0) return both(together);
    return bodies.flatMap(([type, { schema }]) => {
      // Where a body may also be raw, the query describes the raw one.
      const isEnvelope = type.includes("json") && bodies.length > 1;
      const own = isEnvelope ? together.filter(({ in: place }) => place !== "query") : together;
      return both(own, { type: type.replace("*/*", "application/octet-stream"), schema });
    });
  }

  /** One target; with marks in all its parameters and its body, or in the one parameter that it is for. */
  #target(together: readonly Parameter[], body?: Body, only?: Parameter): Target {
    const { operationId: operation, method } = this.#operation;
    const marks: Mark[] = [];
    const mark = (place: Mark["place"], name: string, isMarked: boolean): string => {
      if (isMarked) marks.push({ place, name });
      return isMarked ? star : "";
    };
    // A header goes with everything that it is sent with; a cursor alone.
    const kept = only?.in === "header" ? together : together.filter(({ in: place }) => place === "path");
    const wanted = only === undefined ? together : [...kept, only];
    const valueOf = (parameter: Parameter): string => {
      const { in: place, name } = parameter;
      // An Idempotency-Key stands for one request.
      const value = name === "idempotency-key" ? randomUUID() : this.#valueWith(only, parameter);
      const text = place === "header" ? value : encodeURIComponent(value).replaceAll("%2F", "/");
      return text + mark(place, name, only === undefined || only === parameter);
    };
    const at = (place: Parameter["in"]) => wanted.filter((parameter) => parameter.in === place);
    let { path } = this.#operation;
    for (const each of at("path")) path = path.replace(`{${each.name}}`, valueOf(each));
    const query = at("query").map((each) => `${each.name}=${valueOf(each)}`);
    const headers = Object.fromEntries(at("header").map((each) => [each.name, valueOf(each)]));
    const sent = body ?? (method === "POST" ? emptyObject : undefined);
    const text = sent && this.#body(sent, (name) => mark("body", name, only === undefined));
    return {
      operation,
      method,
      path: query.length > 0 ? `${path}?${query.join("&")}` : path,
      headers: sent ? { ...headers, "content-type": sent.type } : headers,
      ...(text === undefined ? {} : { body: text }),
      marks,
      needsKey: (operations as Record<string, Operation>)[operation]?.access !== "public",
      isRefused: this.#variant?.isRefused === true || operation in refusedAnyway,
    };
  }

  /** The value of a parameter; it may be another one beside the header that a target is for. */
  #valueWith(only: Parameter | undefined, parameter: Parameter): string {
    const own = only && this.#values[`${this.#operation.operationId}/${only.name}/${parameter.name}`];
    return typeof own === "string" ? own : (this.#samples.get(parameter) ?? "");
  }

  #body({ type, schema = {} }: Body, mark: (name: string) => string): string {
    if (type === formType) {
      const fields = this.#variant?.fields ?? (this.#sample("", schema) as object);
      const pairs = Object.entries(fields).map(([name, each]) => `${name}=${encodeURIComponent(String(each))}`);
      return pairs.map((pair) => pair + mark(pair.slice(0, pair.indexOf("=")))).join("&");
    }
    return type.includes("json") ? markedJson(this.#sample("", schema), "", mark) : "some bytes";
  }

  #sample(name: string, schema: Schema): unknown {
    const { operationId } = this.#operation;
    if (this.#variant && name !== "") return this.#variant.fields[name];
    const { value, isLeftOut } = sampleOf(operationId, name, this.#values);
    if (value !== undefined || isLeftOut) return value;
    const plain = this.#resolved(schema);
    if (plain.enum) return plain.enum[0];
    const choice = (plain.oneOf ?? plain.anyOf)?.find(({ type }) => type !== "null");
    if (choice) return this.#sample(name, choice);
    if (plain.items) return [this.#sample(name, plain.items)];
    if (plain.properties) {
      const fields = Object.entries(plain.properties).map(
        ([field, each]) => [field, this.#sample(field, each)] as const,
      );
      return Object.fromEntries(fields.filter(([, each]) => each !== undefined));
    }
    return this.#anyOf(plain, name);
  }

  /** Some value that a schema admits, the same one in every run. */
  #anyOf(schema: Schema, name: string): unknown {
    const making = { resolve: (each: Schema) => this.#resolved(each), extent: "full" } as const;
    const drawn = fc.sample(valuesOf(schema, making, name), { numRuns: 50, seed: 1 });
    const values = drawn.map((each) => (each instanceof Known ? each.otherwise : each));
    return values.find((each) => typeof each !== "string" || /^[\w.:@-]{3,}$/.test(each)) ?? values[0];
  }

  #resolved(schema: Schema): Schema {
    return schema.$ref === undefined ? schema : this.#resolved(referred(this.#document, schema.$ref) as Schema);
  }
}

/** What a POST without a body sends, so that a program does not put a content type of its own there. */
const emptyObject: Body = { type: "application/json", schema: { const: {}, enum: [{}] } };

/** JSON with a mark behind every text; behind a number or a truth value it would be no JSON. */
function markedJson(value: unknown, name: string, mark: (name: string) => string): string {
  if (Array.isArray(value)) return `[${value.map((each) => markedJson(each, name, mark)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(
      ([field, each]) => `${JSON.stringify(field)}:${markedJson(each, field, mark)}`,
    );
    return `{${fields.join(",")}}`;
  }
  if (typeof value === "string") return `"${JSON.stringify(value).slice(1, -1)}${mark(name)}"`;
  return JSON.stringify(value);
}
