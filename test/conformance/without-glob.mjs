// For the suite on Node 20: `globSync` of `fs`, which it imports for commands that are not used here, came with Node 22.
import { register } from "node:module";

const hook = `
export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.includes("/@modelcontextprotocol/conformance/dist/")) return loaded;
  const source = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source);
  return { ...loaded, source: source.replace(/globSync as [^,]+,/, "") };
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
