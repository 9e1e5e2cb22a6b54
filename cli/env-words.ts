/** What a command that is suggested next needs to be about the same environment. Begins with a space, or is empty. */
export function envWords(env: string): string {
  return env === "default" ? "" : ` --env ${env}`;
}
