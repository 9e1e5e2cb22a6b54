// What `--help` says of each command: one line of each option, with a default only where it tells something, as people write it.
import type { Command } from "commander";
import { expect, it } from "vitest";
import { makeProgram } from "../../../cli/arguments/program.ts";

const program = makeProgram({ version: "1.2.3", env: "default" }, () => Promise.resolve());
const commands = withBelow(program, "countwheel").map(([name, command]) => [name, command.helpInformation()] as const);

function withBelow(command: Command, name: string): (readonly [string, Command])[] {
  return [[name, command], ...command.commands.flatMap((below) => withBelow(below, `${name} ${below.name()}`))];
}

it("describes every option, and every command", () => {
  const options = withBelow(program, "countwheel").flatMap(([name, command]) => [
    [name, command.description()] as const,
    ...command.options.map(({ flags, description }) => [`${name} ${flags}`, description] as const),
  ]);
  expect(options.length).toBeGreaterThan(300);
  expect(options.filter(([, description]) => description === "")).toEqual([]);
});

it.each(commands)("tells of %s no default that says nothing, none twice, and no bare milliseconds", (_name, help) => {
  const text = help.replaceAll(/\s+/g, " ");
  expect(text).not.toMatch(/default: (false|\[\]|undefined|"")/);
  expect(text).not.toMatch(/<(duration|profile)> ((?! -).)*default: \d+\)/);
  expect(text).not.toMatch(/\([^()]*default:[^()]*\) \([^()]*default:/);
});

it("tells the defaults that people rely on", () => {
  const help = new Map(commands);
  expect(help.get("countwheel runner")).toContain("(default: 4)");
  expect(help.get("countwheel runner")).toContain("under way (default: 30s)");
  expect(help.get("countwheel run")).toContain("how long to wait (default: 10m)");
});
