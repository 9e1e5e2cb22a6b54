// Finds the program that a manifest names, and whether this runner may start it (`--allow-command`).
import { access, constants, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";
import { compilePattern, matchesPattern } from "../../policies/names.ts";

export interface CommandGround {
  /** The runner's environment as values. */
  readonly variables: Readonly<Record<string, string>>;
  readonly cwd: string;
  /**
   * Programs that manifests may start: a name is the file that the runner's own PATH finds, anything with a `/` is an
   * absolute path in which `*` stands for any characters. null: every program.
   */
  readonly allowedCommands: readonly string[] | null;
}

interface Asked {
  /** As the manifest writes it. */
  readonly command: string;
  /** The child's whole environment: its PATH is the one that counts. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/**
 * The absolute path of the program. Throws PermanentFailure: COMMAND_NOT_STARTED where there is none, COMMAND_NOT_ALLOWED
 * where this runner was not told to start it.
 */
export async function findCommand(asked: Asked, ground: CommandGround): Promise<string> {
  const { command, env, cwd } = asked;
  const found = await lookUp(command, env["PATH"] ?? "", cwd);
  if (found === undefined) {
    throw new PermanentFailure(
      "COMMAND_NOT_STARTED",
      `command \`${command}\`: not found (in PATH, or from \`${cwd}\`)`,
    );
  }
  if (ground.allowedCommands === null) return found;
  const steered = Object.keys(env).filter((name) => STEERING.test(name) && env[name] !== ground.variables[name]);
  if (steered.length > 0)
    throw refused(command, `its manifest sets ${steered.join(", ")}, by which another program could run in its place`);
  for (const allowed of ground.allowedCommands) {
    if (await isMeant(allowed, found, ground)) return found;
  }
  const names = ground.allowedCommands.length === 0 ? "nothing" : ground.allowedCommands.join(", ");
  throw refused(command, `this runner starts only ${names} (--allow-command), and it is \`${found}\``);
}

/** Variables that make the loader or an interpreter run code that is not the program's. */
const STEERING =
  /^(?:PATH|LD_.*|DYLD_.*|NODE_OPTIONS|NODE_PATH|BASH_ENV|ENV|PYTHON.*|PERL5.*|RUBY(?:OPT|LIB)|JAVA_TOOL_OPTIONS|GIT_.*)$/u;

async function isMeant(allowed: string, found: string, { variables, cwd }: CommandGround): Promise<boolean> {
  if (!allowed.includes("/")) return (await lookUp(allowed, variables["PATH"] ?? "", cwd)) === found;
  return matchesPattern(compilePattern(isAbsolute(allowed) ? allowed : resolve(cwd, allowed)), found);
}

async function lookUp(command: string, path: string, cwd: string): Promise<string | undefined> {
  if (command.includes("/")) {
    const place = resolve(cwd, command);
    return (await isProgram(place)) ? place : undefined;
  }
  for (const folder of path.split(delimiter)) {
    // An empty entry would be the working folder, and a relative one depends on it: neither is a place for programs.
    const place = join(folder, command);
    if (isAbsolute(folder) && (await isProgram(place))) return place;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function refused(command: string, why: string): PermanentFailure {
  return new PermanentFailure("COMMAND_NOT_ALLOWED", `command \`${command}\` is not started: ${why}`);
}
