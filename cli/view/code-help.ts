// What every code of a problem, of a denial and of a task's failure means, and what to do: the text of `explain CODE`.
import type { ProblemCode } from "../../contracts/problem.ts";
import type { DenialCode } from "../../policies/request.ts";

export const PROBLEM_HELP: Readonly<Record<ProblemCode, string>> = {
  SYNTAX:
    "The file is not YAML 1.2 or JSON at this place, or a key is written twice. In orloj.dev/v1, lines that YAML refuses and Orloj reads as plain text are a warning.",
  ENCODING: "The file is not UTF-8 text. Save it as UTF-8, without NUL characters.",
  LIMIT:
    "The file or document is larger, deeper or longer than any manifest needs to be. Split it, or move it elsewhere.",
  SCHEMA:
    "A field is missing, or its value is not what the kind asks for. `countwheel explain Kind.path` tells what it takes.",
  UNKNOWN_FIELD:
    "The kind has no such field. An error in countwheel.dev/v1; a warning in orloj.dev/v1, where the field is ignored.",
  UNKNOWN_KIND: "The document's kind is none of ours. It is skipped, unless it looks like a slip, which is an error.",
  UNKNOWN_API_VERSION: "The apiVersion is not known. Write orloj.dev/v1, or countwheel.dev/v1 for strict checks.",
  DANGLING_REFERENCE:
    "A manifest names another one that nothing in the set declares. An error where the work needs it; a warning where it may exist outside Git, or where a rule names nothing and so never holds.",
  DUPLICATE_ADDRESS: "Two manifests have the same kind, namespace and name. Rename one, or take it away.",
  DUPLICATE_TOOL_NAME:
    "Two tools come to one name. In names of tools `_` and `.` count as `-`, and those of MCP servers are `<server>--<tool>`.",
  PLAINTEXT_SECRET:
    "A credential stands in Git in plain text. Read it from the runner with `from.<key>.env` in a Secret, and change it: whoever could read the repository has it. A warning in orloj.dev/v1, an error in countwheel.dev/v1.",
  LIKELY_CREDENTIAL:
    "A text that looks like a credential of an issuer, or like a password in a URL or an argument, stands in a file, be it in a comment. Change it where it was issued, and name it by a Secret (`from`, or `countwheel secret seal`). If it is none, the annotation `countwheel.dev/not-a-credential` with the fingerprint of the message says so. A warning in orloj.dev/v1, an error in countwheel.dev/v1.",
  CYCLE:
    "A task runs a system whose graph has a cycle, and no `max_turns` ends it for sure; or manifests need each other in a circle.",
  MOVE_CONFLICT:
    "`countwheel.dev/moved-from` names something that cannot have moved: it is still declared, another manifest claims it too, both exist already, or it is no name of this kind.",
  STATUS_IGNORED: "`status` is kept by Countwheel. In a file it has no effect and can be taken away.",
  UNSUPPORTED_FILE: "A symbolic link, a submodule or a name that cannot be read. It is never followed.",
  PATH_COLLISION: "Two paths differ only in case or in Unicode form, and would be one file on some machines.",
  NOT_A_MANIFEST: "A YAML or JSON document without a `kind`. It is skipped.",
  OVERLAY:
    "A patch of an overlay that cannot be applied: it names no manifest of the set, or changes which one it is (kind, name, namespace, apiVersion).",
  POLICY_TEST:
    "A case of a PolicyTest that the gate answers otherwise than it expects. The detail tells what the gate said, and by which rules. Mend the policy, or the case.",
};

export const DENIAL_HELP: Readonly<Record<DenialCode, string>> = {
  DEFAULT_DENY: "Nothing allowed the call, and a policy says `default: deny`.",
  TOOL_NOT_LISTED: "The agent does not list the tool. Add it to the agent's `tools`.",
  TOOL_BLOCKED: "A policy in scope blocks the tool (`blocked_tools`, or a rule with `effect: deny`).",
  TOOL_ARG_FORBIDDEN:
    "A rule forbids these arguments, or cannot judge them: one is missing, of a type that the rule cannot compare, or written ambiguously. The reason names the argument and what it must be.",
  TOOL_UNKNOWN: "No manifest and no MCP server provides the tool.",
  TOOL_DRIFTED: "The tool's definition is not the one that was pinned.",
  PERMISSION_MISSING: "The agent's roles do not hold a permission that a ToolPermission asks for.",
  ROLE_MISSING: "The agent names a role that does not exist.",
  OPERATION_DENIED: "An operation rule of a ToolPermission denies this class of operation.",
  MODEL_NOT_ALLOWED: "A policy in scope lists `allowed_models`, and this model is not among them.",
  BUDGET_TOKENS:
    "The call could exceed a limit on tokens (`max_tokens_per_run`, `budgets`). They are reserved before a call and settled after it; the reason names the policy, and `countwheel describe AgentPolicy/NAME` shows what is left.",
  BUDGET_COST:
    "The call could exceed a limit on money (`max_cost_usd_per_run`, `budgets`), or nobody knows its price: set `price` on the ModelEndpoint.",
  BUDGET_STEPS: "The call could exceed a limit on calls (`max_calls`, or `steps` and `calls` of `budgets`).",
  BUDGET_WALL:
    "The task, or the agent, has been at work for as long as `budgets` allow (`wall`). A call that began in time may finish.",
  RATE_LIMITED:
    "The `rate` of a policy is used up until its next window begins. It counts everything in the policy's scope together.",
  APPROVAL_REQUIRED:
    "A rule asks a person first. `countwheel get approvals` lists what waits; a question to a verify tool cannot wait and is denied.",
  APPROVAL_DENIED:
    "A person denied this call. Who and why stand in the trace. `countwheel retry` of the task asks anew.",
  APPROVAL_EXPIRED:
    "Nobody approved this call in time, or no runner used the approval before it expired. Raise `approval.ttl` of the rule (10m, 720h at most), then `countwheel retry` the task: it asks anew.",
  APPROVAL_MISMATCH:
    "The approval is for another call: the arguments, the tool's definition or the policies have changed since. The call is asked about anew; look at what changed before you approve it.",
  FLOW_VIOLATION:
    "A rule of `flow` forbids that data which the agent has read goes to this tool, or a rule of `sequence` wants another call before, or not before, this one. The reason names the labels with the calls that they came with.",
  EGRESS_DENIED:
    "The call would reach a host that `egress` of a policy in scope does not list, or a place that nobody can tell: the endpoint of its manifest, or an argument that the Tool lists in `url_arguments`.",
  SECRET_NOT_GRANTED:
    "The call uses a Secret that `allowed_secrets` of a policy in scope does not list. Add it there, or take it from what names it.",
  SANDBOX_UNAVAILABLE:
    "The runner has no sandbox of the kind that the tool needs: no bubblewrap that works, or no Docker or Podman whose engine answers. The message says which, and what to do.",
  POLICY_ERROR: "A policy in scope cannot be read or evaluated, so nothing in its scope is allowed.",
  POLICY_UNAVAILABLE: "The policies could not be read, so nothing is allowed.",
  AUDIT_UNAVAILABLE:
    "Redis refused for good to take the record of a decision, so what was decided does not happen. The message says what it refused: rights of the user in the Redis URL, or a key that somebody else wrote to. `countwheel doctor` looks, too; then `countwheel retry` the task. While Redis only cannot be reached, runners wait for it instead.",
  LEASE_LOST: "The runner lost its lease on the activation and may not act any more.",
};

/** Of tasks, as `lastError` and the trace name them; see docs/tasks.md. */
export const FAILURE_HELP: Readonly<Record<string, string>> = {
  EFFECT_UNKNOWN:
    "A write had begun and nobody knows whether it happened. Look, then say so with `countwheel resolve`. A `verify` tool or `on_unknown` in the Tool's manifest spares you the question.",
  KILLS_RUNNERS:
    "Runners were lost again and again while they worked on this task, so no other one gets it. Find out why they died, then `countwheel retry`.",
  RUNNER_LOST: "The runner gave no sign of life for a lease, and another one took over. It counts as a try.",
  TASK_WAIT_TIMEOUT: "No runner claimed the task within `limits.wait`. Start one that fits, then `countwheel retry`.",
  TASK_TIMEOUT: "The task did not end within `limits.duration` of its first claim. Raise it, or `countwheel retry`.",
  AGENT_TIMEOUT:
    "One attempt of an agent took longer than its `limits.timeout`. It is tried again where the task allows it.",
  CONTRACT_VIOLATED:
    "The agent said that it was done, twice asked again, without what its `execution` demands: a tool of `tool_sequence` has not answered, or a marker is not in the output. `on_contract_violation: observe` would only record it.",
  DUPLICATE_TOOL_CALL:
    "The agent repeated a call with the same arguments. It was answered with the earlier result, or denied (`execution.duplicate_tool_call_policy`); `allow` would make it again.",
  MAX_STEPS: "An agent was not done after `limits.max_steps` turns.",
  COMMAND_NOT_STARTED: "The program that a Tool or an McpServer names is not on this runner, or cannot be run.",
  COMMAND_NOT_ALLOWED:
    "The runner was told by `--allow-command` what manifests may start, and this program is not among it, or its manifest sets variables that would run another one.",
  IMAGE_NOT_ALLOWED:
    "A Tool or an McpServer names a container image, and the runner was not told by `--allow-image` that manifests may run it.",
  MCP_INPUT_REQUIRED:
    "An MCP server asked a person for more in the midst of a call, and a runner has nobody to ask. `elicitation: defaults` of the McpServer answers forms with their own defaults; what needs a decision, give the tool as an argument, or ask people before the call by a policy (docs/approvals.md).",
  MCP_IMAGE_UNAVAILABLE:
    "An McpServer names a container image, and the runner has no `docker` or `podman` on its PATH whose engine answers. `docker ps`, as the runner's user, says why.",
  IMAGE_NOT_PULLED:
    "A container image is not on the runner, and its engine could not bring it, or has not done so yet. The message has its words. A login for its registry is named by `image_pull_secret`.",
  IMAGE_LOGIN_INVALID:
    "The Secret that `image_pull_secret` names holds neither `user:password` nor a `config.json` with `auths`, as `docker login` writes it.",
  CONTAINER_FAILED:
    "The engine did not run the container of a `cli` tool, or lost it (exit code 125, which a program may say, too). The message has its words. A write may have happened.",
  COMMAND_KILLED:
    "A signal ended the program of a `cli` tool: a limit of its sandbox or container, the machine's memory, or a person. A write may have happened.",
  COMMAND_FLOODS: "The program of a `cli` tool wrote more than 64 MiB and was ended. A write may have happened.",
  TOOL_ANSWER_INVALID:
    "A tool answered, and not as its contract or its method says (docs/tool-contract.md); the message tells what is wrong. A write may have happened.",
  TOOL_RESULT_TOO_LARGE:
    "A tool that speaks the tool contract answered with more than 8 MiB. A write may have happened.",
  TOOL_ANSWER_LOST:
    "A `webhook-callback` tool took the call, cannot send its answer to us, and does not know of the call when it is asked at `<endpoint>/<request_id>`. Give the runner a `--callback-url`, or the tool such a place.",
  PLAINTEXT_REFUSED: "`grpc.plaintext` is for this machine and private networks: at a public address TLS is spoken.",
  WASM_NOT_PINNED:
    "A `wasm` tool has no `wasm.sha256`. Only the module that it names is run: `sha256sum FILE` tells it.",
  WASM_UNAVAILABLE: "The runner was not told by `--wasm-dir` where modules of `wasm` tools lie, and runs none.",
  WASM_MODULE_MISSING:
    "The module of a `wasm` tool is below no folder of the runner's `--wasm-dir`, links followed first.",
  WASM_MODULE_CHANGED:
    "The module on the runner is not the one that `wasm.sha256` names. Put the reviewed one there, or commit the new digest.",
  SECRET_MISSING:
    "A Secret that something needs has no value on this runner. The message says where it would be looked for.",
  SECRET_REFUSED:
    "A Secret names a variable or a file that this runner does not allow. Allow it with `--secret-env` or `--secret-dir`, or name another one.",
  SECRET_IDENTITY_MISSING:
    "A value is sealed with age, and the runner has no identity to open it, or cannot read the one it was given. Start it with `--age-identity FILE`, or set COUNTWHEEL_AGE_IDENTITY.",
  SECRET_IDENTITY_WRONG:
    "A value is sealed for none of the age identities that the runner has. Seal it again for its recipient, or give the runner the identity that it is for.",
  SECRET_SEALED_DAMAGED:
    "A sealed value is no age file any more: it was changed, cut, or holds no text. Seal it again with `countwheel secret seal`.",
  SECRET_SEALED_ELSEWHERE:
    "A sealed value was copied from another Secret or another key. `countwheel secret seal` binds each to one place, so that nobody can have it opened for something else. After a rename, seal it again.",
  SECRET_SOPS_UNAVAILABLE:
    "A Secret names a file that SOPS has encrypted, and the runner has no `sops` on its PATH, or it did not answer in time. Install it (https://getsops.io) for the runner.",
  SECRET_SOPS_CLOSED:
    "`sops` has no key for the file. Give the runner what it needs: `--age-identity FILE`, SOPS_AGE_KEY_FILE, or the variables of the key service; or encrypt the file for the runner, too.",
  SECRET_SOPS_DAMAGED:
    "What SOPS has encrypted was changed by something else than `sops`, or is cut. Take the file from Git's history, and change it with `sops`.",
  SECRET_SOPS_FAILED: "`sops` could not open the file. The message has its words.",
  TOKEN_REFUSED:
    "The place at `auth.tokenURL` gave no token. Look at the Secret, the address and the scopes; the message has its words, and names the keys.",
  TOKEN_UNAVAILABLE:
    "The place at `auth.tokenURL` did not answer, or is ill. The tool was not called; it is tried again.",
  TOKEN_GRANT_ENDED:
    "A person's login at an MCP server is over: it was revoked, ran out, or its newest token was lost. The issuer is not asked again. `countwheel mcp login SERVER` begins another one; commit what it writes.",
  TOKEN_GRANT_ELSEWHERE:
    "A person's login was for another endpoint, `auth.tokenURL` or `auth.issuer` than the manifest of the MCP server names now. It is used for what the person saw and for nothing else: put that back, or log in anew with `countwheel mcp login SERVER`.",
  TOKEN_RENEWAL_DAMAGED:
    "What Redis keeps of a login was written by somebody who does not have its key. Find out who; then log in anew with `countwheel mcp login SERVER`.",
  TOKEN_NEEDS_STATE:
    "A login is renewed where all runners hear of it. Name their Redis with `--redis` or COUNTWHEEL_REDIS_URL.",
  MCP_SCOPE:
    "An MCP server wants more scopes for a call than the token has; the message names them. Log in with them: `countwheel mcp login SERVER --scope SCOPE`; for client credentials add them to `auth.scopes`.",
  LOGIN_NOT_OFFERED:
    "An MCP server wants nobody to log in, or is a program. `auth` of its manifest can name a credential of another kind.",
  LOGIN_METADATA:
    "What an MCP server or its authorization server says of itself cannot be read, is incomplete, or lies with somebody else. The message says which; whoever runs the server mends it. One without PKCE (S256) is not used.",
  LOGIN_RESOURCE_MISMATCH:
    "An MCP server describes itself as another resource than its address: a token would be good elsewhere. Nothing was sent. Check `endpoint`.",
  LOGIN_ISSUER_MISMATCH:
    "An authorization server calls itself another issuer than the one that was asked, or the browser came back with the answer of another one (RFC 9207). Nothing was sent to it.",
  LOGIN_ISSUER_CHANGED:
    "An MCP server names another authorization server than `auth.issuer` of its manifest. Where you know why, take `issuer` out and log in again; the change is reviewed like any other.",
  LOGIN_INSECURE:
    "A login would go over plain HTTP to somewhere that is not this machine or a private network. Nothing was sent.",
  LOGIN_CLIENT:
    "There is no client to log in as. Where the issuer registers none by itself, register one by hand and name it: `--client-id`, `--client-secret-file`, `--port`.",
  LOGIN_STATE: "The browser came back with the answer to another login. Nothing was sent. Begin again.",
  LOGIN_DENIED: "The authorization server, or the person there, said no. The message has its code.",
  LOGIN_REFUSED: "The authorization server gave no token for the person's yes. The message has its code; begin again.",
  LOGIN_TIMEOUT:
    "Nobody came back from the browser in time. Begin again; `--no-browser` is for one on another machine.",
  TOOL_ARGUMENTS_INVALID: "The model's arguments do not fit the tool. It reads why, and may call again.",
  TOOL_TIMEOUT: "A tool did not answer within its `runtime.timeout`.",
  NOT_FAILED: "Only tasks that are Failed or DeadLetter can be tried again with `countwheel retry`.",
  APPROVAL_NOT_ALLOWED:
    "The rule that asks names other `approvers`, or wants somebody else than who asked for the task (`not_requester`). `countwheel describe approval NAME` shows who may answer. You are `token:NAME` with COUNTWHEEL_TOKEN, `github:LOGIN` with --github, and else `local:` and the user of this machine.",
  API_TOKEN_REFUSED:
    "COUNTWHEEL_TOKEN holds no token of this environment: it was revoked, was made in another environment, is empty or not whole. Nothing was done: a token that is not good is never passed over. `countwheel token list` shows the names of those that are there, `countwheel token create NAME` makes one.",
  API_TOKEN_EXPIRED:
    "The token in COUNTWHEEL_TOKEN was good for a time that is over. Revoke it and make another: `countwheel token revoke NAME`, `countwheel token create NAME --ttl 90d`.",
  API_TOKEN_NOT_ALLOWED:
    "The token in COUNTWHEEL_TOKEN is good, and was not made for this: `--allow` of `countwheel token create` says what for.",
  GITHUB_NO_PERSON:
    "`--github` needs a token that GitHub knows a person by. That of an App or of an Actions job has no user, and accounts of bots and organizations are no persons. `gh auth token` prints yours.",
  TOKEN_EXISTS:
    "Each name of an API token is one person's or program's, so one token has it at a time. Revoke the one that is there, or take another name.",
  TOKEN_NOT_FOUND: "No API token of this environment has the name. `countwheel token list` shows them.",
  APPROVAL_SETTLED: "An approval is answered once, and this one was. A new question has a name of its own.",
  APPROVAL_NOT_FOUND: "No approval has this name. `countwheel get approvals` lists them.",
  NOT_UNKNOWN: "Only tasks in phase Unknown wait for the word of `countwheel resolve`.",
};
