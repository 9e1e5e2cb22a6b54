// Where an environment stands as GitHub's deployments: from a real branch through real looks to what GitHub holds.
import { describe, expect, it } from "vitest";
import { standingOf } from "../../../../reconciler/report/deployments/standing.ts";
import { reportOnce } from "../../../../reconciler/report/start-reporting.ts";
import { type PullRoom, withPullRooms } from "../pull-room.ts";

const NAMES = ["m1", "m2", "m3", "m4", "m5"];
const modelOf = (name: string): string =>
  `kind: ModelEndpoint\nmetadata:\n  name: ${name}\nspec:\n  provider: mock\n  default_model: mock-1\n`;
const MODELS = Object.fromEntries(NAMES.map((name) => [`agents/${name}.yaml`, modelOf(name)]));
const NO_MODELS = Object.fromEntries(NAMES.map((name) => [`agents/${name}.yaml`, null]));
const TARGET = { environment: "production", url: "https://agents.test/production" };

let room: PullRoom;

withPullRooms((opened) => {
  room = opened;
}, MODELS);
type Standing = ReturnType<typeof standingOf>;

const report = (standing: Standing) => reportOnce(room.options({ deployment: TARGET, standing: () => standing }));

/** A look at the branch, and one of the report. */
async function look(): Promise<string> {
  const result = await room.tick();
  expect(await report(standingOf(result))).toBeNull();
  return result.outcome;
}

const head = (): Promise<string> => room.repository.git("rev-parse", "main");
/** Of each deployment its states, in order. */
const states = (): unknown[][] =>
  room.github.state.deployments.map(({ statuses }) => statuses.map(({ state }) => state));
const asked = () => room.github.requests.filter(({ path }) => path.includes("/deployments"));

describe("an environment with a deployment", () => {
  it("shows the commit that is applied, puts the one before away, and asks nothing where nothing moved", async () => {
    // A check of somebody else's that has not ended: GitHub refuses deployments that do not say that it may.
    const words = { name: "ci", externalId: "", title: "", summary: "", text: "", actions: [], annotations: [] };
    const ci = { id: 1, app: "ci", headSha: await head(), status: "in_progress", conclusion: null, ...words };
    room.github.state.checkRuns.push(ci);
    expect(await look()).toBe("applied");
    const [first] = room.github.state.deployments;
    expect(first).toMatchObject({ sha: await head(), environment: "production", task: "countwheel" });
    expect(first?.statuses).toEqual([
      {
        state: "success",
        description: "Applied as #1",
        log_url: expect.stringContaining(`/acme/agents/commit/${await head()}/checks`),
        environment_url: TARGET.url,
        auto_inactive: false,
      },
    ]);
    const before = asked().length;
    await look();
    expect(asked()).toHaveLength(before);
    await room.repository.commit({ "agents/m6.yaml": modelOf("m6") });
    await look();
    expect(states()).toEqual([["success", "inactive"], ["success"]]);
    expect(asked()).toHaveLength(before + 3);
  });

  it("shows what waits for a person as queued, says why, and goes on with the same deployment", async () => {
    await look();
    await room.repository.commit(NO_MODELS);
    expect(await look()).toBe("held");
    await look();
    const [, waits] = room.github.state.deployments;
    expect(waits?.statuses).toMatchObject([{ state: "queued", description: expect.stringMatching(/^Waits: .*prune/) }]);
    expect(String(waits?.statuses[0]?.["description"]).length).toBeLessThanOrEqual(140);
    // A reconciler that has just started has not looked yet: it takes nothing back.
    await report(undefined);
    expect(states()).toEqual([["success"], ["queued"]]);
    expect((await room.tick({ confirmPrunes: 5 })).outcome).toBe("applied");
    await report(null);
    expect(states()).toEqual([
      ["success", "inactive"],
      ["queued", "success"],
    ]);
  });

  it("puts away what nobody waits for any more, and leaves what failed as it is", async () => {
    await look();
    await room.repository.commit(NO_MODELS);
    await look();
    await room.repository.commit({ ...MODELS, "agents/broken.yaml": "kind: Agent\nmetadata: {name: x}\nspec: {}\n" });
    expect(await look()).toBe("invalid");
    expect(states()).toEqual([["success"], ["queued", "inactive"], ["failure"]]);
    await room.repository.commit({ "agents/broken.yaml": null, "agents/m6.yaml": modelOf("m6") });
    expect(await look()).toBe("applied");
    expect(states()).toEqual([["success", "inactive"], ["queued", "inactive"], ["failure"], ["success"]]);
  });

  it.each([
    [
      "the answer to its making is lost",
      { method: "POST", path: /deployments$/, times: 1, status: 502, afterEffect: true },
    ],
    ["GitHub is away", { method: "POST", path: /deployments$/, times: 1, status: 503 }],
    ["its state cannot be set", { method: "POST", path: /deployments\/\d+\/statuses/, times: 1, status: 502 }],
  ])("has one deployment where %s", async (_, fault) => {
    const result = await room.tick();
    room.github.fail(fault);
    expect(await report(standingOf(result))).toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    await look();
    await look();
    expect(states()).toEqual([["success"]]);
  });

  it("is told of once where the token may make none, or GitHub does not know the commit, and the rest is reported", async () => {
    const refuse = { method: "POST", path: /deployments$/, times: 1, status: 403 };
    room.github.fail(refuse);
    await look();
    expect(room.said).toEqual([expect.stringContaining("no deployments are told of")]);
    expect(room.github.state.checkRuns).toHaveLength(1);
    room.github.fail({ ...refuse, status: 422, message: "No ref found" });
    for (let time = 0; time < 3; time += 1) await look();
    expect(room.said).toHaveLength(2);
    expect([states(), asked().filter(({ method }) => method === "POST").length]).toEqual([[], 2]);
    await room.repository.commit({ "agents/m6.yaml": modelOf("m6") });
    await look();
    expect(states()).toEqual([["success"]]);
  });
});

it("is asked for nothing where none is wanted", async () => {
  await room.tick();
  expect(await reportOnce(room.options({ standing: () => null }))).toBeNull();
  expect(asked()).toEqual([]);
});
