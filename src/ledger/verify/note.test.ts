import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noteKey, signedNote } from "../../../test/support/ledger/naive-log.ts";
import { FormError, openCheckpoint, parseVerifierKey } from "./note.ts";

const origin = "charter.test/log";
const key = parseVerifierKey(noteKey(origin).verifierKey);
const root = Buffer.alloc(32, 7).toString("base64");
const text = `${origin}\n12\n${root}\n`;
const open = (note: string) => openCheckpoint(Buffer.from(note), key);

describe("a verifier key", () => {
  it("is read as the specification's own example spells it", () => {
    const example = parseVerifierKey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    expect(example.name).toBe("example.com/foo");
  });

  it.each([
    ["an id of another key", noteKey(origin).verifierKey.replace(/\+[0-9a-f]{8}\+/, "+00000000+")],
    ["another key type", "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ["no name", noteKey(origin).verifierKey.slice(origin.length)],
    ["nothing", ""],
  ])("is refused with %s", (_name, vkey) => {
    expect(() => parseVerifierKey(vkey)).toThrow(FormError);
  });
});

describe("a checkpoint", () => {
  it("is read from a note that the key signed", () => {
    expect(open(signedNote(text, origin))).toEqual({ origin, size: 12, root: Buffer.alloc(32, 7) });
    expect(open(signedNote(`${text}extension\n`, origin)).size).toBe(12);
  });

  it("ignores signatures of unknown keys but not a wrong one of its own", () => {
    const good = signedNote(text, origin);
    const stranger = signedNote(text, "witness.test/w", 9).split("\n\n")[1] ?? "";
    expect(open(`${good}${stranger}`).size).toBe(12);
    const wrong = signedNote(`${origin}\n13\n${root}\n`, origin).split("\n\n")[1] ?? "";
    expect(() => open(`${good}${wrong}`)).toThrow(/signature is wrong/);
    expect(() => open(`${text}\n${stranger}`)).toThrow(/no signature of the given key/);
  });

  it.each([
    ["a size with a leading zero", `${origin}\n012\n${root}\n`],
    ["a size beyond 2^53-1", `${origin}\n9007199254740993\n${root}\n`],
    ["a negative size", `${origin}\n-1\n${root}\n`],
    ["a short root", `${origin}\n12\nAAAA\n`],
    ["base64 with stray bits", `${origin}\n12\n${root.slice(0, -2)}d=\n`],
    ["another origin", `other.test/log\n12\n${root}\n`],
    ["an empty line", `${origin}\n12\n${root}\n\nx\n`],
    ["two lines", `${origin}\n12\n`],
  ])("is refused with %s, even when signed", (_name, body) => {
    expect(() => open(signedNote(body, origin))).toThrow(FormError);
  });

  it("is refused after any change of one bit", () => {
    const note = Buffer.from(signedNote(text, origin));
    fc.assert(
      fc.property(fc.nat(note.length * 8 - 1), (bit) => {
        const changed = Buffer.from(note);
        changed[Math.floor(bit / 8)]! ^= 1 << (bit % 8);
        expect(() => openCheckpoint(changed, key)).toThrow(FormError);
      }),
      { numRuns: 500 },
    );
  });
});
