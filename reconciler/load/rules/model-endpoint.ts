// Rules of ModelEndpoints that no schema can tell.
import type { ModelEndpointSpec } from "../../../contracts/kinds/model-endpoint.ts";
import { parseMockScript } from "../../../contracts/mock-script.ts";
import type { Remarks } from "./remarks.ts";

export function checkModelEndpoint(spec: ModelEndpointSpec, remarks: Remarks): void {
  if (spec.base_url !== undefined && !isHttpUrl(spec.base_url)) {
    remarks.complain("/base_url", "`base_url` is no http or https address");
  }
  const script = spec.provider === "mock" ? spec.options?.["script"] : undefined;
  if (script === undefined) return;
  const answer = parseMockScript(script);
  if (answer.outcome === "ok") return;
  const detail = "It is a JSON array of rules; see: countwheel explain ModelEndpoint.spec.options";
  for (const problem of answer.problems)
    remarks.refuse("/options/script", `the mock's script is wrong: ${problem}`, detail);
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
