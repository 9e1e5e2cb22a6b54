// A command as a process of its own: makes sure of the embedded server of a home, tells its pid, and waits to be killed.
import { readFile } from "node:fs/promises";
import { ensureEmbedded } from "../../../store/embedded/embedded.ts";
import { placeOf } from "../../../store/embedded/place.ts";

const [home = "", path = "", userHome = "", cacheHome = ""] = process.argv.slice(2);
const said: string[] = [];
const { url } = await ensureEmbedded({
  home,
  path,
  userHome,
  ...(cacheHome === "" ? {} : { cacheHome }),
  say: (line) => said.push(line),
});
const pid = Number(await readFile(placeOf(home).pid, "utf8"));
process.stdout.write(`${JSON.stringify({ url, pid, said: said.length })}\n`);
process.stdin.resume();
