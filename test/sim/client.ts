// A connection to the Redis in memory, shaped like the client that the store takes. How a command gets there and its
// answer back is for whoever opens it to say: at once, late, lost, twice.
import type { Redis } from "../../store/connect.ts";
import type { Reply } from "./keyspace.ts";
import type { MemoryRedis } from "./memory-redis.ts";

export interface Command {
  readonly name: string;
  readonly args: readonly string[];
}

/** Carries commands, which are executed in one piece, to the server and answers back; throws what a client would. */
export type Wire = (
  commands: readonly Command[],
  execute: () => readonly (Reply | Error)[],
) => Promise<readonly (Reply | Error)[]>;

/** Executes at once. */
export const SHORT_WIRE: Wire = async (_commands, execute) => execute();

/** What a client throws when its connection ends under a command. */
export function connectionLost(): Error {
  return new Error("Connection is closed.");
}

export function openClient(server: MemoryRedis, wire: Wire = SHORT_WIRE): Redis {
  const send: Send = async (commands) => {
    const execute = (): (Reply | Error)[] => commands.map(({ name, args }) => tryRun(server, name, args));
    const answers = await wire(commands, execute);
    return answers.map((answer, index) => (answer instanceof Error ? answer : shaped(commands[index]?.name, answer)));
  };
  const single = async (name: string, args: readonly unknown[]): Promise<unknown> => {
    const [answer] = await send([commandOf(name, args)]);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const known: Readonly<Record<string, unknown>> = {
    options: { host: "simulated", port: 0 },
    status: "ready",
    pipeline: () => batch(send),
    multi: () => batch(send),
  };
  return new Proxy(known, {
    get: (target, name) => {
      // It is no promise, though anything may be asked of it.
      if (typeof name !== "string" || name === "then" || name in target) return Reflect.get(target, name);
      return (...args: unknown[]) => single(name, args);
    },
  }) as unknown as Redis;
}

/** `call` takes a command by its own name, and leaves its answer as the server gave it. */
function commandOf(name: string, args: readonly unknown[]): Command {
  const [first = "", ...rest] = args.flat().map(String);
  return name === "call" ? { name: first.toUpperCase(), args: rest } : { name, args: args.flat().map(String) };
}

type Send = (commands: readonly Command[]) => Promise<readonly unknown[]>;

function batch(send: Send): unknown {
  const commands: Command[] = [];
  const target = {
    exec: async () => {
      const answers = commands.length === 0 ? [] : await send(commands);
      return answers.map((answer) => (answer instanceof Error ? [answer, null] : [null, answer]));
    },
  };
  const chained: unknown = new Proxy(target, {
    get: (own, name) => {
      if (typeof name !== "string" || name in own) return Reflect.get(own, name);
      return (...args: unknown[]) => {
        commands.push(commandOf(name, args));
        return chained;
      };
    },
  });
  return chained;
}

function tryRun(server: MemoryRedis, name: string, args: readonly string[]): Reply | Error {
  try {
    return server.run(name, args);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // What the server says of a command has this name; what the model itself got wrong keeps its own.
    if (/^[A-Z]+ /.test(error.message)) error.name = "ReplyError";
    return error;
  }
}

/** A method of the client makes an object of a hash. */
function shaped(name: string | undefined, answer: Reply): unknown {
  if (name !== "hgetall" || !Array.isArray(answer)) return answer;
  const flat = answer.map(String);
  return Object.fromEntries(flat.flatMap((field, index) => (index % 2 === 0 ? [[field, flat[index + 1] ?? ""]] : [])));
}
