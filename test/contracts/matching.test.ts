import { describe, expect, it } from "vitest";
import {
  type Announced,
  lacking,
  matches,
  type Requirements,
  readRequirements,
  requirementsText,
  whyWaiting,
} from "../../contracts/matching.ts";

const plain: Announced = { gpu: false, models: [] };
const strong: Announced = { region: "eu", gpu: true, models: ["llama", "qwen"] };

describe("a runner", () => {
  it.each<[Requirements, Announced, readonly string[]]>([
    [{}, plain, []],
    [{ gpu: true }, plain, ["gpu"]],
    [{ region: "eu", gpu: true }, plain, ["region", "gpu"]],
    [{ region: "us" }, strong, ["region"]],
    [{ region: "eu", gpu: true, model: "qwen" }, strong, []],
    [{ model: "gpt" }, strong, ["model"]],
    [{ model: "gpt" }, plain, []],
  ])("that is asked for %j and announces %j lacks %j", (required, announced, lacks) => {
    expect([lacking(required, announced), matches(required, announced)]).toEqual([lacks, lacks.length === 0]);
  });
});

describe("requirements", () => {
  it("have one text, whatever the order in which they stand, and none where nothing is required", () => {
    expect(requirementsText({ model: "m", gpu: true })).toBe(requirementsText({ gpu: true, model: "m" }));
    expect(requirementsText(readRequirements({ region: "", gpu: false }))).toBe("");
  });
});

describe("why a task waits", () => {
  it("is nothing where a runner may work on it", () => {
    expect(
      whyWaiting({ gpu: true }, [
        { id: "r1", ...plain },
        { id: "r2", ...strong },
      ]),
    ).toBeUndefined();
  });

  it("is that there is no runner", () => {
    expect(whyWaiting({ gpu: true }, [])).toEqual({
      reason: "NO_RUNNER",
      missing: ["gpu"],
      message: "no runner is at work; the task requires gpu",
    });
    expect(whyWaiting({}, [])?.message).toBe("no runner is at work");
  });

  it("is what nobody announces, with the runner that lacks least", () => {
    const runners = [
      { id: "r1", ...plain },
      { id: "r2", ...plain, region: "eu" },
      { id: "r3", ...plain },
    ];
    expect(whyWaiting({ region: "eu", gpu: true }, runners)).toEqual({
      reason: "NO_MATCHING_RUNNER",
      missing: ["gpu"],
      message: "no runner announces gpu; 3 runners seen, nearest r2 lacks gpu",
    });
  });

  it("is the combination, where each thing is announced by somebody", () => {
    const runners = [
      { id: "r1", ...plain, region: "eu" },
      { id: "r2", ...plain, gpu: true },
    ];
    expect(whyWaiting({ region: "eu", gpu: true }, runners)?.message).toBe(
      "no runner announces region eu with gpu; 2 runners seen, nearest r1 lacks gpu",
    );
  });
});
