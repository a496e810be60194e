// `charter products` and `charter types`: what there is to write into, as far as the caller may see it.
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { sizeText } from "../quantity.ts";
import { fieldList, fieldNumber, fieldText } from "../record.ts";
import { exitCodes } from "../syntax.ts";
import { table } from "../table.ts";

/** `charter products` */
export const products: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [{ line: "products", does: "shows each product with its quota and how much of it is used" }],
  run: async ({ io, json, client }) => {
    const answer = await client.json("GET", "/v1/products");
    if (json) {
      printJson(io, answer);
      return exitCodes.ok;
    }
    const size = (product: unknown, name: string): string => sizeText(fieldNumber(product, name) ?? 0);
    const rows = fieldList(answer, "products").map((product) => [
      printable(fieldText(product, "product") ?? "?"),
      fieldText(product, "state") ?? "",
      fieldText(product, "artifacts") ?? "",
      size(product, "used_bytes"),
      size(product, "quota_bytes"),
      `${(fieldNumber(product, "usage_percent") ?? 0).toFixed(1)} %`,
    ]);
    print(io, ...table(["product", "state", "artifacts", "used", "quota", "full"], rows, [2, 3, 4, 5]));
    return exitCodes.ok;
  },
};

/** `charter types` */
export const types: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [{ name: "product", short: "p", value: "PRODUCT", summary: "only this product's" }],
  examples: [{ line: "types --product AI_ASSISTANT", does: "shows the artifact types that the product may store" }],
  run: async ({ io, options, json, client }) => {
    const wanted = options.text("product");
    const all = fieldList(await client.json("GET", "/v1/products"), "products");
    const shown = all.filter((product) => wanted === undefined || fieldText(product, "product") === wanted);
    const pairs = shown.flatMap((product) =>
      fieldList(product, "artifact_types").map((type) => ({
        artifact_type: String(type),
        product: fieldText(product, "product") ?? "?",
      })),
    );
    if (json) printJson(io, { types: pairs });
    else
      print(
        io,
        ...table(
          ["type", "product"],
          pairs.map(({ artifact_type, product }) => [artifact_type, product]).map((row) => row.map(printable)),
        ),
      );
    return exitCodes.ok;
  },
};
