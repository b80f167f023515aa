// Bundles the source of a thread into one file: `node scripts/bundle-thread.mjs SOURCE OUTPUT`, for scripts/jest-threads.mjs.
import { renameSync } from "node:fs";
import { bundle } from "./bundle.mjs";

const [source, output] = process.argv.slice(2);
/** Where the bundle grows: several processes may want the same thread at once. */
const draft = `${output}.${process.pid}`;
await bundle({
  ...{ entryPoints: [source], outfile: draft, conditions: ["@umbra/source"] },
  sourcemap: "inline",
});
renameSync(draft, output);
