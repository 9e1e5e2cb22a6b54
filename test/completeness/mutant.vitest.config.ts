// Runs tests over code from which one call of the gate is taken away, in memory: no file is touched.
import { defineConfig } from "vitest/config";
import { MUTANTS } from "./mutants.ts";

const mutant = MUTANTS[Number(process.env["COUNTWHEEL_TEST_MUTANT"])];

export default defineConfig({
  root: `${import.meta.dirname}/../..`,
  test: { include: ["test/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 60_000, maxWorkers: 1 },
  plugins: [
    {
      name: "mutant",
      enforce: "pre",
      transform(code, id) {
        if (mutant === undefined || !id.endsWith(`/${mutant.file}`)) return undefined;
        const parts = code.split(mutant.from);
        const at = (mutant.nth ?? 0) + 1;
        const fits = mutant.nth === undefined ? parts.length === 2 : parts.length > at;
        if (!fits) throw new Error(`${mutant.file} holds this ${parts.length - 1} times: ${mutant.from}`);
        return parts.slice(0, at).join(mutant.from) + mutant.to + parts.slice(at).join(mutant.from);
      },
    },
  ],
});
