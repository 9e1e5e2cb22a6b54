// Prints what happens to an environment: lines for people, or one JSON value a line.
import type { SourceSpec } from "../../reconciler/environment-source.ts";
import type { LoopEvent } from "../../reconciler/loop.ts";
import type { Host, OutputFormat } from "../host.ts";
import { paintFor } from "../output.ts";
import { fileFromHere } from "../plan-source.ts";
import { renderLoopEvent } from "../view/loop-event.ts";
import { loopEventValue } from "../view/loop-event-value.ts";

export type Print = (event: LoopEvent) => void;

export interface PrinterOptions {
  readonly output: OutputFormat;
  readonly env: string;
  readonly spec: SourceSpec;
  /** Lines for people name the environment: there are several. */
  readonly naming: boolean;
}

export function printer(host: Host, { output, env, spec, naming }: PrinterOptions): Print {
  const paint = paintFor(host.stdout, host.config.color);
  const showFile = fileFromHere(host, spec);
  const name = naming ? `${paint("cyan", env)}  ` : "";
  return (event) => {
    const now = host.now().toISOString();
    if (output === "jsonl") {
      host.stdout.write(`${JSON.stringify({ at: now, env, ...loopEventValue(event) })}\n`);
      return;
    }
    const time = paint("dim", now.slice(11, 19));
    for (const line of renderLoopEvent(event, paint, showFile)) host.stdout.write(`${time}  ${name}${line}\n`);
  };
}
