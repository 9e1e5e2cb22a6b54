// Previews of pull requests from the push to the last key: a real repository, Redis and runner, and a GitHub that judges.
import { afterEach, beforeEach, expect, it } from "vitest";
import { auditStart, hashOf } from "../../../contracts/audit/entry.ts";
import { reportOnce } from "../../../reconciler/report/start-reporting.ts";
import { readAuditLog } from "../../../store/audit-log.ts";
import type { Redis } from "../../../store/connect.ts";
import { takePreviewEnvironment } from "../../../store/preview-environment.ts";
import { enterPreview, findPreview, writePreview } from "../../../store/previews.ts";
import { readTask } from "../../../store/tasks.ts";
import { describeWithRedis, type TestRedis, withRedis } from "../../redis.ts";
import { openPreviewRoom, type PreviewRoom } from "./preview-room.ts";

const model = (say: string, id = "mock-1", more: object = {}): string =>
  JSON.stringify({
    kind: "ModelEndpoint",
    metadata: { name: "mock" },
    spec: { provider: "mock", default_model: id, options: { script: JSON.stringify([{ say, ...more }]) } },
  });
const SLOW = { latency: "60s" };
const DESK = `kind: Agent
metadata: {name: writer}
spec: {model_ref: mock, prompt: You write.}
---
kind: AgentSystem
metadata: {name: desk}
spec: {agents: [writer]}
---
kind: AgentPolicy
metadata: {name: guard}
spec: {apply_mode: global, allowed_models: [mock-1]}
---
kind: McpServer
metadata: {name: files}
spec: {transport: stdio, command: files}
`;
const CHECK = `kind: Task
metadata: {name: check, annotations: {countwheel.dev/run-on: pull_request}}
spec: {mode: template, system: desk}
---
kind: Task
metadata: {name: nightly}
spec: {mode: template, system: desk}
`;
const FILES = { "agents/model.yaml": model("from the base"), "agents/desk.yaml": DESK, "agents/tasks.yaml": CHECK };

describeWithRedis("previews of pull requests", () => {
  let server: TestRedis;
  let redis: Redis;
  let room: PreviewRoom;
  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });
  beforeEach(async () => {
    room = await openPreviewRoom(redis, server.url, FILES, { maxSteps: 2, maxOpen: 1 });
    expect(await room.tick()).toMatchObject({ outcome: "applied" });
    room.github.state.permissions.set("ada", "write");
  });
  afterEach(async () => {
    await room.close();
    expect(room.github.violations).toEqual([]);
  });

  it("run what is marked with the head's manifests, once, are superseded by a push and gone when it is closed", async () => {
    const reporting = room.reporting();
    room.runner();
    const first = await room.pushFiles(7, { "agents/model.yaml": model("from the head") });
    reporting.nudge();
    const check = await room.concluded(first, "success");
    expect(check.title).toBe("1 of 1 task succeeded");
    const env = `${room.prefix}7`;
    const task = await readTask(redis, { env, namespace: "default", name: "check" });
    expect(task?.output).toMatchObject({ last_output: "from the head" });
    expect(check.text).toContain(`head \`${task?.trace.head}\``);
    expect(await redis.zcard(`cw:{e:${env}}:tasks`)).toBe(1);

    reporting.nudge();
    const second = await room.pushFiles(7, { "agents/model.yaml": model("late", "mock-1", SLOW) });
    reporting.nudge();
    await room.concluded(second, null);
    await room.until(
      "the runner",
      () => room.said.filter((line) => line.includes("works in the preview")).length === 2,
    );
    const third = await room.pushFiles(7, { "agents/model.yaml": model("again from the head") });
    reporting.nudge();
    await room.concluded(third, "success");
    expect((await room.concluded(second, "cancelled")).title).toBe(
      "0 of 1 task succeeded, cancelled: a newer head supersedes it",
    );
    expect([room.checks(first).length, room.checks(second).length, room.checks(third).length]).toEqual([1, 1, 1]);

    room.github.state.addPull({ number: 7, headSha: third, closed: true });
    reporting.nudge();
    await eventually("its keys to go", async () => (await findPreview(redis, room.env, 7)) === undefined);
    expect(await room.keys(7)).toEqual([]);
    expect((await room.concluded(third, "success")).text).toContain("| agent |");
    expect(await auditOf(room.env)).toEqual([
      "preview.started 7 ",
      "preview.ended 7 superseded Succeeded",
      "preview.started 7 ",
      "preview.ended 7 superseded Cancelled",
      "preview.started 7 ",
      "preview.ended 7 closed Succeeded",
    ]);
  }, 60_000);

  it("run under the base's policies and limits of their own, and start nothing that the base does not declare", async () => {
    const reporting = room.reporting();
    room.runner();
    const lawless = DESK.replace("allowed_models: [mock-1]", "allowed_models: [mock-9]");
    const loose = await room.pushFiles(7, { "agents/model.yaml": model("x", "mock-9"), "agents/desk.yaml": lawless });
    const command = DESK.replace("prompt: You write.", "prompt: You write., tools: [files--read]").replace(
      "command: files",
      "command: evil",
    );
    const evil = await room.pushFiles(8, { "agents/desk.yaml": command });
    const secret = `---
kind: Secret
metadata: {name: theirs}
spec: {from: {value: {env: HOME}}}
---
kind: Tool
metadata: {name: leak}
spec: {endpoint: "https://leak.example/", auth: {secret_ref: theirs}}
`;
    const leaking = DESK.replace("prompt: You write.", "prompt: You write., tools: [leak]");
    const thief = await room.pushFiles(10, { "agents/desk.yaml": `${leaking}${secret}` });
    const others = ["b", "c"].map((name) => `---\nkind: Agent\nmetadata: {name: ${name}}\nspec: {model_ref: mock}\n`);
    const three = `${DESK.replace("agents: [writer]", "agents: [writer, b, c]")}${others.join("")}`;
    const costly = await room.pushFiles(9, { "agents/desk.yaml": three });
    reporting.nudge();
    expect((await room.concluded(costly, "failure")).text).toContain("BUDGET_STEPS");
    const denied = await room.concluded(loose, "failure");
    expect(denied.text).toContain("MODEL_NOT_ALLOWED");
    expect(denied.summary).toContain("does not count here: AgentPolicy `guard`");
    const refused = await room.concluded(evil, "neutral");
    expect([refused.title, refused.summary]).toEqual([
      "Not run",
      expect.stringContaining("Task `check` does not run: McpServer `files` is not the base's"),
    ]);
    expect((await room.concluded(thief, "neutral")).summary).toContain("Secret `theirs` is new");
    expect([await room.keys(8), await room.keys(10)]).toEqual([[], []]);
  }, 60_000);

  it("hold to a policy that the base tightens while they run", async () => {
    const reporting = room.reporting();
    room.runner();
    const two = DESK.replace("agents: [writer]", "agents: [writer, editor]");
    const editor = "---\nkind: Agent\nmetadata: {name: editor}\nspec: {model_ref: mock}\n";
    const slow = model("slow", "mock-1", { agent: "writer", latency: "1500ms" });
    const head = await room.pushFiles(7, { "agents/model.yaml": slow, "agents/desk.yaml": `${two}${editor}` });
    reporting.nudge();
    await room.concluded(head, null);
    await room.until("the runner", () => room.said.some((line) => line.includes("works in the preview")));
    await room.repository.commit({ "agents/desk.yaml": DESK.replace("[mock-1]", "[other]") });
    await room.tick();
    const { text } = await room.concluded(head, "failure");
    expect(text).toContain("MODEL_NOT_ALLOWED");
    expect(text).toContain("| `writer` | `mock-1` | 1 |");
  }, 60_000);

  it("wait for the word of a person on exactly this head of a fork", async () => {
    const reporting = room.reporting();
    room.runner();
    const fork = { headRepo: "eve/agents", login: "eve" };
    const head = await room.pushFiles(7, { "agents/model.yaml": model("from a fork") });
    room.github.state.addPull({ number: 7, headSha: head, ...fork });
    // By GitHub's clock, which counts seconds, people answer to what stood there before.
    room.github.state.clock = () => new Date(Date.now() - 5_000);
    reporting.nudge();
    expect((await room.concluded(head, "action_required")).title).toBe("Waits for a person's word");
    expect(await room.keys(7)).toEqual([]);
    room.github.state.clock = () => new Date();
    const eve = room.github.state.addComment({ pull: 7, login: "eve", body: "/countwheel preview" });
    await hear();
    expect([...eve.reactions]).toEqual([expect.stringMatching(/: -1$/)]);
    expect(await room.keys(7)).toEqual([]);
    room.github.state.addComment({ pull: 7, login: "ada", body: "/countwheel preview" });
    await hear();
    reporting.nudge();
    expect((await room.concluded(head, "success")).summary).toContain("by the word of `github:ada`");

    const next = await room.pushFiles(7, { "agents/model.yaml": model("another of the fork") });
    room.github.state.addPull({ number: 7, headSha: next, ...fork });
    reporting.nudge();
    await room.concluded(next, "action_required");
    const bot = await room.pushFiles(9, { "agents/model.yaml": model("from a bot") });
    room.github.state.addPull({ number: 9, headSha: bot, login: "dependabot[bot]" });
    const gone = await room.pushFiles(10, { "agents/model.yaml": model("from nowhere") });
    room.github.state.addPull({ number: 10, headSha: gone, headRepo: null });
    reporting.nudge();
    await Promise.all([bot, gone].map((sha) => room.concluded(sha, "action_required")));
  }, 60_000);

  it("begin anew after their maker died, and go when their pull request was closed meanwhile", async () => {
    room.runner();
    const head = await room.pushFiles(7, { "agents/model.yaml": model("slow", "mock-1", SLOW) });
    const env = `${room.prefix}7`;
    const half = {
      id: "half",
      pullRequest: 7,
      head,
      env,
      phase: "starting",
      end: null,
      by: null,
      tasks: [],
      left: 0,
      remarks: [],
      startedAt: new Date().toISOString(),
      endsAt: new Date().toISOString(),
    } as const;
    await writePreview(redis, room.env, half);
    await takePreviewEnvironment(redis, env, { of: room.env, id: "half" });
    await redis.set(`cw:{e:${env}}:half-made`, "1");
    expect(await reportOnce(room.reportingOptions())).toBeNull();
    await room.concluded(head, null);
    expect(await room.keys(7)).not.toContain(`cw:{e:${env}}:half-made`);
    await room.until("the runner", () => room.said.some((line) => line.includes("works in the preview")));

    // A runner that was killed in it counts as being there for a while.
    await enterPreview(redis, room.env, { pull: 7, runner: "lost", ttlMs: 2_000 });
    room.github.state.addPull({ number: 7, headSha: head, closed: true });
    await reportOnce(room.reportingOptions());
    expect(await findPreview(redis, room.env, 7)).toMatchObject({ end: "closed" });
    expect(await room.keys(7)).not.toEqual([]);
    await eventually("its keys to go", async () => {
      expect(await reportOnce(room.reportingOptions())).toBeNull();
      return (await findPreview(redis, room.env, 7)) === undefined;
    });
    expect(await room.keys(7)).toEqual([]);
    await reportOnce(room.reportingOptions());
    expect((await room.concluded(head, "cancelled")).title).toContain("the pull request was closed");
  }, 60_000);

  it("end by themselves where no runner takes them, and begin no more than there may be on one day", async () => {
    const lonely = await openPreviewRoom(redis, server.url, FILES, { waitMs: 100, maxPerDay: 1 });
    try {
      await lonely.tick();
      const reporting = lonely.reporting();
      const head = await lonely.pushFiles(7, { "agents/model.yaml": model("x") });
      reporting.nudge();
      expect((await lonely.concluded(head, "failure")).text).toContain("TASK_WAIT_TIMEOUT");
      const next = await lonely.pushFiles(8, { "agents/model.yaml": model("y") });
      reporting.nudge();
      expect((await lonely.concluded(next, "neutral")).summary).toContain("1 previews were started today");
    } finally {
      await lonely.close();
    }
  });

  it("are told as commit statuses where the token may make no checks", async () => {
    const options = room.reportingOptions();
    const personal = { ...options, github: { ...options.github, token: "personal-token" } };
    room.runner();
    const head = await room.pushFiles(7, { "agents/model.yaml": model("x") });
    expect(await reportOnce(personal)).toBeNull();
    const states = (): string[] =>
      room.github.state.statuses.filter(({ context }) => context.includes("preview")).map(({ state }) => state);
    await eventually("its end", async () => {
      expect(await reportOnce(personal)).toBeNull();
      return states().includes("success");
    });
    expect([states(), room.checks(head)]).toEqual([["pending", "success"], []]);
  });

  it("never take an environment that is there for something else", async () => {
    await redis.set(`cw:{e:${room.prefix}7}:head`, "somebody's");
    const head = await room.pushFiles(7, { "agents/model.yaml": model("x") });
    await reportOnce(room.reportingOptions());
    expect((await room.concluded(head, "neutral")).summary).toContain("is somebody else's");
    room.github.state.addPull({ number: 7, headSha: head, closed: true });
    await reportOnce(room.reportingOptions());
    expect(await room.keys(7)).toEqual([`cw:{e:${room.prefix}7}:head`]);
  });

  /** One look of a reconciler that polls. */
  async function hear(): Promise<void> {
    expect(await reportOnce(room.reportingOptions())).toBeNull();
  }

  /** Its chain is whole. */
  async function auditOf(env: string): Promise<string[]> {
    const lines: string[] = [];
    let prev = auditStart(env).hash;
    for await (const entry of readAuditLog(redis, env)) {
      expect([entry.prev, entry.hash]).toEqual([prev, hashOf(entry)]);
      prev = entry.hash;
      const { kind, pullRequest, why = "", tasks } = entry;
      const phases = (tasks as readonly { readonly phase?: string }[] | undefined)?.map(({ phase }) => phase ?? "");
      if (kind.startsWith("preview."))
        lines.push(
          `${kind} ${String(pullRequest)} ${String(why)}${phases?.map((phase) => (phase === "" ? "" : ` ${phase}`)).join("") ?? ""}`,
        );
    }
    return lines;
  }
});

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${what}`);
}
