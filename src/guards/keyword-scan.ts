// Finds every occurrence of many words in one pass, so that rules are tried only where their word stands.
// The automaton is that of Aho and Corasick, "Efficient string matching" (1975), with all transitions filled in: each
// character of the text costs one table look-up, whatever the words are.

/** Finds words in texts. Letters match in either case; words are ASCII. */
export interface KeywordScan {
  /** Where words end: pairs of a word's index and the position behind it, in the order of the positions. */
  readonly hits: (text: string) => readonly number[];
  /** The same stretch by stretch. */
  readonly search: (text: string) => KeywordSearch;
  /** Whether a text is ASCII and holds no word; quicker than the above for a short one. */
  readonly isPlain: (text: string) => boolean;
  /** How many characters at the end of the text begin a word. */
  readonly begun: (text: string) => number;
}

/** A look for words that is under way. */
export interface KeywordSearch {
  /** The words that end between where the last look ended and `end`. */
  readonly upTo: (end: number) => readonly number[];
}

/** Longest keyword; a longer one cannot have begun before the tail that is looked at. */
const longestWord = 64;
/** A row of the table is a power of two long, so that a row and a class are joined without adding. */
const rowBits = 6;
const noHits: readonly number[] = [];

/** Longest text that is read as it is; a longer one is copied first, since bytes are read faster. */
const longestAsItIs = 48;
/** One byte per UTF-16 unit. Units beyond Latin-1 lose their upper half; a word that so seems to stand somewhere is not found
 *  there by the rule that looks. */
const copied = Buffer.allocUnsafeSlow(4096);

/** Builds the automaton; done once per list of words. Characters of `skipped` are read over wherever they stand in a word. */
export function keywordScan(words: readonly string[], skipped = ""): KeywordScan {
  const { next, classOf, found, depth, firstFinal } = automatonOf(words, skipped);

  /** Reads on from a state; `out` takes what is found. */
  function read(text: string, from: number, to: number, start: number, out: Found): number {
    let state = start;
    if (to - from <= longestAsItIs) {
      for (let i = from; i < to; i++) {
        state = next[state | (classOf[text.charCodeAt(i) & 255] as number)] as number;
        if (state >= firstFinal) note(out, state, i + 1);
      }
      return state;
    }
    for (let base = from; base < to; base += copied.length) {
      const end = Math.min(to, base + copied.length);
      copied.write(base === 0 && end === text.length ? text : text.slice(base, end), "latin1");
      const length = end - base;
      for (let i = 0; i < length; i++) {
        state = next[state | (classOf[copied[i] as number] as number)] as number;
        if (state >= firstFinal) note(out, state, base + i + 1);
      }
    }
    return state;
  }

  function note(out: Found, state: number, end: number): void {
    const hits = (out.hits ??= []);
    for (const word of found[state >> rowBits] ?? noHits) hits.push(word, end);
  }

  return {
    hits(text) {
      const out: Found = { hits: undefined };
      read(text, 0, text.length, 0, out);
      return out.hits ?? noHits;
    },
    search(text) {
      let at = 0;
      let state = 0;
      return {
        upTo(end) {
          const out: Found = { hits: undefined };
          state = read(text, at, end, state, out);
          at = end;
          return out.hits ?? noHits;
        },
      };
    },
    isPlain(text) {
      let state = 0;
      let seen = 0;
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        seen |= code;
        state = next[state | (classOf[code & 255] as number)] as number;
        if (state >= firstFinal) return false;
      }
      return seen < 128;
    },
    begun(text) {
      let state = 0;
      for (let i = Math.max(0, text.length - longestWord); i < text.length; i++) {
        state = next[state | (classOf[text.charCodeAt(i) & 255] as number)] as number;
      }
      return depth[state >> rowBits] ?? 0;
    },
  };
}

/** What a look has found so far; most texts hold nothing. */
interface Found {
  hits: number[] | undefined;
}

/** A state while the automaton is built. */
interface Node {
  readonly depth: number;
  readonly over: Map<number, Node>;
  readonly words: number[];
  fallback: Node | undefined;
  number: number;
}

function automatonOf(words: readonly string[], skipped: string) {
  const classOf = classesOf(words, skipped);
  const nodes = trieOf(words, classOf);
  linkFallbacks(nodes);
  // States that end a word get the highest numbers: one comparison tells them.
  const plain = nodes.filter(({ words }) => words.length === 0);
  const ordered = [...plain, ...nodes.filter(({ words }) => words.length > 0)];
  for (const [number, node] of ordered.entries()) node.number = number;
  // A state is known by where its row begins, so that a step is one look-up and nothing else.
  const next = new Int32Array(ordered.length << rowBits);
  // Breadth first, so that the row one falls back to is complete before it is copied.
  for (const node of nodes) {
    const row = node.number << rowBits;
    if (node.fallback !== undefined) {
      const back = node.fallback.number << rowBits;
      next.copyWithin(row, back, back + (1 << rowBits));
    }
    for (const [over, target] of node.over) next[row | over] = target.number << rowBits;
    for (const character of skipped) next[row | (classOf[character.charCodeAt(0)] as number)] = skippedFrom(node);
  }
  return {
    next,
    classOf,
    found: ordered.map(({ words }) => words),
    depth: ordered.map(({ depth }) => depth),
    firstFinal: plain.length << rowBits,
  };
}

/** Where a character that is read over leads: back to the same state, but for one that has just found a word. */
function skippedFrom({ number, words, fallback }: Node): number {
  return (words.length > 0 ? (fallback?.number ?? 0) : number) << rowBits;
}

/** Characters that no word holds share the class 0. */
function classesOf(words: readonly string[], skipped: string): Uint8Array {
  const classOf = new Uint8Array(256);
  let classes = 1;
  for (const character of new Set(words.join("").toLowerCase() + skipped)) {
    const code = character.charCodeAt(0);
    if (code > 127 || classes >> rowBits > 0)
      throw new Error("keywords hold too many characters, or some beyond ASCII");
    classOf[code] = classes;
    classOf[character.toUpperCase().charCodeAt(0)] = classes;
    classes++;
  }
  return classOf;
}

/** The tree of all prefixes, breadth first; its root comes first. */
function trieOf(words: readonly string[], classOf: Uint8Array): readonly Node[] {
  const node = (depth: number): Node => ({ depth, over: new Map(), words: [], fallback: undefined, number: 0 });
  const root = node(0);
  for (const [index, word] of words.entries()) {
    if (word.length === 0 || word.length > longestWord) throw new Error("a keyword is empty or too long");
    let at = root;
    for (const character of word.toLowerCase()) {
      const over = classOf[character.charCodeAt(0)] ?? 0;
      const target = at.over.get(over) ?? node(at.depth + 1);
      at.over.set(over, target);
      at = target;
    }
    at.words.push(index);
  }
  const nodes = [root];
  // The list grows while it is walked.
  for (const each of nodes) nodes.push(...each.over.values());
  return nodes;
}

/** Gives each state the longest proper suffix that is a state too, and the words that end with it. */
function linkFallbacks(nodes: readonly Node[]): void {
  const [root] = nodes;
  for (const node of nodes) {
    for (const [over, target] of node.over) {
      let back = node.fallback;
      while (back !== undefined && !back.over.has(over)) back = back.fallback;
      target.fallback = back?.over.get(over) ?? root;
      target.words.push(...(target.fallback?.words ?? noHits));
    }
  }
}
