import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkpointText,
  isKeyName,
  noteVerifier,
  openNote,
  parseCheckpoint,
  parseVerifierKey,
  signNote,
} from "./note.ts";

// The example of c2sp.org/signed-note.
const exampleKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const exampleNote = `This is an example message.

\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;

const pair = generateKeyPairSync("ed25519");
const verifier = noteVerifier("test.example/log", pair.publicKey);
const head = { origin: "test.example/log", size: 70_000, root: Buffer.alloc(32, 7) };

describe("signed notes", () => {
  it("agree with the example of the specification", () => {
    const key = parseVerifierKey(exampleKey);
    expect(key?.text).toBe(exampleKey);
    expect(openNote(exampleNote, key!)).toBe("This is an example message.\n");
    expect(openNote(exampleNote.replace("an example", "an Example"), key!)).toBeUndefined();
  });

  it("open with the key that signed them, also among signatures of other keys", () => {
    const note = signNote(checkpointText(head), verifier, pair.privateKey);
    expect(openNote(note, verifier)).toBe(checkpointText(head));
    expect(openNote(`${note}\u2014 witness.example AAAA\n`, verifier)).toBe(checkpointText(head));
    const stranger = noteVerifier("test.example/log", generateKeyPairSync("ed25519").publicKey);
    expect(openNote(note, stranger)).toBeUndefined();
  });

  it("do not open when any byte has changed", () => {
    const note = Buffer.from(signNote(checkpointText(head), verifier, pair.privateKey));
    fc.assert(
      fc.property(fc.nat(note.length - 1), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const changed = Buffer.from(note);
        changed[at] = changed[at]! ^ (1 << bit);
        expect(openNote(changed.toString(), verifier)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it("refuse verifier keys with another name, id or type", () => {
    expect(parseVerifierKey(exampleKey.replace("foo", "bar"))).toBeUndefined();
    expect(parseVerifierKey(exampleKey.replace("530d903a", "530d903b"))).toBeUndefined();
    expect(parseVerifierKey(exampleKey.replace("+Ae", "+Be"))).toBeUndefined();
    expect(parseVerifierKey("")).toBeUndefined();
  });
});

describe("checkpoints", () => {
  it("are read back as they were written", () => {
    expect(parseCheckpoint(checkpointText(head))).toEqual(head);
    expect(parseCheckpoint(checkpointText({ ...head, size: 0 }))?.size).toBe(0);
  });

  it("are refused in any other spelling", () => {
    const text = checkpointText(head);
    for (const other of [
      text.replace("70000", "070000"),
      text.replace("70000", "7e4"),
      `${text}more\n`,
      text.slice(0, -1),
    ]) {
      expect(parseCheckpoint(other), other).toBeUndefined();
    }
  });
});

describe("key names", () => {
  it("hold no white space, plus or control character", () => {
    expect(isKeyName("example.com/log42")).toBe(true);
    for (const name of ["", "a b", "a+b", "a\nb", "a\u00a0b"]) expect(isKeyName(name), name).toBe(false);
  });
});
