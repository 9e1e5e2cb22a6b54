// What the failures of models mean and what to do: the text of `explain CODE` for what a task's `lastError` says.

export const MODEL_FAILURE_HELP: Readonly<Record<string, string>> = {
  MODEL_ADDRESS_REFUSED:
    "The name in `base_url` leads to this machine, to a private network or to a metadata service. Where a private one is meant, say `allow_private: true`, write the address itself, or start the runner with `--private-host`.",
  MODEL_AUTH: "The provider refused the key, or there is none. Look at the Secret behind `auth.secret_ref`.",
  MODEL_BAD_REQUEST: "The provider called the request wrong. Asked again, it would say the same: read its words.",
  MODEL_CIRCUIT_OPEN:
    "The endpoint failed too often in a row and is left alone for a while. The task waits and uses up no attempt; `describe modelendpoint NAME` says for how long.",
  MODEL_EMPTY: "The model answered nothing, neither text nor a tool call.",
  MODEL_ENDPOINT_INVALID: "The ModelEndpoint's `base_url` is missing or no http or https address.",
  MODEL_MALFORMED_ANSWER:
    "The answer was cut, was no JSON or contradicted itself. Nothing of it was acted on, and it is asked for again.",
  MODEL_NOT_FOUND: "There is no such model at the address. Check `default_model` and `base_url`.",
  MODEL_OPTION_INVALID: "An option of the ModelEndpoint does not have the form that it needs.",
  MODEL_PROVIDER_UNKNOWN: "The ModelEndpoint names a provider that there is not.",
  MODEL_RATE_LIMITED: "The provider limits calls (429). Tried again, not before the time that it asked for.",
  MODEL_REFUSED: "The model refused, or a filter of the provider held its answer back.",
  MODEL_STOP_UNKNOWN:
    "The model stopped for a reason that this version does not know, so nobody can tell whether its answer is whole.",
  MODEL_TIMEOUT: "The model took longer than the endpoint's `timeout`. Tried again.",
  MODEL_TRUNCATED:
    "The answer was cut at the limit of tokens; none of its tool calls was made. Raise `options.max_tokens`, or ask for less.",
  MODEL_UNAVAILABLE: "The provider could not be reached or failed (5xx). Tried again.",
  OUTPUT_INVALID: "The agent's output still does not fit its `execution.output_schema` after two repairs.",
  OUTPUT_SCHEMA_INVALID: "The agent's `execution.output_schema` is no JSON Schema that can be checked.",
};
