// The kind Secret: credentials by key. Values in Git are a problem; `from` and `sealed` keep them out of it.
import type { SpecFrom } from "../schema.ts";
import { TEXT, TEXT_MAP } from "./field-schemas.ts";

export const SECRET_SCHEMA = {
  type: "object",
  description: "Credentials by key. Other manifests name them as `name:key`; without a key `value` is meant.",
  additionalProperties: false,
  properties: {
    data: { ...TEXT_MAP, description: "Key → value in base64. Anybody who can read the repository can read it." },
    string_data: { ...TEXT_MAP, description: "Key → value in plain text; wins over `data`." },
    from: {
      type: "object",
      description: "Key → where the runner finds the value, within what the runner allows (Countwheel).",
      additionalProperties: {
        type: "object",
        additionalProperties: false,
        properties: {
          env: { ...TEXT, description: "An environment variable of the runner." },
          file: { ...TEXT, description: "A file in the runner's secret folder." },
          sops: { ...TEXT, description: "A file there that SOPS has encrypted; the runner opens it with `sops`." },
          path: {
            ...TEXT,
            description: "Where the value is in that file, `db.password` or `/db/password`. By default the key.",
          },
        },
      },
    },
    sealed: { ...TEXT_MAP, description: "Key → value encrypted with age for the runners (Countwheel)." },
  },
} as const;

export type SecretSpec = SpecFrom<typeof SECRET_SCHEMA>;
