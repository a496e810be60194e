// What no labelled prompt shows and is therefore set by hand: small talk needs no strong model, a proof needs the
// strongest, and tools, schemas, images and long conversations ask a little more than their text says. None of these
// sizes is fitted; they are in the unit of the raw score, whose spread over the labelled prompts is about 0.2.
import type { Hints, Reason } from "./analyser.ts";
import { hashWord } from "./hash.ts";
import { featureNames } from "./features.ts";
import { wordGroups } from "./lexicon.ts";
import type { Reading } from "./reading.ts";

/** Longest text that can be small talk, words. */
const smallTalkWords = 6;
/** Longest text whose words are looked up, characters. */
const smallTalkCharacters = 80;

const smallTalk = new Set(
  "hi hello hey hiya yo how are doing there everyone thanks thank you thx ty ok okay yes yeah yep no nope sure bye goodbye good morning afternoon evening night day please great cool nice perfect awesome welcome so much very lol haha hmm well done got it hola gracias adiós bonjour salut merci hallo danke ciao grazie olá obrigado obrigada привет спасибо 你 好 谢 ありがとう 안녕하세요 감사합니다 مرحبا شكرا नमस्ते"
    .split(" ")
    .map(hashWord),
);

/** Whether a text says nothing, or only greets, thanks or agrees. */
export function isSmallTalk({ excerpt: { text }, words, numbers, operators }: Reading): boolean {
  if (words === 0 && numbers === 0) return operators === 0;
  if (numbers > 0 || words > smallTalkWords || text.length > smallTalkCharacters) return false;
  return text
    .toLowerCase()
    .split(/[\s\p{P}\p{S}]+/u)
    .flatMap((word) => (/[\u3040-\u9fff]/.test(word) ? Array.from(word) : [word]))
    .every((word) => word === "" || smallTalk.has(hashWord(word)));
}

const proofPlace = featureNames.length - wordGroups.length + wordGroups.indexOf("proofs");

/** Words of proof, by measure of the text, from which a prompt counts as one that asks for a proof. */
const proofMeasure = 0.4;
/** Lifts a prompt that asks for a proof to the highest tenth. */
const proofRaise = 0.5;
/** Words and numbers below which a text is too short to ask for much; the documents' rule for nano. */
const briefTokens = 5;
/** What a brief text loses, and what it loses more for each word that it is shorter. */
const briefFall = { first: 0.1, each: 0.05 } as const;

/** What is set by hand for the text itself: more for a proof, less for a brief text. `features` as measured. */
export function textPriors(reading: Reading, features: Float64Array): Reason[] {
  const reasons: Reason[] = [];
  const asksForProof = reading.excerpt.options.length === 0 && (features[proofPlace] ?? 0) >= proofMeasure;
  if (asksForProof) reasons.push({ feature: "proof", contribution: proofRaise });
  const tokens = reading.words + reading.numbers;
  if (tokens < briefTokens && !asksForProof) {
    const contribution = -briefFall.first - briefFall.each * (briefTokens - 1 - tokens);
    reasons.push({ feature: "brevity", contribution });
  }
  return reasons;
}

/** What the hints add. */
export function hintBonus({ hasTools, hasSchema, images, turns }: Hints): number {
  return (
    (hasTools === true ? 0.04 : 0) +
    (hasSchema === true ? 0.02 : 0) +
    (images !== undefined && images > 0 ? 0.04 : 0) +
    (turns !== undefined && turns > 1 ? Math.min(0.04, 0.01 * Math.log2(turns)) : 0)
  );
}
