// Runs the `sops` program on one file. The only file that knows how it is called, and what its exit codes mean.
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { createRedactor } from "../gate/redact.ts";
import { findCommand } from "../processes/find-command.ts";
import { type Ran, runCommand } from "../processes/run-command.ts";

/** `content`: the whole file, as JSON has it. `code` and `why` hold no value of it. */
export type SopsAnswer =
  | { readonly outcome: "opened"; readonly content: unknown }
  | { readonly outcome: "refused"; readonly code: SopsFailure; readonly why: string };

export type SopsFailure =
  | "SECRET_SOPS_UNAVAILABLE"
  | "SECRET_SOPS_CLOSED"
  | "SECRET_SOPS_DAMAGED"
  | "SECRET_SOPS_FAILED";

/** A key service may be far away; a person who waits for a task is not. */
const TIME_LIMIT_MS = 20_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
/** Neither a settings file of SOPS nor anything else of the runner's folder counts. */
const CWD = "/";

/** What `sops` finds itself and its keys by. Nothing else of the environment is handed on. */
const HANDED_ON =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|TMPDIR|XDG_CONFIG_HOME|XDG_RUNTIME_DIR|GNUPGHOME|SOPS_.+|AWS_.+|AZURE_.+|GOOGLE_.+|GCLOUD_.+|CLOUDSDK_.+|VAULT_.+|HUAWEICLOUD_.+|SSL_CERT_(?:FILE|DIR)|(?:HTTPS?|NO)_PROXY|(?:https?|no)_proxy)$/u;
const SECRET_NAME = /KEY|SECRET|TOKEN|PASSW|CREDENTIAL/u;

/**
 * The command line names the file and no secret; the runner's own age identities go by the environment. Throws the reason
 * of an aborted signal, once nothing of the program is left.
 */
export async function decryptWithSops(
  file: string,
  variables: Readonly<Record<string, string>>,
  identities: readonly string[],
  signal: AbortSignal,
): Promise<SopsAnswer> {
  const env = environmentOf(variables, identities);
  const late = AbortSignal.timeout(TIME_LIMIT_MS);
  try {
    const ground = { variables, cwd: CWD, allowedCommands: null };
    const command = await findCommand({ command: "sops", env, cwd: CWD }, ground);
    const args = ["--decrypt", "--output-type", "json", file];
    const run = { command: { command, args, cwd: CWD, env }, output: "stdout", limitBytes: MAX_OUTPUT_BYTES } as const;
    return answerOf(await runCommand(run, AbortSignal.any([signal, late])), file, redactorOf(env, identities));
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) return unavailable(`\`sops\` did not answer within ${TIME_LIMIT_MS / 1_000} s`);
    if (error instanceof PermanentFailure)
      return unavailable("the runner has no `sops` on its PATH; install it, or seal the value with age");
    if (error instanceof TransientFailure) return unavailable(error.message);
    throw error;
  }
}

function environmentOf(
  variables: Readonly<Record<string, string>>,
  identities: readonly string[],
): Record<string, string> {
  const env = Object.fromEntries(Object.entries(variables).filter(([name]) => HANDED_ON.test(name)));
  // Those of the first kind alone: one that it does not know makes an older sops refuse all.
  const keys = [env["SOPS_AGE_KEY"] ?? "", ...identities.filter((one) => one.startsWith("AGE-SECRET-KEY-1"))];
  const key = keys.filter((text) => text !== "").join("\n");
  return key === "" ? env : { ...env, SOPS_AGE_KEY: key };
}

function redactorOf(env: Readonly<Record<string, string>>, identities: readonly string[]) {
  const given = Object.entries(env).flatMap(([name, value]) => (SECRET_NAME.test(name) ? value.split("\n") : []));
  return createRedactor([...given, ...identities]);
}

function unavailable(why: string): SopsAnswer {
  return { outcome: "refused", code: "SECRET_SOPS_UNAVAILABLE", why };
}

/** As `cmd/sops/codes` of its sources has them. */
const NO_KEY = 128;
const DAMAGED: readonly number[] = [24, 25, 51, 52];

function answerOf(ran: Ran, file: string, redactor: { text(text: string): string }): SopsAnswer {
  if (ran.code !== 0) {
    const said = ran.complaint === "" ? "" : `; it said:\n${redactor.text(ran.complaint)}`;
    const how = ran.code === null ? `was ended by ${ran.signal}` : `ended with ${ran.code}`;
    return { outcome: "refused", code: codeOf(ran.code), why: `\`sops\` ${how} on \`${file}\`${said}` };
  }
  if (ran.totalBytes > MAX_OUTPUT_BYTES) return failed(`\`${file}\` holds more than ${MAX_OUTPUT_BYTES} bytes`);
  try {
    return { outcome: "opened", content: JSON.parse(ran.output.toString("utf8")) };
  } catch {
    // What it printed is what was encrypted: nothing of it is told.
    return failed(`what \`sops\` made of \`${file}\` is no JSON`);
  }
}

function failed(why: string): SopsAnswer {
  return { outcome: "refused", code: "SECRET_SOPS_FAILED", why };
}

function codeOf(code: number | null): SopsFailure {
  if (code === NO_KEY) return "SECRET_SOPS_CLOSED";
  return code !== null && DAMAGED.includes(code) ? "SECRET_SOPS_DAMAGED" : "SECRET_SOPS_FAILED";
}
