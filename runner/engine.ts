// How V8 compiles a process that stays. A runner has many functions, and calls each of them a few times a task: most of its
// first minute goes by before V8 finds them worth compiling.
import { setFlagsFromString } from "node:v8";

/**
 * From now on each function is compiled when it is first called; when to optimise it goes on being V8's business. A task
 * costs a runner a tenth less. For processes that live long: a short one would only start later.
 */
export function compileAtFirstCall(): void {
  setFlagsFromString("--always-sparkplug");
}
