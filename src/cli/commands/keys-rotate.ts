// `charter keys rotate`: another key signs access tokens from now on.
import type { CommandBody } from "../command.ts";
import { print, printable, printJson } from "../io.ts";
import { receiptText } from "../receipt.ts";
import { fieldText } from "../record.ts";
import { exitCodes } from "../syntax.ts";

/** `charter keys rotate` */
export const keysRotate: CommandBody = {
  usage: "",
  arity: [0, 0],
  options: [],
  examples: [{ line: "keys rotate", does: "makes a new signing key and publishes it next to the old one" }],
  run: async ({ io, json, client }) => {
    const rotated = await client.json("POST", "/v1/signing-keys/rotate");
    if (json) printJson(io, rotated);
    else print(io, `tokens are signed with ${printable(fieldText(rotated, "kid") ?? "")} (${receiptText(rotated)})`);
    return exitCodes.ok;
  },
};
