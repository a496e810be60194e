// Small groups of words whose number in a text says something about the task: what is asked, in which subject, how it
// is constrained. Written by hand; what each is worth is fitted.
import { hashWord } from "./hash.ts";

const words = {
  what: "what",
  which: "which",
  who: "who whom whose",
  when: "when",
  where: "where",
  why: "why",
  how: "how",
  commands:
    "write find compute calculate determine prove show explain evaluate solve simplify implement design derive list describe summarize summarise translate compare analyze analyse discuss create generate identify express convert estimate rewrite draft",
  proofs: "prove proof proofs disprove theorem lemma conjecture corollary rigorous rigorously",
  code: "def function return python string list array tuple tuples int class import code program javascript typescript rust sql java integers dictionary lambda elements algorithm boolean bug compile api",
  conditions: "if then suppose assume given unless let when whenever otherwise",
  negations:
    "not no never except least false incorrect untrue without cannot neither nor unlikely isn't doesn't don't wouldn't can't",
  relations: "more less fewer than times twice as double triple older younger taller longer greater each every per",
  fractions: "half third quarter fourth fifth percent percentage ratio average fraction remaining rest discount",
  numerals:
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million dozen",
  totals: "total altogether together sum difference left many much all combined",
  money: "cost costs price pay paid spend spent earn earns buy buys bought sell sells sold money dollars cents",
  time: "day days week weeks hour hours minute minutes month months year years old age second seconds monday tuesday wednesday thursday friday saturday sunday",
  people: "he she his her him they their them hers",
  self: "i my me we our us",
  you: "you your",
  plain:
    "the of a an in to and is are was were be been that for on with as by at from this it its or has have had which what who how if but do does did can will would one may than into about there",
  mathematics:
    "integer integers polynomial equation equations triangle circle probability prime matrix vector function graph angle area perimeter volume square root remainder divisor digits digit solve value real complex positive negative ring group field subgroup isomorphic continuous derivative integral x y z n f sqrt frac cdot",
  physics:
    "velocity force mass energy electron photon magnetic electric charge quantum wave wavelength frequency current voltage circuit particle momentum acceleration star planet telescope gravity temperature heat pressure relativistic",
  chemistry:
    "molecule reaction compound acid base ion ions bond solution mol molar oxidation atom atoms hydrogen carbon oxygen product reagent ph nmr isomer mixture gas",
  biology:
    "cell cells protein proteins gene genes dna rna species organism organisms plants animal animals plant bacteria virus enzyme evolution population membrane muscle nerve blood",
  medicine:
    "patient year-old disease symptoms treatment diagnosis pain clinical infection drug syndrome therapy hospital physician woman man",
  law: "law court plaintiff defendant statute contract liability jury constitutional tort evidence trial crime sued attorney murder",
  economics:
    "price demand supply market firm inflation interest rate cost gdp tax consumer monopoly income investment bond asset assets stock",
  history:
    "war century empire king treaty revolution president british french german american army government colonial passage political",
  philosophy:
    "moral argument philosophy ethics ethical according belief virtue kant truth logic statement premise conclusion fallacy",
  statements: "statement statements following true correct best describes likely most option options",
  trivia:
    "name named film movie song album actor singer author novel country city capital played won wrote known famous famously born team band series episode season",
} as const;

/** The name of a group of words. */
export type WordGroup = keyof typeof words;

/** The groups, in the order of their counts. */
export const wordGroups = Object.keys(words) as WordGroup[];

const groupsByHash: ReadonlyMap<number, readonly number[]> = index();

function index(): Map<number, number[]> {
  const byHash = new Map<number, number[]>();
  for (const [group, name] of wordGroups.entries()) {
    for (const word of words[name].split(" ")) {
      const hash = hashWord(word);
      const found = byHash.get(hash);
      if (found === undefined) byHash.set(hash, [group]);
      else if (!found.includes(group)) found.push(group);
    }
  }
  return byHash;
}

/** The places in `wordGroups` of the groups that hold a word, by its hash. */
export function groupsOf(hash: number): readonly number[] | undefined {
  return groupsByHash.get(hash);
}
