// What a security check is. Its promises:
//
// 1. Before it looks at Charter it looks at servers that are weak on purpose, and it must find what is wrong with them.
// 2. It says what it has tried, in numbers, so that a check that reached nothing cannot pass for one that found nothing.
// 3. Whatever it finds in Charter fails the run, unless it stands on the list of accepted findings with a reason.
import type { House } from "./house.ts";
import type { WeakServers } from "./vulnerable.ts";

/** Something that should not be so. */
export interface Finding {
  /** What is found, in one word that the list of accepted findings can name. */
  readonly id: string;
  /** Operation, parameter, path or protocol. */
  readonly where: string;
  readonly what: string;
}

/** What one look found. */
export interface Look {
  /** What was tried, in one phrase with numbers. */
  readonly tried: string;
  readonly findings: readonly Finding[];
}

/** One way of attacking, with one program of the distribution. */
export interface Check {
  readonly name: string;
  /** The programs that it runs. */
  readonly programs: readonly string[];
  readonly question: string;
  /** Attacks the weak servers. `missed` says what it should have found there and did not. */
  prove(weak: WeakServers, bench: Bench): Promise<{ readonly found: string; readonly missed: readonly string[] }>;
  /** Attacks Charter. */
  look(house: House, bench: Bench): Promise<Look>;
}

/** What a check has to work with. */
export interface Bench {
  /** A folder for its files; it goes away after the run. */
  readonly folder: string;
  /** Says what is going on. */
  say(line: string): void;
}
