// Settings that hold a list of words separated by commas: how the list is read, and what each word must be. A word that
// means nothing is refused at the start, because a list that is silently shorter than it looks protects no one.
import { isIP } from "node:net";

/** Most words in one list; more is a sign that something else than a list is meant. */
const maxWords = 100;

/** The words of a list, without the blanks around them; empty words are passed over. */
export function wordsOf(list: string): readonly string[] {
  return list
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** What is wrong with a list of origins, if anything. */
export function originsProblem(list: string): string | undefined {
  return problemOf(list, (word) => {
    if (word === "*") return "must name each origin: `*` would let every site of the web read answers";
    const url = URL.parse(word);
    const exact = url !== null && /^https?:$/.test(url.protocol) && url.origin === word;
    return exact ? undefined : `must hold origins such as https://console.example.com, not ${JSON.stringify(word)}`;
  });
}

/** What is wrong with a list of addresses and networks, if anything. */
export function networksProblem(list: string): string | undefined {
  return problemOf(list, (word) => {
    const [address = "", bits, ...rest] = word.split("/");
    const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
    const isNetwork = rest.length === 0 && most > 0 && !address.includes("%");
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
    if (!isNetwork || !fits) {
      return `must hold addresses and networks such as 10.0.0.5 or 10.1.0.0/16, not ${JSON.stringify(word)}`;
    }
    return bits !== undefined && Number(bits) === 0
      ? `must name the proxies: ${word} would let every client choose its own address`
      : undefined;
  });
}

/** What is wrong with a list of host names, if anything. */
export function hostsProblem(list: string): string | undefined {
  return problemOf(list, (word) =>
    /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\])$/.test(word)
      ? undefined
      : `must hold lower-case host names without ports, such as charter.example.com, not ${JSON.stringify(word)}`,
  );
}

function problemOf(list: string, ofWord: (word: string) => string | undefined): string | undefined {
  const words = wordsOf(list);
  if (words.length > maxWords) return `must hold at most ${maxWords} words`;
  for (const word of words) {
    const problem = ofWord(word);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
