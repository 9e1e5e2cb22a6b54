// Rules of ModelEndpoints that no schema can tell.
import type { ModelEndpointSpec } from "../../../contracts/kinds/model-endpoint.ts";
import { parseMockScript } from "../../../contracts/mock-script.ts";
import { isModelProvider, MODEL_OPTIONS, MODEL_PROVIDERS, readOption } from "../../../contracts/model-options.ts";
import { didYouMean } from "../near-match.ts";
import type { Remarks } from "./remarks.ts";

export function checkModelEndpoint(spec: ModelEndpointSpec, remarks: Remarks): void {
  if (spec.base_url !== undefined && !isHttpUrl(spec.base_url)) {
    remarks.complain("/base_url", "`base_url` is no http or https address");
  }
  checkProvider(spec, remarks);
  const script = spec.provider === "mock" ? spec.options?.["script"] : undefined;
  if (script === undefined) return;
  const answer = parseMockScript(script);
  if (answer.outcome === "ok") return;
  const detail = "It is a JSON array of rules; see: countwheel explain ModelEndpoint.spec.options";
  for (const problem of answer.problems)
    remarks.refuse("/options/script", `the mock's script is wrong: ${problem}`, detail);
}

function checkProvider({ provider = "openai", base_url, options = {} }: ModelEndpointSpec, remarks: Remarks): void {
  if (!isModelProvider(provider)) {
    const hint = didYouMean(provider, MODEL_PROVIDERS) || `There are ${MODEL_PROVIDERS.join(", ")}.`;
    return remarks.complain("/provider", `there is no provider \`${provider}\``, hint);
  }
  if (base_url === undefined && NO_ADDRESS_OF_ITS_OWN.includes(provider)) {
    remarks.complain("", `provider \`${provider}\` needs a \`base_url\``);
  }
  const known = MODEL_OPTIONS[provider];
  for (const [name, text] of Object.entries(options)) {
    const form = Object.hasOwn(known, name) ? known[name] : undefined;
    const pointer = `/options/${name}`;
    if (form === undefined) {
      const hint = didYouMean(name, Object.keys(known));
      remarks.complain(
        pointer,
        `provider \`${provider}\` has no option \`${name}\``,
        `${hint} It is not handed on.`.trim(),
      );
      continue;
    }
    const read = readOption(text, form);
    if (read.outcome === "wrong") remarks.complain(pointer, `\`${name}\` is not ${read.wanted}`);
  }
}

const NO_ADDRESS_OF_ITS_OWN: readonly string[] = ["azure-openai", "openai-compatible"];

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
