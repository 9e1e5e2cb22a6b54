// The key names of previews: what is kept of them beside the environment that they are made for, and in their own.
import { environmentTag, queuePrefix } from "./keys.ts";

export interface PreviewKeys {
  /** hash: number of a pull request → its preview. */
  readonly previews: string;
  /** hash: number of a pull request → somebody's word that a head of it may run. */
  readonly words: string;
  /** zset: id of a preview → when it was started, in ms. */
  readonly starts: string;
  /** zset: `<number> <runner>` → until when that runner may be at work in that preview, in ms. */
  readonly runners: string;
}

export function previewKeys(env: string): PreviewKeys {
  const tag = environmentTag(env);
  return {
    previews: `${tag}:previews`,
    words: `${tag}:preview-words`,
    starts: `${tag}:preview-starts`,
    runners: `${tag}:preview-runners`,
  };
}

/** string, in the preview's own environment: the environment that it is a preview of. */
export function previewOfKey(preview: string): string {
  return `${environmentTag(preview)}:preview-of`;
}

/** Patterns of all keys of an environment. Nothing in a name means anything in a pattern. */
export function environmentPatterns(env: string): readonly string[] {
  return [`${environmentTag(env)}:*`, `${queuePrefix(env)}:*`, `cw:{t:${env}/*`, `cw:{m:${env}/*`];
}
