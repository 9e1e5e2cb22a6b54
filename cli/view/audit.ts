// Shows what became of a verification: what was looked at, what is signed, and every fault by name.
import type { ExportVerdict } from "../../contracts/audit/verify-export.ts";
import type { Paint } from "../output.ts";

export function renderExportVerdict(verdict: Omit<ExportVerdict, "items">, paint: Paint): string {
  const { findings, faults, applies, entries, tasks, events, erased } = verdict;
  const faulty = findings.map(
    ({ line, what, reason, detail }) => `line ${line}: ${paint("red", reason)}: ${what}: ${detail}\n`,
  );
  const more = faults > findings.length ? [`${faults - findings.length} more faults behind these.\n`] : [];
  const seen = `${counted(tasks, "trace")} with ${counted(events, "event")}${erased === 0 ? "" : ` (${erased} erased)`}, ${counted(applies, "apply", "applies")}, ${counted(entries, "entry", "entries")} of the audit log`;
  const end = faults === 0 ? `${seen}: ${paint("green", "intact")}.` : `${seen}: ${counted(faults, "fault")}.`;
  return [...faulty, ...more, `${end}\n`, signedSentence(verdict)].join("");
}

function signedSentence({ signatures: { heads, upTo } }: Omit<ExportVerdict, "items">): string {
  if (heads === 0)
    return "No head of the log is signed: whoever can write to the Redis could have written all of it.\n";
  return `${counted(heads, "signed head")}; the last covers entry ${upTo} and all before it.\n`;
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
