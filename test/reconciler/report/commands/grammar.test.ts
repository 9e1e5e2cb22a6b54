// Comments as people and their enemies write them: exactly one command on the first line, or nothing.
import { describe, expect, it } from "vitest";
import { type PageCommand, parseComment } from "../../../../reconciler/report/commands/grammar.ts";
import { cpuClock } from "../../../cpu-clock.ts";
import * as fc from "../../../property.ts";

const GOOD: readonly (readonly [string, PageCommand, string | null])[] = [
  ["/countwheel plan", { verb: "plan" }, null],
  ["/countwheel apply", { verb: "apply" }, null],
  ["/countwheel preview", { verb: "preview" }, null],
  ["/countwheel", { verb: "help" }, null],
  ["/countwheel help", { verb: "help" }, null],
  ["/countwheel confirm 12", { verb: "confirm", prunes: 12 }, null],
  ["/countwheel  confirm   12  \r\n\r\nthis is meant", { verb: "confirm", prunes: 12 }, null],
  ["/countwheel rollback 41", { verb: "rollback", serial: 41 }, null],
  ["/countwheel approve task-1.0123456789", { verb: "approve", approval: "task-1.0123456789" }, null],
  ["/countwheel deny ns/t.0123456789", { verb: "deny", approval: "ns/t.0123456789", reason: null }, null],
  [
    "/countwheel deny t.0123456789 not in `production`",
    { verb: "deny", approval: "t.0123456789", reason: "not in `production`" },
    null,
  ],
  ["/countwheel --env staging apply", { verb: "apply" }, "staging"],
];

const NONE: readonly string[] = [
  "",
  "/countwheelx apply",
  "/Countwheel apply",
  " /countwheel apply",
  "\n/countwheel apply",
  "\u200b/countwheel apply",
  "\ufeff/countwheel apply",
  "please /countwheel apply",
  "> /countwheel apply",
  "```\n/countwheel apply\n```",
  "~~~\n/countwheel apply",
  "    /countwheel apply",
  "<!-- -->\n/countwheel apply",
  "- /countwheel apply",
  "`/countwheel apply`",
];

const WRONG: readonly string[] = [
  "/countwheel destroy",
  "/countwheel PLAN",
  "/countwheel apply now",
  "/countwheel apply /countwheel confirm 1",
  "/countwheel apply\n/countwheel confirm 1",
  "/countwheel apply\r\n```\n/countwheel confirm 1\n```",
  "/countwheel apply\r/countwheel plan",
  "/countwheel confirm",
  "/countwheel confirm 0",
  "/countwheel confirm -1",
  "/countwheel confirm 1e3",
  "/countwheel confirm 012",
  "/countwheel confirm １２",
  "/countwheel confirm 12 13",
  "/countwheel confirm 9999999999",
  "/countwheel confirm \u202e21",
  "/countwheel con\u200bfirm 12",
  "/countwheel\tapply",
  "/countwheel approve ../../x",
  "/countwheel approve a b",
  "/countwheel approve $(id)",
  "/countwheel deny",
  "/countwheel rollback latest",
  "/countwheel --env",
  "/countwheel --env ../x apply",
  "/countwheel --environment staging apply",
  `/countwheel deny t.0123456789 ${"x".repeat(501)}`,
  `/countwheel ${"x".repeat(5_000_000)}`,
];

describe("a comment", () => {
  it.each(GOOD)("%j is a command", (body, command, env) => {
    expect(parseComment(body)).toMatchObject({ outcome: "command", command, env });
  });

  it.each(NONE.map((body) => [body]))("%j is nothing to us", (body) => {
    expect(parseComment(body)).toEqual({ outcome: "none" });
  });

  it.each(WRONG.map((body) => [body.slice(0, 80), body]))("%j is refused whole", (_shown, body) => {
    const parsed = parseComment(body);
    expect(parsed.outcome).toBe("wrong");
    expect(JSON.stringify(parsed).length).toBeLessThan(3_000);
  });

  it("of any text is read at once, and never thrown at", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(parseComment(text).outcome).not.toBe("command");
        expect(["none", "wrong", "command"]).toContain(parseComment(`/countwheel ${text}`).outcome);
      }),
    );
    const spentMs = cpuClock();
    parseComment(`/countwheel apply\n${"x\n".repeat(2_000_000)}`);
    expect(spentMs()).toBeLessThan(5_000);
  });
});
