// Reads a value that must stand in no argument: from a file, from a pipe, or from a person, without showing what is typed.
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { PermanentFailure } from "../contracts/failure.ts";
import type { Host } from "./host.ts";
import { UsageFailure } from "./output.ts";

const MAX_BYTES = 1024 * 1024;

/** `file` undefined: the standard input. One line break at the end is no part of the value: editors and `echo` add it. */
export async function readSecretValue(host: Host, file: string | undefined, what = "Value"): Promise<string> {
  const isPerson = file === undefined && process.stdin.isTTY;
  if (isPerson && host.config.noInput)
    throw new UsageFailure("nobody can type here: pipe it in, or name a file that holds it");
  const text = isPerson
    ? await askHidden(host, what)
    : textOf(file === undefined ? await readAll() : await read(host, file));
  const value = text.replace(/\r?\n$/, "");
  if (value === "") throw new UsageFailure("the value is empty");
  return value;
}

function textOf(bytes: Buffer): string {
  if (bytes.length > MAX_BYTES) throw new UsageFailure(`the value is larger than ${MAX_BYTES} bytes`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UsageFailure("the value is no UTF-8 text: encode it, as base64 for example");
  }
}

async function read(host: Host, file: string): Promise<Buffer> {
  try {
    return await readFile(resolve(host.cwd, file));
  } catch (cause) {
    throw new PermanentFailure("FILE_UNREADABLE", `\`${file}\` cannot be read`, { cause });
  }
}

async function readAll(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_BYTES) break;
  }
  return Buffer.concat(chunks);
}

const [ENTER, END, INTERRUPT] = [/[\r\n]/, "\u0004", "\u0003"];

/** One line. Nothing of it is echoed; backspace works, Ctrl-C ends it. */
async function askHidden(host: Host, what: string): Promise<string> {
  const { stdin } = process;
  // First of all: whoever is quick types as soon as they are asked, and a terminal that still echoes would show it.
  stdin.setRawMode(true);
  try {
    host.stderr.write(`${what} (not shown): `);
    return await typedLine(stdin);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    host.stderr.write("\n");
  }
}

async function typedLine(stdin: NodeJS.ReadStream): Promise<string> {
  const decoder = new StringDecoder("utf8");
  let typed: string[] = [];
  for await (const chunk of stdin.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (const character of decoder.write(chunk)) {
      if (character === INTERRUPT) throw new UsageFailure("nothing was sealed");
      if (character === END || ENTER.test(character)) return typed.join("");
      if (character === "\u007f" || character === "\b") typed = typed.slice(0, -1);
      else typed.push(character);
    }
  }
  return typed.join("");
}
