// Looks at what only a list or record as a whole shows: tokens that are cut over its texts, and what a key says of its value.
import type { DecodingRoom } from "./disguise/room.ts";
import { redactionMarker } from "./guard.ts";
import type { Match } from "./guard.ts";
import { mayBeCutIn, seamEdits, seamSteps } from "./seams.ts";
import type { SeamEdits } from "./seams.ts";
import { secretsGuard } from "./secrets.ts";
import type { Steps, TimeSlice } from "./stretch.ts";
import type { TextWalk } from "./text-walk.ts";

/** Longest value that a name is asked about. */
const longestValue = 1024;

/** Looks at the list or record that a walk has come to; `note` notes what is found and says whether it is to be redacted. */
export function lookAtWhole(
  walk: TextWalk,
  value: object,
  keys: readonly string[] | undefined,
  room: DecodingRoom,
  note: (matches: readonly Match[]) => boolean,
): void {
  if (keys === undefined) {
    const edits = seamEdits(value as readonly unknown[], room);
    if (edits === undefined || !note(edits.matches)) return;
    for (const [index, text] of edits.texts) walk.putAt(index, text);
    return;
  }
  const record = value as Readonly<Record<string, unknown>>;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    const item = record[key];
    const named = typeof item === "string" ? namedSecret(key, item) : undefined;
    if (named !== undefined && note([named.match])) walk.putAt(key, named.text);
  }
  if (mayBeCutIn(record, keys)) lookBetweenFields(walk, record, keys, room, note);
}

/** More texts of one list or record are looked at in turns with everything else. */
export const mostAtOnce = 64;

/** The same for a list or record of many. */
export function* lookAtLargeWhole(
  walk: TextWalk,
  room: DecodingRoom,
  stretch: TimeSlice,
  note: (matches: readonly Match[]) => boolean,
): Steps<void> {
  const { value, keys } = walk.whole;
  if (keys === undefined) {
    const edits = yield* seamSteps(value as readonly unknown[], room, stretch);
    if (edits === undefined || !note(edits.matches)) return;
    for (const [index, text] of edits.texts) walk.putAt(index, text);
    return;
  }
  const record = value as Readonly<Record<string, unknown>>;
  const texts: unknown[] = [];
  const values: unknown[] = [];
  for (const key of keys) {
    const item = record[key];
    const named = typeof item === "string" ? namedSecret(key, item) : undefined;
    if (named !== undefined && note([named.match])) walk.putAt(key, named.text);
    texts.push(key, item);
    values.push(item);
    if (stretch.isOver(nameWork)) yield;
  }
  const all = yield* seamSteps(texts, room, stretch);
  if (all !== undefined && note(all.matches)) {
    putFields(walk, keys, all);
    return;
  }
  const between = yield* seamSteps(values, room, stretch);
  if (between === undefined || !note(between.matches)) return;
  for (const [index, text] of between.texts) walk.putAt(keys[index] as string, text);
}

/** What asking about a name counts for, in characters looked at. */
const nameWork = 64;

function putFields(walk: TextWalk, keys: readonly string[], { texts }: SeamEdits): void {
  for (const [index, text] of texts) {
    const key = keys[index >> 1] as string;
    if (index % 2 === 0) walk.putName(key, text);
    else walk.putAt(key, text);
  }
}

function lookBetweenFields(
  walk: TextWalk,
  record: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  room: DecodingRoom,
  note: (matches: readonly Match[]) => boolean,
): void {
  const all = seamEdits(
    keys.flatMap((key) => [key, record[key]]),
    room,
  );
  if (all !== undefined && note(all.matches)) {
    putFields(walk, keys, all);
    return;
  }
  const values =
    keys.length > 1
      ? seamEdits(
          keys.map((key) => record[key]),
          room,
        )
      : undefined;
  if (values === undefined || !note(values.matches)) return;
  for (const [index, text] of values.texts) walk.putAt(keys[index] as string, text);
}

/** Whether a name says that its value is secret. */
function isTellingName(name: string): boolean {
  return name.length >= 3 && name.length <= 64 && telling.test(name);
}

const telling = /key|secret|token|credential|password|passwd|pwd|passphrase/i;

/** What stands in place of a value behind a name that says it is secret; undefined when it does not look so. */
function namedSecret(name: string, value: string): { readonly text: string; readonly match: Match } | undefined {
  if (value.length > longestValue || !isTellingName(name)) return undefined;
  const lead = `${name}="`;
  const match = secretsGuard
    .scan(`${lead}${value}"`)
    .find(({ start, end }) => start >= lead.length && end <= lead.length + value.length);
  if (match === undefined) return undefined;
  const start = match.start - lead.length;
  const end = match.end - lead.length;
  return {
    text: value.slice(0, start) + redactionMarker(match.rule) + value.slice(end),
    match: { ...match, start, end },
  };
}
