// The compiled schemas, once for a file of tests: a loader of its own for each case need not compile them each time.
import { createReadingKit } from "../reconciler/load/read-file.ts";

export const KIT = createReadingKit();
