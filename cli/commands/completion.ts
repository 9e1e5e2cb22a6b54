// `completion bash|zsh|fish`: a script that completes commands and flags, made from the command tree itself.
import type { Command } from "commander";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host } from "../host.ts";

export type Shell = "bash" | "zsh" | "fish";

export interface CompletionOptions {
  readonly shell: Shell;
  readonly program: Command;
}

interface Words {
  readonly command: string;
  readonly description: string;
  readonly flags: readonly { readonly name: string; readonly description: string }[];
}

export async function runCompletion(host: Host, { shell, program }: CompletionOptions): Promise<ExitCode> {
  const commands = program.commands.map(wordsOf);
  host.stdout.write(SCRIPTS[shell](program.name(), commands));
  return EXIT.ok;
}

function wordsOf(command: Command): Words {
  const flags = command.options.flatMap(({ long, description }) => (long ? [{ name: long, description }] : []));
  return { command: command.name(), description: command.description(), flags };
}

const SCRIPTS: Readonly<Record<Shell, (name: string, commands: readonly Words[]) => string>> = { bash, zsh, fish };

function bash(name: string, commands: readonly Words[]): string {
  const cases = commands.map(
    ({ command, flags }) => `    ${command}) words="${flags.map((flag) => flag.name).join(" ")}" ;;`,
  );
  return `# Load it with: source <(${name} completion bash)
_${name}() {
  local words
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    *) words="" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${commands.map(({ command }) => command).join(" ")}"
  mapfile -t COMPREPLY < <(compgen -o default -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _${name} ${name}
`;
}

function zsh(name: string, commands: readonly Words[]): string {
  const described = commands.map(({ command, description }) => `    ${quote(`${command}:${description}`)}`);
  const cases = commands.map(({ command, flags }) => {
    const specs = flags.map((flag) => quote(`${flag.name}[${flag.description.replaceAll(/[[\]:]/g, " ")}]`));
    return `    ${command}) _arguments ${specs.join(" ")} '*:file:_files' ;;`;
  });
  return `#compdef ${name}
# Load it with: source <(${name} completion zsh)
_${name}() {
  local -a commands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  case "$words[2]" in
${cases.join("\n")}
  esac
}
compdef _${name} ${name}
`;
}

function fish(name: string, commands: readonly Words[]): string {
  const lines = commands.flatMap(({ command, description, flags }) => [
    `complete -c ${name} -n __fish_use_subcommand -a ${command} -d ${quote(description)}`,
    ...flags.map(
      (flag) =>
        `complete -c ${name} -n '__fish_seen_subcommand_from ${command}' -l ${flag.name.slice(2)} -d ${quote(flag.description)}`,
    ),
  ]);
  return `# Load it with: ${name} completion fish | source\n${lines.join("\n")}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
