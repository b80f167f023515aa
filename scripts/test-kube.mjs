// Runs the tests that need a real API server. Its program holds etcd and kube-apiserver: `UMBRA_KUBETEST` names it, or it
// is built with Go, which takes 5 to 20 minutes once. Without both, the tests are skipped, and that is printed.
// `--long`: faults last as long as they may, 60 and 120 s.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findKubeProgram } from "./kube-test-program.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const given = process.argv.slice(2);
const isLong = given.includes("--long");

const { program, reason } = findKubeProgram("test:kube");
if (program === undefined) {
  process.stdout.write(`test:kube: skipped: ${reason}\n`);
} else {
  process.stdout.write(`test:kube: API server ${program}\n`);
  const args = [join(root, "scripts", "test.mjs"), "--testMatch", "<rootDir>/e2e/kube/*.slow.ts"];
  const { status } = spawnSync(
    process.execPath,
    [...args, "--runInBand", ...given.filter((each) => each !== "--long")],
    {
      cwd: root,
      stdio: "inherit",
      env: {
        ...process.env,
        UMBRA_KUBETEST: program,
        ...(isLong ? { UMBRA_KUBE_LONG: "1" } : {}),
      },
    },
  );
  process.exitCode = status ?? 1;
}
