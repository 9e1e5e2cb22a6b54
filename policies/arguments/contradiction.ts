// Matchers that are true of no value, whatever the tool: bounds that leave nothing between them.
import { isFields } from "../compile/read.ts";

export interface Contradiction {
  /** The two words, with those that they stand in. */
  readonly words: readonly string[];
  readonly text: string;
}

const BOUNDS = [
  { low: "greater_than", high: "less_than", isOpen: true },
  { low: "greater_than", high: "at_most", isOpen: true },
  { low: "at_least", high: "less_than", isOpen: true },
  { low: "at_least", high: "at_most", isOpen: false },
  { low: "min_length", high: "max_length", isOpen: false },
  { low: "at_least", high: "equals", isOpen: false },
  { low: "greater_than", high: "equals", isOpen: true },
  { low: "equals", high: "at_most", isOpen: false },
  { low: "equals", high: "less_than", isOpen: true },
] as const;

const INNER = ["all", "any", "none", "not"];

export function findContradictions(spec: unknown): Contradiction[] {
  if (!isFields(spec)) return [];
  const own = BOUNDS.flatMap(({ low, high, isOpen }): Contradiction[] => {
    const [least, most] = [spec[low], spec[high]];
    if (typeof least !== "number" || typeof most !== "number") return [];
    const isEmpty = isOpen ? least >= most : least > most;
    return isEmpty ? [{ words: [high], text: `\`${low}: ${least}\` and \`${high}: ${most}\`` }] : [];
  });
  const fields = isFields(spec["fields"]) ? Object.entries(spec["fields"]) : [];
  const inner = [
    ...INNER.map((word) => ({ words: [word], found: findContradictions(spec[word]) })),
    ...fields.map(([name, matcher]) => ({ words: ["fields", name], found: findContradictions(matcher) })),
  ];
  return [
    ...own,
    ...inner.flatMap(({ words, found }) => found.map((one) => ({ ...one, words: [...words, ...one.words] }))),
  ];
}
