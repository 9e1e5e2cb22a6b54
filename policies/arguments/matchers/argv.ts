// `argv`: a command line as a list of words, never a text that a shell would have to split.
import { isFields } from "../../compile/read.ts";
import type { SpecError } from "../../compiled.ts";
import { type Answer, allOf, answerOf } from "../answer.ts";
import { type CompileWord, refuse } from "../matcher.ts";
import type { Work } from "../work.ts";
import { readTexts } from "./texts.ts";

const FIELDS = ["starts_with", "forbid", "only_options"];
/** Of characters, that cost as much as a step. */
const COMPARISONS = 32;

interface Spec {
  readonly startsWith: readonly string[];
  readonly forbid: readonly string[];
  /** null: any. */
  readonly onlyOptions: readonly string[] | null;
}

/** `{starts_with: [git, log], forbid: [--exec], only_options: [--oneline, -n]}`. */
export const argv: CompileWord = (wanted, rule, errors) => {
  const spec = readSpec(wanted, rule, errors);
  if (spec === undefined) return undefined;
  return {
    text: `a command ${spec.startsWith.join(" ")} …`,
    holds: (value, { work }) => (mayJudge(spec, value, work) ? judge(spec, value) : "unsure"),
  };
};

/** Each word is compared with each option, and may be searched for it. */
function mayJudge({ startsWith, forbid, onlyOptions }: Spec, value: unknown, work: Work): boolean {
  if (!Array.isArray(value)) return true;
  const options = startsWith.length + forbid.length + (onlyOptions?.length ?? 0);
  const lengths = value.map((word: unknown) => (typeof word === "string" ? word.length : 0));
  return work.spend(lengths.reduce((sum, length) => sum + (4 + length / COMPARISONS) * (1 + options), 0));
}

/** A text would be split by somebody's rules: nobody can tell which words it has. */
function judge({ startsWith, forbid, onlyOptions }: Spec, value: unknown): Answer {
  const words = readTexts(value);
  if (!Array.isArray(value) || words === undefined) return "unsure";
  const options = optionsOf(words.slice(startsWith.length));
  return allOf([
    beginsWith(words, startsWith),
    answerOf(!words.some((word) => forbid.some((option) => isOption(word, option)))),
    answerOf(onlyOptions === null || options.every((word) => onlyOptions.some((option) => isExactly(word, option)))),
  ]);
}

/** `git -c alias.x=!sh x` is a `git` of any sort: an option before the subcommand may turn it into anything. */
function beginsWith(words: readonly string[], start: readonly string[]): Answer {
  const at = start.findIndex((word, index) => words[index] !== word);
  if (at === -1) return "yes";
  return at > 0 && words[at]?.startsWith("-") === true ? "unsure" : "no";
}

/** What stands behind `--` is no option. */
function optionsOf(words: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  return (end === -1 ? words : words.slice(0, end)).filter((word) => word.startsWith("-") && word !== "-");
}

/** As programs read it: with its value attached (`--exec=x`, `-cx`), and long ones cut short (`--exe`). */
function isOption(word: string, option: string): boolean {
  const [name = ""] = word.split("=", 1);
  if (name === option) return true;
  if (option.startsWith("--")) return name.length > 2 && name.startsWith("--") && option.startsWith(name);
  const isShort = option.startsWith("-") && option.length === 2;
  return isShort && /^-[^-]/.test(word) && word.includes(option.slice(1));
}

/** An option that is allowed is allowed as it is written, or with a value behind `=`. */
function isExactly(word: string, option: string): boolean {
  return word === option || (option.startsWith("--") && word.startsWith(`${option}=`));
}

function readSpec(wanted: unknown, rule: string, errors: SpecError[]): Spec | undefined {
  const fields = isFields(wanted) ? wanted : { starts_with: wanted };
  const strange = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (strange !== undefined) return refuse(errors, `${rule}.${strange}`, `is none of ${FIELDS.join(", ")}`);
  const [startsWith, forbid, onlyOptions] = FIELDS.map((name) => {
    const value = fields[name];
    return value === undefined
      ? []
      : value === "" || (Array.isArray(value) && value.length === 0)
        ? []
        : readTexts(value);
  });
  if (startsWith === undefined || forbid === undefined || onlyOptions === undefined) {
    return refuse(errors, rule, "holds something that is no list of words");
  }
  if (startsWith.length === 0) return refuse(errors, rule, "says no `starts_with`: any program would do");
  return { startsWith, forbid, onlyOptions: fields["only_options"] === undefined ? null : onlyOptions };
}
