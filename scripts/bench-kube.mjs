// Measures `umbra serve --kube` at a real API server; see scripts/kube-test-program.mjs. Without the program it measures
// nothing, and prints that.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findKubeProgram } from "./kube-test-program.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

const { program, reason } = findKubeProgram("bench:kube");
if (program === undefined) {
  process.stdout.write(`bench:kube: skipped: ${reason}\n`);
} else {
  process.stdout.write(`bench:kube: API server ${program}\n`);
  const bench = ["--conditions=@umbra/source", join(root, "bench", "kube.ts")];
  const { status } = spawnSync(process.execPath, [...bench, ...process.argv.slice(2)], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, UMBRA_KUBETEST: program },
  });
  process.exitCode = status ?? 1;
}
