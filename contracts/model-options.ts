// The options of each model provider that Countwheel hands on, and the form of their values; manifests hold them as text.

export type OptionForm = "number" | "text" | "flag" | "json";
export type OptionForms = Readonly<Record<string, OptionForm>>;

const EVERYWHERE = { max_tokens: "number", temperature: "number", top_p: "number", reasoning_effort: "text" } as const;

const ANTHROPIC = {
  ...EVERYWHERE,
  top_k: "number",
  stop: "json",
  stop_sequences: "json",
  service_tier: "text",
  thinking: "json",
  prompt_cache: "text",
} as const;

const OPENAI = {
  ...EVERYWHERE,
  frequency_penalty: "number",
  presence_penalty: "number",
  seed: "number",
  stop: "json",
  response_format: "json",
  verbosity: "text",
  service_tier: "text",
  user: "text",
  parallel_tool_calls: "flag",
  prompt_cache_key: "text",
  prompt_cache_retention: "text",
  truncation: "text",
  organization: "text",
  project: "text",
  api: "text",
  stream: "flag",
  dimensions: "number",
} as const;

/** Servers that imitate OpenAI know a few samplers more. */
const IMITATOR = { ...OPENAI, top_k: "number", min_p: "number", repetition_penalty: "number" } as const;
const AZURE = { ...OPENAI, api_version: "text" } as const;

export const MODEL_PROVIDERS = ["openai", "anthropic", "azure-openai", "openai-compatible", "ollama", "mock"] as const;
export type ModelProvider = (typeof MODEL_PROVIDERS)[number];

/** The mock takes the place of any provider, so it bears the options of all of them. */
export const MODEL_OPTIONS: Readonly<Record<ModelProvider, OptionForms>> = {
  openai: OPENAI,
  anthropic: ANTHROPIC,
  "azure-openai": AZURE,
  "openai-compatible": IMITATOR,
  ollama: IMITATOR,
  mock: { ...ANTHROPIC, ...IMITATOR, ...AZURE, script: "text" },
};

export function isModelProvider(name: string): name is ModelProvider {
  return MODEL_PROVIDERS.some((provider) => provider === name);
}

export type ReadOption =
  | { readonly outcome: "ok"; readonly value: unknown }
  /** `wanted`: `a number`. */
  | { readonly outcome: "wrong"; readonly wanted: string };

/** For `json`, `END` means the text itself, `["END"]` a list. */
export function readOption(text: string, form: OptionForm): ReadOption {
  switch (form) {
    case "text":
      return { outcome: "ok", value: text };
    case "flag":
      return /^(true|false)$/.test(text) ? { outcome: "ok", value: text === "true" } : wrong("true or false");
    case "number":
      return text.trim() !== "" && Number.isFinite(Number(text))
        ? { outcome: "ok", value: Number(text) }
        : wrong("a number");
    case "json":
      return readJson(text);
  }
}

function readJson(text: string): ReadOption {
  if (!/^\s*[[{]/.test(text)) return { outcome: "ok", value: text };
  try {
    return { outcome: "ok", value: JSON.parse(text) as unknown };
  } catch {
    // Only a SyntaxError comes from here, and its words say less than the form that is wanted.
    return wrong("JSON");
  }
}

function wrong(wanted: string): ReadOption {
  return { outcome: "wrong", wanted };
}
