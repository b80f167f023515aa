// Runs the tests that need a real API server. Its program holds etcd and kube-apiserver: `UMBRA_KUBETEST` names it, or it
// is built with Go, which takes 5 to 20 minutes once. Without both, the tests are skipped, and that is printed.
// They run in a network of their own, if this machine allows one, where pods can have addresses; tests that need pods are
// skipped otherwise. `--long`: faults last as long as they may, 60 and 120 s.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { findKubeProgram } from "./kube-test-program.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const given = process.argv.slice(2);
/** The first two bytes of the addresses of pods. */
const podNetwork = "10.244";
const isLong = given.includes("--long");

const { program, reason } = findKubeProgram("test:kube");
if (program === undefined) {
  process.stdout.write(`test:kube: skipped: ${reason}\n`);
} else {
  process.stdout.write(`test:kube: API server ${program}\n`);
  const network = findNetwork();
  if (network === undefined) process.stdout.write("test:kube: no network namespaces: no pods\n");
  const [command = process.execPath, ...prefix] = network ?? [];
  const args = [join(root, "scripts", "test.mjs"), "--testMatch", "<rootDir>/e2e/kube/*.slow.ts"];
  const { status } = spawnSync(
    command,
    [...prefix, ...args, "--runInBand", ...given.filter((each) => each !== "--long")],
    {
      cwd: root,
      stdio: "inherit",
      env: {
        ...process.env,
        UMBRA_KUBETEST: program,
        ...(network === undefined ? {} : { UMBRA_KUBE_PODS: podNetwork }),
        ...tools(),
        ...(isLong ? { UMBRA_KUBE_LONG: "1" } : {}),
      },
    },
  );
  process.exitCode = status ?? 1;
}

/** The tools of docs/kubernetes.md's commands, which are tried if both are there. */
function tools() {
  const helm = findTool("helm", join(root, ".cache", "chart-tools", "helm"));
  const kubectl = findTool("kubectl");
  const missing = [helm === undefined && "helm", kubectl === undefined && "kubectl"].filter(
    Boolean,
  );
  if (missing.length === 0) return { UMBRA_HELM: helm, UMBRA_KUBECTL: kubectl };
  const what = "the commands of docs/kubernetes.md are not tried";
  process.stdout.write(`test:kube: no ${missing.join(" and no ")}: ${what}\n`);
  return {};
}

/** `UMBRA_HELM` and `UMBRA_KUBECTL` name a tool; else it is where it was built, or on the path. */
function findTool(name, built = "") {
  const named = process.env[`UMBRA_${name.toUpperCase()}`];
  if (named !== undefined && named !== "") return existsSync(named) ? resolve(named) : undefined;
  if (existsSync(built)) return built;
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The start of a command that runs in a network of its own, in which all pods' addresses are this machine's. */
function findNetwork() {
  const setUp = `ip link set lo up && ip route add local ${podNetwork}.0.0/16 dev lo`;
  const inside = ["unshare", "--map-root-user", "--net", "sh", "-c", `${setUp} && exec "$@"`, "sh"];
  const [program, ...args] = inside;
  const isAllowed = spawnSync(program, [...args, "true"]).status === 0;
  return isAllowed ? [...inside, process.execPath] : undefined;
}
