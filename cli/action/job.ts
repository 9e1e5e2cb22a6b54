// Speaks to the runner that executes the job: annotations, text in the log, outputs, the step's summary. Hostile text stays text.
import { appendFile } from "node:fs/promises";
import { showUnseen } from "../../reconciler/plan/inert.ts";
import type { Annotation } from "../../reconciler/report/github/checks.ts";
import type { Variables } from "./inputs.ts";

export interface Job {
  /** Prints text that may hold anything: the runner reads no command in it. */
  print(text: string): void;
  /** One of GitHub's annotations of this run; shown where no check run can be made. */
  annotate(annotation: Annotation): void;
  error(message: string): void;
  notice(message: string): void;
  setOutputs(outputs: Readonly<Record<string, string | number | boolean>>): Promise<void>;
  /** Markdown. Over 1 MiB GitHub would show nothing of it: callers keep within {@link SUMMARY_BYTES}. */
  summarize(markdown: string): Promise<void>;
}

/** GitHub's bound is 1 MiB for all steps' text together with its own wrapping. */
export const SUMMARY_BYTES = 1_000_000;
/** Of each level, in one step. */
const SHOWN_ANNOTATIONS = 10;

export function createJob(variables: Variables, write: (text: string) => void, newId: () => string): Job {
  const shown: Record<string, number> = {};
  const command = (name: string, properties: Readonly<Record<string, string | number>>, message: string): void => {
    const list = Object.entries(properties).map(([key, value]) => `${key}=${escapeProperty(String(value))}`);
    write(`::${name}${list.length > 0 ? ` ${list.join(",")}` : ""}::${escapeData(message)}\n`);
  };
  return {
    print(text) {
      // Only who knows the token can start commands again; a new one each time, so that no log gives it away in time.
      const token = newId();
      write(`::stop-commands::${token}\n${showUnseen(text)}\n::${token}::\n`);
    },
    annotate({ path, start_line, annotation_level, title, message }) {
      const level = annotation_level === "failure" ? "error" : annotation_level;
      shown[level] = (shown[level] ?? 0) + 1;
      if (shown[level] <= SHOWN_ANNOTATIONS) command(level, { file: path, line: start_line, title }, message);
    },
    error: (message) => command("error", {}, message),
    notice: (message) => command("notice", {}, message),
    setOutputs: (outputs) => setOutputs(variables["GITHUB_OUTPUT"], outputs, newId),
    async summarize(markdown) {
      const file = variables["GITHUB_STEP_SUMMARY"];
      if (file) await appendFile(file, `${markdown}\n`);
    },
  };
}

/** A value cannot end its own heredoc: the delimiter is made after it, and is random. */
async function setOutputs(
  file: string | undefined,
  outputs: Readonly<Record<string, string | number | boolean>>,
  newId: () => string,
): Promise<void> {
  if (!file) return;
  const lines = Object.entries(outputs).map(([name, value]) => {
    const delimiter = `end-${newId()}`;
    return `${name}<<${delimiter}\n${String(value)}\n${delimiter}\n`;
  });
  await appendFile(file, lines.join(""));
}

function escapeData(text: string): string {
  return showUnseen(text).replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
