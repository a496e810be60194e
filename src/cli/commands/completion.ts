// `charter completion`: what a shell completes after `charter`.
import type { CommandBody, CommandEntry } from "../command.ts";
import { print, printJson } from "../io.ts";
import { exitCodes, optionsOf, UsageError } from "../syntax.ts";

const shells = ["bash", "zsh", "fish"];

/** `charter completion`, of these commands. */
export const completionOf = (commands: readonly CommandEntry[]): CommandBody => ({
  isLocal: true,
  usage: "bash|zsh|fish",
  arity: [1, 1],
  options: [],
  examples: [
    {
      line: "completion bash > ~/.local/share/bash-completion/completions/charter",
      does: "completes in bash from the next shell on",
    },
    { line: "completion zsh > ~/.zfunc/_charter", does: "the same for zsh, where ~/.zfunc is in fpath" },
    { line: "completion fish > ~/.config/fish/completions/charter.fish", does: "the same for fish" },
  ],
  run: async ({ io, positionals, json }) => {
    const [shell = ""] = positionals;
    if (!shells.includes(shell)) throw new UsageError(`charter completion takes ${shells.join(", ")}`);
    const known = await Promise.all(
      commands.map(async ({ name, summary, load }) => {
        const names = optionsOf({ name, ...(await load()) }).map((option) => ({ ...option, flag: `--${option.name}` }));
        return { name, summary, options: names };
      }),
    );
    const script = shell === "bash" ? bash(known) : shell === "zsh" ? zsh(known) : fish(known);
    if (json) printJson(io, { shell, script });
    else print(io, script);
    return exitCodes.ok;
  },
});

interface Known {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly {
    readonly flag: string;
    readonly name: string;
    readonly value?: string;
    readonly summary: string;
  }[];
}

/** The words that may follow words: first words after nothing, second words after a first one. */
function wordsAfter(known: readonly Known[]): ReadonlyMap<string, readonly string[]> {
  const after = new Map<string, Set<string>>();
  for (const { name } of known) {
    const [first = "", second] = name.split(" ");
    after.set("", (after.get("") ?? new Set()).add(first));
    if (second !== undefined) after.set(first, (after.get(first) ?? new Set()).add(second));
  }
  return new Map([...after].map(([word, words]) => [word, [...words]]));
}

function bash(known: readonly Known[]): string {
  const words = [...wordsAfter(known)].map(([first, next]) => `    "${first}") words="${next.join(" ")}" ;;`);
  const options = known.map(
    ({ name, options: own }) => `    "${name}") options="${own.map(({ flag }) => flag).join(" ")}" ;;`,
  );
  return `# bash completion of charter
_charter() {
  local current="\${COMP_WORDS[COMP_CWORD]}" first="" second="" words="" options=""
  ((COMP_CWORD > 1)) && first="\${COMP_WORDS[1]}"
  ((COMP_CWORD > 2)) && second="\${COMP_WORDS[2]}"
  case "$first" in
${words.join("\n")}
  esac
  if [[ $current == -* ]]; then
    for name in "$first $second" "$first"; do
      [[ -n $options ]] && break
      case "$name" in
${options.join("\n")}
      esac
    done
    mapfile -t COMPREPLY < <(compgen -W "\${options:---help}" -- "$current")
  elif [[ -n $words ]] && { ((COMP_CWORD == 1)) || ((COMP_CWORD == 2)); }; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _charter charter`;
}

function zsh(known: readonly Known[]): string {
  const words = [...wordsAfter(known)].map(([first, next]) => `    "${first}") words=(${next.join(" ")}) ;;`);
  const options = known.map(
    ({ name, options: own }) => `    "${name}") options=(${own.map(({ flag }) => flag).join(" ")}) ;;`,
  );
  return `#compdef charter
_charter() {
  local -a words_ options
  local first="" second="" name
  ((CURRENT > 2)) && first="\${words[2]}"
  ((CURRENT > 3)) && second="\${words[3]}"
  case "$first" in
${words.join("\n").replaceAll(" words=(", " words_=(")}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    for name in "$first $second" "$first"; do
      ((\${#options})) && break
      case "$name" in
${options.join("\n")}
      esac
    done
    compadd -- \${options:---help}
  elif ((\${#words_})) && ((CURRENT < 4)); then
    compadd -- $words_
  else
    _files
  fi
}
compdef _charter charter`;
}

function fish(known: readonly Known[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = known.flatMap(({ name, summary, options }) => {
    const [first = "", second] = name.split(" ");
    const begun = second === undefined ? "__fish_use_subcommand" : `__fish_seen_subcommand_from ${first}`;
    const inside =
      second === undefined
        ? `__fish_seen_subcommand_from ${first}`
        : `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`;
    return [
      `complete -c charter -n ${quoted(begun)} -a ${second ?? first} -d ${quoted(summary)}`,
      ...options.map(
        ({ name: option, value, summary: says }) =>
          `complete -c charter -n ${quoted(inside)} -l ${option}${value === undefined ? "" : " -r"} -d ${quoted(says)}`,
      ),
    ];
  });
  const groups = [...wordsAfter(known)].filter(([first]) => first !== "" && !known.some(({ name }) => name === first));
  const heads = groups.map(([first]) => `complete -c charter -n __fish_use_subcommand -a ${first}`);
  return ["# fish completion of charter", "complete -c charter -f", ...heads, ...lines].join("\n");
}
