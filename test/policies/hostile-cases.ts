// What a manifest can hold at worst: rules at the bounds of what is read, with arguments that make the most of them. Played
// by hostile.test.ts, which counts their work, and by bench/hostile.ts, which takes their time.

export interface HostileCase {
  readonly name: string;
  /** Of a rule: what must be true of the arguments. */
  readonly must?: Readonly<Record<string, unknown>>;
  readonly when?: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** It is within what a decision may look at, and is judged. */
  readonly isJudged?: true;
}

const MEGABYTE = 1_000_000;
const LONGEST_MATCHED = 4_096;
const a = (count: number): string => "a".repeat(count);
const list = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index));
/** Texts in which a pattern of `a` and `b` meets a new state at each character. */
const mixed = list(LONGEST_MATCHED, (index) => ((index * index * 31 + index) % 7 < 3 ? "a" : "b")).join("");
const not = (depth: number): unknown => (depth === 0 ? { matches: "a+b" } : { not: not(depth - 1) });
const nested = (depth: number): unknown => (depth === 0 ? "x" : [nested(depth - 1)]);

export const HOSTILE_RULES: readonly HostileCase[] = [
  {
    name: "a glob whose part nearly occurs everywhere",
    must: { x: { glob: `*${a(10_000)}b*` } },
    args: { x: a(MEGABYTE) },
  },
  {
    name: "a glob of ten thousand parts",
    isJudged: true,
    must: { x: { glob: list(10_000, () => "a").join("*") } },
    args: { x: a(MEGABYTE) },
  },
  { name: "ten thousand globs", must: { x: { glob: list(10_000, (n) => `*b${n}*`) } }, args: { x: a(MEGABYTE) } },
  {
    name: "RE2 with as many states as are judged",
    isJudged: true,
    must: { x: { matches: "[ab]*a[ab]{90}b" } },
    args: { x: mixed },
  },
  { name: "RE2 with many states", must: { x: { matches: "[ab]*a[ab]{240}b" } }, args: { x: mixed } },
  { name: "RE2 with repetitions", must: { x: { matches: "(?:a?b?){0,240}" } }, args: { x: mixed } },
  { name: "RE2 over Unicode classes", must: { x: { matches: "[\\p{L}\\p{N}]{0,490}" } }, args: { x: mixed } },
  {
    name: "RE2 for each item of a list",
    must: { x: { all: { matches: ".*a.*b.*c.*" } } },
    args: { x: list(1_000, () => mixed) },
  },
  {
    name: "fifty RE2 of one text",
    must: {
      x: { not: { any: { matches: ".*x.*" } }, ...Object.fromEntries([["all", { none: { matches: "(a|b)*x" } }]]) },
    },
    args: { x: list(1_000, () => list(50, () => mixed)) },
  },
  {
    name: "lists in lists in lists",
    must: { x: { all: { all: { all: { type: "integer" } } } } },
    args: { x: list(100, () => list(100, () => list(100, (n) => n))) },
  },
  {
    name: "a huge set for each item of a huge list",
    must: { x: { all: list(20_000, (n) => `v${n}`) } },
    args: { x: list(1_000, () => "v19999") },
  },
  {
    name: "equality with a huge value for each item",
    must: { x: { all: { not: { equals: list(20_000, (n) => n) } } } },
    args: { x: list(1_000, () => list(20_000, (n) => n)) },
  },
  { name: "equality with a deep value", isJudged: true, must: { x: { equals: nested(60) } }, args: { x: nested(60) } },
  { name: "matchers in matchers", isJudged: true, must: { x: not(60) }, args: { x: mixed } },
  {
    name: "a length of a huge text for each item",
    must: { x: { all: { max_length: 3 } } },
    args: { x: list(1_000, () => a(MEGABYTE / 10)) },
  },
  {
    name: "a thousand fields of a thousand objects",
    must: { x: { all: { fields: Object.fromEntries(list(1_000, (n) => [`f${n}`, { type: "integer" }])) } } },
    args: { x: list(1_000, () => Object.fromEntries(list(1_000, (n) => [`f${n}`, n]))) },
  },
  {
    name: "only these fields of an object with twenty thousand",
    isJudged: true,
    must: { x: { only_fields: list(20_000, (n) => `g${n}`) } },
    args: { x: Object.fromEntries(list(20_000, (n) => [`g${n}`, n])) },
  },
  {
    name: "a command line of a hundred thousand words",
    must: { x: { argv: { starts_with: ["git"], forbid: list(5_000, (n) => `--o${n}`) } } },
    args: { x: ["git", ...list(100_000, () => "-abc")] },
  },
  {
    name: "a command line of one huge option",
    must: { x: { argv: { starts_with: ["git"], forbid: list(200, () => "-x") } } },
    args: { x: ["git", `-${a(MEGABYTE)}`] },
  },
  {
    name: "the longest SQL for each item",
    must: { x: { all: { sql: "select" } } },
    args: { x: list(1_000, () => `select ${"x ".repeat(8_000)}`) },
  },
  {
    name: "SQL comments that never end",
    must: { x: { all: { sql: "select" } } },
    args: { x: list(1_000, () => `select ${"/*a*/".repeat(3_000)}/*`) },
  },
  {
    name: "paths with a hundred thousand segments",
    must: { x: { all: { path_within: list(100, (n) => `/r${n}`) } } },
    args: { x: list(1_000, () => "/a".repeat(50_000)) },
  },
  {
    name: "hosts by the thousand for each item",
    must: { x: { all: { url_host: list(10_000, (n) => `*.h${n}.example`) } } },
    args: { x: list(1_000, () => `https://${a(60)}.example/${a(1_900)}`) },
  },
  {
    name: "CEL over the largest list",
    isJudged: true,
    when: "args.x.exists(i, i != 'a' && !i.startsWith('c'))",
    args: { x: list(64, () => a(200)) },
  },
  {
    name: "CEL that compares the largest values",
    isJudged: true,
    when: list(40, () => "args.x == args.y").join(" && "),
    args: { x: list(64, () => a(100)), y: list(64, () => a(100)) },
  },
  {
    name: "CEL with twenty RE2 of many states",
    when: list(12, () => "args.x.re2('[ab]*a[ab]{240}b')").join(" || "),
    args: { x: mixed },
  },
  {
    name: "CEL that searches",
    isJudged: true,
    when: list(25, () => `args.x.contains('${a(40)}b')`).join(" || "),
    args: { x: a(16_000) },
  },
  {
    name: "CEL that maps and filters",
    isJudged: true,
    when: "args.x.map(i, i + i).size() > 3 && args.x.filter(i, i.contains('b')).size() > 3",
    args: { x: list(64, () => a(250)) },
  },
  { name: "CEL at its deepest", isJudged: true, when: `${"(".repeat(20)}args.x == 1${")".repeat(20)}`, args: { x: 1 } },
];

/** Patterns that are refused when they are read. */
export const REFUSED_PATTERNS: readonly string[] = [
  "(a|b|c|d){0,1000}",
  "(a{0,300}){0,3}b{300}",
  "(?:(?:a{0,100}){0,100}){0,100}",
  "[\\p{L}]{501}",
  "(?=a)a",
  a(257),
];
