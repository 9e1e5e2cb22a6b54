// Holds the rooms: who may import whom, which room owns which library, how long a file may be.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";

const ROOMS: Readonly<Record<string, readonly string[]>> = {
  policies: [],
  contracts: ["policies"],
  store: ["contracts"],
  reconciler: ["contracts", "policies", "store"],
  runner: ["contracts", "policies", "store"],
  console: ["contracts", "store"],
  cli: ["policies", "contracts", "store", "reconciler", "runner", "console"],
};

const OWNED: Readonly<Record<string, string>> = {
  ioredis: "store",
  bullmq: "store",
  "simple-git": "reconciler",
  chokidar: "reconciler",
  yaml: "reconciler",
  "@octokit/rest": "reconciler",
  "@octokit/auth-app": "reconciler",
  "@octokit/plugin-retry": "reconciler",
  "@octokit/plugin-throttling": "reconciler",
  "@anthropic-ai/sdk": "runner",
  openai: "runner",
  "@modelcontextprotocol/client": "runner",
  "@grpc/grpc-js": "runner",
  protobufjs: "contracts",
  "@bjorn3/browser_wasi_shim": "runner",
  "@modelcontextprotocol/sdk": "runner",
  pg: "runner",
  "age-encryption": "runner",
  undici: "runner",
};

const MAX_LINES = 300;
/** What may open a model, a tool or a server; only the first calls anything. */
const OPENERS: readonly string[] = [
  "runner/workshop.ts",
  "runner/list-pins.ts",
  "runner/login.ts",
  "runner/looking-ground.ts",
];
const root = join(import.meta.dirname, "..");

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
  /** Of these something is there at run time: not only types. */
  readonly values: readonly string[];
}

function sources(): Source[] {
  const rooms = Object.keys(ROOMS).filter((room) => existsSync(join(root, room)));
  return rooms.flatMap((room) =>
    listFiles(room)
      .filter((path) => path.endsWith(".ts"))
      .map((path) => {
        const text = readFileSync(join(root, path), "utf8");
        return { path, room, text, imports: importsOf(text), values: valuesOf(text) };
      }),
  );
}

function listFiles(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => posix.join(entry.parentPath.slice(root.length + 1), entry.name));
}

function importsOf(text: string): string[] {
  const found = text.matchAll(/(?<![\w"])(?:from|import)\s*\(?\s*"([^"]+)"/g);
  return [...found].flatMap(([, specifier]) => (specifier === undefined ? [] : [specifier]));
}

/** Static imports with at least one name that is no type, and dynamic ones. */
function valuesOf(text: string): string[] {
  const types = [...text.matchAll(/import\s+(type\s)?([^;"]*?)\s*from\s*"([^"]+)"/g)].flatMap(
    ([, type, names = "", from]) => {
      const listed = names
        .replace(/[{}]/g, "")
        .split(",")
        .map((name) => name.trim());
      const isTypes = type !== undefined || listed.every((name) => name === "" || name.startsWith("type "));
      return isTypes && from !== undefined ? [from] : [];
    },
  );
  return importsOf(text).filter((specifier) => !types.includes(specifier));
}

function packageOf(specifier: string): string {
  const [scope, name] = specifier.split("/");
  return specifier.startsWith("@") ? `${scope}/${name}` : (scope ?? specifier);
}

function roomOf(source: Source, specifier: string): string | undefined {
  return specifier.startsWith(".") ? pathOf(source, specifier).split("/")[0] : undefined;
}

function pathOf(source: Source, specifier: string): string {
  return specifier.startsWith(".") ? posix.join(posix.dirname(source.path), specifier) : specifier;
}

function violations(check: (source: Source) => readonly string[]): string[] {
  return sources().flatMap((source) => check(source).map((what) => `${source.path}: ${what}`));
}

function inGate(path: string): boolean {
  return path.startsWith("runner/gate/");
}

function inAdapter(path: string): boolean {
  return /^runner\/(models|tools|mcp|memory|artifacts)\//.test(path);
}

describe("the rooms", () => {
  it("finds sources in the rooms that exist", () => {
    expect(sources().length).toBeGreaterThan(50);
  });

  it("import only the rooms that they may", () => {
    const wrong = violations((source) =>
      source.imports.filter((specifier) => {
        const room = roomOf(source, specifier);
        return room !== undefined && room !== source.room && room in ROOMS && !ROOMS[source.room]?.includes(room);
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("use a library only in the room that owns it", () => {
    const wrong = violations((source) =>
      source.imports.filter((specifier) => {
        const owner = OWNED[packageOf(specifier)];
        return owner !== undefined && owner !== source.room;
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("let policies import the expression engines of npm only, and no module of Node", () => {
    const engines = ["@marcbachmann/cel-js", "re2js"];
    const wrong = sources().filter(
      ({ room, imports }) =>
        room === "policies" && imports.some((name) => !name.startsWith(".") && !engines.includes(name)),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("leave permits, and what they open, inside the gate", () => {
    const inner = /^runner\/gate\/(permit|grant|door|model-effect|tool-effect)\.ts$/;
    const wrong = violations((source) =>
      inGate(source.path) ? [] : source.values.filter((specifier) => inner.test(pathOf(source, specifier))),
    );
    expect(wrong).toEqual([]);
  });

  it("let models, tools and servers be opened by the workshop only, servers also to be looked at, and nothing of them reach the gate but a price", () => {
    const wrong = violations((source) => {
      if (inAdapter(source.path) || OPENERS.includes(source.path)) return [];
      const used = source.values.filter((specifier) => inAdapter(pathOf(source, specifier)));
      return used.filter((specifier) => !inGate(source.path) || pathOf(source, specifier) !== "runner/models/price.ts");
    });
    expect(wrong).toEqual([]);
  });

  it("call a model or a tool in the gate only", () => {
    const wrong = violations(({ path, room, text }) => {
      if (room === "store" || inGate(path) || inAdapter(path)) return [];
      return [...text.matchAll(/\.(complete|call)\(/g)].map(([call]) => call);
    });
    expect(wrong).toEqual([]);
  });

  it("tell values from types in imports", () => {
    const text = `import type { A } from "./a.ts";\nimport { type B } from "./b.ts";\nimport { type C, d } from "./c.ts";
      import e, {\n  f,\n} from "./e.ts";\nconst g = await import("./g.ts");\nexport { h } from "./h.ts";`;
    expect(valuesOf(text)).toEqual(["./c.ts", "./e.ts", "./g.ts", "./h.ts"]);
  });

  it("read the process environment in the entry files and nowhere else", () => {
    const allowed = ["cli/main.ts", "cli/config.ts", "cli/action.ts"];
    const wrong = sources().filter(({ path, text }) => text.includes("process.env") && !allowed.includes(path));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("keep files short and say first what each is responsible for", () => {
    const wrong = violations(({ text }) => {
      const lines = text.split("\n").length - 1;
      const opening = text.startsWith("#!") ? text.slice(text.indexOf("\n") + 1) : text;
      return [
        ...(lines > MAX_LINES ? [`${lines} lines`] : []),
        ...(opening.startsWith("//") || opening.startsWith("/*") ? [] : ["no opening sentence"]),
      ];
    });
    expect(wrong).toEqual([]);
  });

  it("have no default exports and no files named after nothing", () => {
    const wrong = violations(({ path, text }) => [
      ...(/^export default/m.test(text) ? ["default export"] : []),
      ...(/(^|\/)(index|types|utils|helpers)\.ts$/.test(path) ? ["names nothing"] : []),
    ]);
    expect(wrong).toEqual([]);
  });
});
