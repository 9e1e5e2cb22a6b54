import { expect, test } from "vitest";
import { OpenedModels } from "../../../runner/models/opened-models.ts";
import { resolveHost } from "../../../runner/tools/checked-request.ts";
import { manifest } from "../world.ts";

const endpointOf = (spec: Readonly<Record<string, string>>, apiKey?: string) => ({
  namespace: "default",
  name: "m",
  spec: { default_model: "m-1", ...spec },
  ...(apiKey === undefined ? {} : { apiKey }),
});

test("opens a model once for the same manifest and key, and anew for another of either", async () => {
  const opened = new OpenedModels({ privateHosts: [], resolve: resolveHost });
  const spec = { provider: "openai" };
  const [one, other] = [manifest("ModelEndpoint", "m", spec), manifest("ModelEndpoint", "m", spec)];
  const model = await opened.open(one, endpointOf(spec, "key-1"));
  expect(await opened.open(one, endpointOf(spec, "key-1"))).toBe(model);
  expect(await opened.open(other, endpointOf(spec, "key-1"))).not.toBe(model);
  expect(await opened.open(one, endpointOf(spec, "key-2"))).not.toBe(model);
});

test("keeps no mock, which counts its failures, and nothing that could not be opened", async () => {
  const opened = new OpenedModels({ privateHosts: [], resolve: resolveHost });
  const mock = manifest("ModelEndpoint", "m", { provider: "mock" });
  expect(await opened.open(mock, endpointOf({ provider: "mock" }))).not.toBe(
    await opened.open(mock, endpointOf({ provider: "mock" })),
  );
  const broken = manifest("ModelEndpoint", "m", { provider: "openai" });
  await expect(opened.open(broken, endpointOf({ provider: "openai" }))).rejects.toThrow("is missing");
  await expect(opened.open(broken, endpointOf({ provider: "openai" }))).rejects.toThrow("is missing");
  expect(await opened.open(broken, endpointOf({ provider: "openai" }, "key"))).toMatchObject({ provider: "openai" });
});
