// How commands describe themselves in `--help`.
import { Help, type HelpConfiguration, type Option } from "commander";

const base = new Help();

/** Of commander's own, without defaults that say nothing or that the description has told already. */
export const HELP: HelpConfiguration = {
  subcommandTerm: (command) => command.name(),
  optionDescription: (option) => base.optionDescription(isTold(option) ? withoutDefault(option) : option),
  minWidthToWrap: 60,
};

function isTold({ defaultValue, description }: Option): boolean {
  const isNothing = defaultValue === false || (Array.isArray(defaultValue) && defaultValue.length === 0);
  return isNothing || /\bdefault:/.test(description);
}

function withoutDefault(option: Option): Option {
  return Object.assign(Object.create(option) as Option, { defaultValue: undefined });
}
