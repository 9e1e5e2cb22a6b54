// The GitHub App that a server is, from its two variables. Its key becomes an object that no log and no error can print.
import { createPrivateKey, type KeyObject } from "node:crypto";
import type { GithubApp } from "../reconciler/report/github/app-tokens.ts";

export interface GithubAppAnswer {
  readonly app: GithubApp | undefined;
  /** What is wrong with the variables, without what stands in the key's. */
  readonly problems: readonly string[];
}

const ID = "`COUNTWHEEL_GITHUB_APP_ID`";
const KEY = "`COUNTWHEEL_GITHUB_APP_PRIVATE_KEY`";

export function readGithubApp(id: string | undefined, key: string | undefined): GithubAppAnswer {
  if (id === undefined && key === undefined) return { app: undefined, problems: [] };
  if (key === undefined) return refused(`${ID} needs ${KEY} beside it, the text of the App's .pem file`);
  if (id === undefined) return refused(`${KEY} needs ${ID} beside it, the App's number or client ID`);
  if (!/^[\w.]{1,64}$/.test(id.trim())) return refused(`${ID} is an App's number or client ID, such as 123456`);
  const privateKey = parseKey(key);
  if (privateKey?.asymmetricKeyType !== "rsa")
    return refused(`${KEY} is no RSA private key in PEM: give the whole text of the .pem file that GitHub made`);
  return { app: { id: id.trim(), privateKey }, problems: [] };
}

/** Files of variables and many hosts keep a text in one line, with `\n` for its new lines. */
function parseKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text.replaceAll(String.raw`\n`, "\n").trim());
  } catch {
    // What it says may quote the text.
    return undefined;
  }
}

function refused(problem: string): GithubAppAnswer {
  return { app: undefined, problems: [problem] };
}
