// Takes out of texts every secret that is known so far.
import { createRedactor, type Redactor } from "../gate/redact.ts";
import type { Secrets } from "./secrets.ts";

/** Tools resolve their secrets when they are called, so what must be redacted grows while the agent works. */
export function redactorOf(secrets: Secrets): Redactor {
  let known = -1;
  let redactor = createRedactor([]);
  const current = (): Redactor => {
    const values = secrets.knownValues();
    if (values.length !== known) redactor = createRedactor(values);
    known = values.length;
    return redactor;
  };
  return { text: (text) => current().text(text), value: (value) => current().value(value) };
}
