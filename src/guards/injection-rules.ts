// Phrases and structures by which text tries to give orders to a model that reads it, each with how much it says.
// The weights are judgements, not measurements; what they come to is measured on the labelled cases.
import { undecidedLine } from "./anchored-rules.ts";
import type { AnchoredRule } from "./anchored-rules.ts";
import type { GuardSeverity } from "./guard.ts";

/** A signal: a rule and its weight. */
export interface SignalRule extends AnchoredRule {
  /** Between 0 and 1. */
  readonly weight: number;
  /** Whether it counts less between quotation marks, where people quote attacks rather than make them. */
  readonly phrase: boolean;
}

/** Characters that a phrase may take. */
const phraseWindow = 240;

function severityOf(weight: number): GuardSeverity {
  return weight >= 0.8 ? "HIGH" : weight >= 0.5 ? "MEDIUM" : "LOW";
}

function signal(
  id: string,
  weight: number,
  keywords: string,
  form: RegExp,
  detail: string,
  phrase: boolean,
): SignalRule {
  return {
    id,
    weight,
    phrase,
    keywords: keywords.split("|"),
    pattern: new RegExp(form.source, "iy"),
    window: phraseWindow,
    undecided: undecidedLine,
    severity: severityOf(weight),
    detail,
    standsFree: phrase,
  };
}

const phraseRule = (id: string, weight: number, keywords: string, form: RegExp, detail: string): SignalRule =>
  signal(id, weight, keywords, form, detail, true);
const built = (id: string, weight: number, keywords: string, form: RegExp, detail: string): SignalRule =>
  signal(id, weight, keywords, form, detail, false);

/** Up to five words of filling. */
const fill = String.raw`(?:[\w',’-]{1,16}[ \t\r\n]{1,3}){0,5}`;
const space = String.raw`[ \t\r\n]{1,3}`;
const from = (...parts: readonly string[]): RegExp => new RegExp(parts.join(""));

const override = "asks to set earlier instructions aside";
const phrases: readonly SignalRule[] = [
  phraseRule(
    "override-instructions",
    0.7,
    "ignore|disregard|forget|override|bypass|neglect|discard",
    from(
      "(?:ignore|disregard|forget|override|bypass|neglect|discard)",
      space,
      fill,
      "(?:previous|prior|above|earlier|preceding|existing|original|initial|system|safety|content|your|all|any)",
      space,
      fill,
      "(?:instructions?|rules?|prompts?|guidelines?|directives?|directions|commands|restrictions|constraints|safeguards|policies|programming|training)",
    ),
    override,
  ),
  phraseRule(
    "override-everything",
    0.6,
    "ignore|disregard|forget",
    /(?:ignore|disregard|forget)\s{1,3}(?:everything|anything|all|whatever)\s{1,3}(?:(?:that|which)\s{1,3})?(?:you\s{1,3}(?:were|have been|are|know|learned)|above|before|said before|i said|we (?:said|discussed)|prior|up to (?:now|this))/,
    override,
  ),
  phraseRule(
    "override-other-languages",
    0.7,
    "ignorier|vergiss|ignora|olvida|ignorez|oubliez|ignore|dimentica|esque",
    from(
      "(?:ignoriere?|vergiss|ignora|olvida|ignorez?|oubliez?|dimentica|esque[cç]a)",
      space,
      fill,
      "(?:anweisungen|vorgaben|regeln|instrucciones|reglas|instructions pr[eé]c[eé]dentes|consignes|istruzioni|regole|instru[cç][oõ]es|regras)",
    ),
    override,
  ),
  phraseRule(
    "persona-unrestricted",
    0.6,
    "you are now|act as|pretend|roleplay|role-play|from now on|you will be",
    from(
      "(?:you are now|act as|pretend(?: to be| that you| you)?|role-?play(?: as)?|from now on,?(?: you)?|you will be)",
      space,
      "(?:[\\w',’-]{1,16}[ ,]{1,2}){0,8}",
      "(?:dan\\b|do anything now|unrestricted|unfiltered|uncensored|jailbroken|no (?:restrictions|rules|limits|filters|guidelines|ethics)|without (?:any )?(?:restrictions|rules|limits|filters|guidelines|ethics)|evil (?:ai|assistant|twin)|amoral)",
    ),
    "asks for a persona without rules",
  ),
  phraseRule(
    "mode-switch",
    0.55,
    "developer mode|god mode|jailbreak mode|dan mode|sudo mode",
    /(?:developer|god|jailbreak|dan|sudo) mode[ :,]{1,2}(?:is )?(?:now )?(?:enabled|activated|active|on|unlocked|engaged)\b/,
    "claims that a mode without rules is on",
  ),
  phraseRule(
    "prompt-extraction",
    0.6,
    "reveal|print|show|repeat|output|display|tell me|give me|leak|recite|dump|what is your|what are your|what were your",
    from(
      "(?:reveal|print|show|repeat|output|display|tell me|give me|leak|recite|dump|what (?:is|are|were))",
      space,
      fill,
      "(?:your|the|these)",
      space,
      "(?:full |exact |entire |original |complete |secret )?",
      "(?:system prompt|system message|initial (?:prompt|instructions)|hidden (?:prompt|instructions|rules)|original instructions|developer (?:message|prompt|instructions)|secret instructions|prompt above|instructions above)",
    ),
    "asks for the instructions that the model was given",
  ),
  phraseRule(
    "secrecy",
    0.55,
    "do not|don|never|without",
    from(
      "(?:(?:do not|don['’]t|never)",
      space,
      "(?:tell|mention|inform|alert|notify|warn|reveal|disclose|show|let)",
      space,
      fill,
      "(?:user|human|person|anyone|operator|owner)\\b|without",
      space,
      "(?:telling|informing|alerting|notifying|warning)",
      space,
      "(?:the )?(?:user|human|operator|owner)\\b)",
    ),
    "asks to keep something from the user",
  ),
  phraseRule(
    "new-orders",
    0.55,
    "new instructions|your new task|your new goal|your real task|your actual task|updated instructions|new system prompt|new directive",
    /(?:new instructions?|your (?:new|real|actual) (?:task|goal|purpose|instructions?)|updated instructions?|new system prompt|new directives?)(?:\s{0,2}:|\s{1,3}(?:is|are|follow|to)\b)/,
    "brings instructions of its own",
  ),
  phraseRule(
    "addresses-the-model",
    0.55,
    "attention|note to|important|instructions for|message to|instruction to|hey|dear|if you are",
    from(
      "(?:attention|note to|important(?: message| instructions?| notice)?(?: for| to)?|instructions? (?:for|to)|message to|hey|dear|if you are)[ :,!]{1,3}",
      "(?:all |any |the |every |an |a )?(?:ai|llms?|language models?|gpt|chatgpt|claude|gemini|(?:ai )?(?:assistants?|agents?|models?)|automated (?:systems?|readers?|reviewers?))",
      "[ \\w,'’-]{0,40}[:,.!]?\\s{0,3}(?:(?:you )?(?:must|should|need to|have to|are (?:required|instructed|ordered))|please|ignore|immediately|stop|do not|rate|recommend|approve|send|forward|execute|run)\\b",
    ),
    "speaks to the model that reads it",
  ),
  phraseRule(
    "send-elsewhere",
    0.6,
    "send|post|forward|upload|exfiltrate|transmit|email|append",
    from(
      "(?:send|post|forward|upload|exfiltrate|transmit|email|append)",
      space,
      fill,
      "(?:conversation|chat history|messages?|passwords?|credentials?|api keys?|secrets?|tokens?|system prompt|environment variables|private keys?|contacts|inbox|history)",
      space,
      fill,
      "(?:https?://|[\\w.+-]{1,40}@)",
    ),
    "asks to send what the model knows elsewhere",
  ),
];

const structures: readonly SignalRule[] = [
  built(
    "role-marker",
    0.75,
    "<|im_start|>|<|system|>|<|start_header_id|>|<<sys>>|<|im_end|>|<start_of_turn>|[/inst]|<|endoftext|>",
    /(?:<\|(?:im_start|im_end|system|start_header_id|endoftext)\|>|<<SYS>>|<start_of_turn>|\[\/INST\])/,
    "holds the marks that set turns apart",
  ),
  built(
    "role-heading",
    0.55,
    "\nsystem:|\n### system|\n[system]|\n# system|</system>|\nhuman:|\nassistant:|end of document|end of user input|\n<system>",
    /(?:\n(?:system|human|assistant):[ \t]{0,3}(?=(?:you|ignore|i |sure|from|new|the|please|disregard|override|grant)\b)|\n#{1,4} system(?: prompt| message| instructions?| override)?:?[ \t]{0,3}\n|\n\[system\]|\n<system>|<\/system>[ \t\r\n]{0,4}[\w<]|end of (?:document|user input)[ \t=.\]-]{0,8}\s{1,4}(?:system|new|now|assistant|instructions?)\b)/,
    "pretends to be another turn",
  ),
  built(
    "tool-call",
    0.6,
    '<tool_call>|<function_calls>|<invoke name=|<function=|"tool_calls"|<|tool_call|functions.|to=functions',
    /(?:<tool_call>\s{0,4}\{|<function_calls>\s{0,4}<|<invoke name=|<function=\w|"tool_calls"\s{0,4}:\s{0,4}\[\s{0,4}\{|<\|tool_calls?(?:_begin)?\|>|to=functions\.\w)/,
    "holds a call of a tool in the form that models write",
  ),
  built(
    "markdown-exfiltration",
    0.65,
    "![|<img ",
    /(?:!\[[^\]\n]{0,80}\]\(\s{0,3}|<img [^>\n]{0,80}src=["']?)https?:\/\/[^\s)"'>]{1,200}[?&][\w.-]{1,40}=(?:[^\s)"'>]{0,80}(?:\{|%7B|\$\{|\[|<)|(?:data|secret|token|conversation|history|prompt|password|leak|key|q|d|msg)?[A-Za-z0-9+/_%=-]{48})/,
    "an image whose address carries data away",
  ),
];

/** Every signal that stands on a keyword. */
export const signalRules: readonly SignalRule[] = [...phrases, ...structures];
