// What keeps a change, a plan or an environment back, and what to do: the text of `explain CODE` for these codes.
export const HOLD_HELP = {
  PREVENT_PRUNE:
    "The record says `countwheel.dev/prevent-prune`, so it is not pruned although no manifest declares it. Put the manifest back without the annotation, apply that, then delete it.",
  RETAINED:
    "The record says `countwheel.dev/retain`: it stays although nothing declares it. Lifted as PREVENT_PRUNE is.",
  SUSPENDED: "Somebody suspended this resource. `countwheel resume Kind/name` lets its changes be applied.",
  DEPENDS_ON_BLOCKED: "Something that stays refers to it, so it stays as well.",
  ISOLATED:
    "Manifests beside it are broken, and it needs them, or it would be pruned or moved. Mend the broken ones. Only with `isolate: true`.",
  FILE_SKIPPED: "The file in which it stood is there and was not read: mend the file, or delete it.",
  DRIFTED:
    "Somebody changed the record in the state, Git did not. `countwheel drift` shows it, `countwheel apply` puts it back, `drift.self_heal` does so by itself.",
  PLAN_STALE:
    "What the plan was made of has moved: its commit, settings, tool, time, or a record that it changes. The message names it. Plan again.",
  PLAN_USED: "A plan is good for one apply, and this one was applied. Plan again.",
  PLAN_BLOCKED: "Every change of the plan is blocked, so there is nothing to apply.",
  PLAN_UNSEALED:
    "A state key is set, and the saved plan carries no seal of it: nobody can tell who made it. Plan again.",
  PRUNES_NOT_CONFIRMED:
    "So many prunes at once wait until somebody says their exact number: `--confirm-prunes N`. The limits are `prunes` in countwheel.yaml.",
  APPLY_NOT_RELEASED:
    "`gate: person` in countwheel.yaml: what reaches the branch waits for somebody's word on its changes, `/countwheel apply` on the merged pull request, or `countwheel apply`. A hook that applies what is pushed has nobody to wait for: take it out (`countwheel hook uninstall`) and let a reconciler apply the branch, or take the gate out.",
  HISTORY_HELD:
    "The branch does not contain the commit that was applied last. `countwheel resume` accepts the two commits that are told, or apply by hand with `--allow-history`.",
  ENVIRONMENT_FROZEN:
    'A freeze window of countwheel.yaml is open. Wait for its end, or apply with `--override-freeze "<why>"`.',
  ENVIRONMENT_ELSEWHERE:
    "countwheel.yaml says that the environment is in another repository, or follows another branch, than the one that the Action would apply.",
  NOT_SIGNED:
    "A commit is not signed by one of the allowed signers, as `signatures` in countwheel.yaml asks. Somebody on the list signs it: the head alone with `git commit --amend --no-edit -S`, a range with `git rebase --exec 'git commit --amend --no-edit -S' COMMIT_APPLIED_LAST`. The list is read as that commit has it: a signer who is new is added by a commit that somebody on the list has signed.",
  SETTINGS_INVALID: "countwheel.yaml cannot be used as it is written. Nothing is read or changed before it is mended.",
  DEPLOY_BRANCH:
    "A push would delete the branch that an environment is deployed from. A branch that is gone would look like a set from which everything was taken: push a commit without manifests to prune, or `countwheel hook uninstall`.",
  MANIFESTS_INVALID:
    "A push brings manifests with errors, and the branch stays clean: the hook refuses it, also where the environment isolates what is broken.",
  ROLLED_BACK:
    "Somebody rolled the environment back. The branch has nothing new since, or waits for `countwheel resume`.",
  HOOK_BROKEN:
    "A hook of a bare repository does not find the command, or its Node, where it was when it was installed. `countwheel hook install` again writes the new places; `countwheel doctor` in the repository tells.",
  HOOK_EXISTS:
    "The repository has a hook of this name already. `countwheel hook install --chain` keeps it beside ours, where it runs first.",
  HOOK_MISCONFIGURED:
    "A variable of the section `countwheel` in the repository's config has a value that cannot be. The message names it.",
  HOOKS_ELSEWHERE:
    "git takes the hooks of all repositories of this machine from one folder (core.hooksPath). Give this repository a core.hooksPath of its own first.",
  STATE_REPLACED:
    "The state is not the one that was applied to from here, or one of its past: was the Redis flushed, swapped or restored? `countwheel rebuild` brings a lost one back; `--accept-new-state` goes on with what is there.",
  STATE_CORRUPT:
    "Bytes in Redis do not fit their digest or seal, or records, head and history do not fit each other. Somebody wrote beside Countwheel: `rebuild`, or bring a backup back.",
  STATE_UNSEALED: "A state key is set, and what is in Redis carries no seal. Where the key is new: `countwheel seal`.",
  STATE_KEY_MISSING: "The state is sealed by a key that is not in COUNTWHEEL_STATE_KEY here.",
} as const satisfies Readonly<Record<string, string>>;
