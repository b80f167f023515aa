// Runs the tests of the Helm chart that need helm and kustomize: `UMBRA_HELM` and `UMBRA_KUSTOMIZE` name them, or they are
// built with Go into .cache/, which takes 2 to 30 minutes once. Without them the tests are skipped, and that is printed.
// The objects are also given to a real API server if `npm run test:kube` has built one, or `UMBRA_KUBETEST` names it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const packages = {
  helm: "helm.sh/helm/v3/cmd/helm",
  kustomize: "sigs.k8s.io/kustomize/kustomize/v5",
};

const helm = find("helm", "UMBRA_HELM");
const kustomize = helm === undefined ? undefined : find("kustomize", "UMBRA_KUSTOMIZE");
if (helm !== undefined && kustomize !== undefined) run();

function run() {
  const { status } = spawnSync(
    process.execPath,
    [
      ...[join(root, "scripts", "test.mjs"), "--testMatch", "<rootDir>/e2e/chart/*.slow.ts"],
      ...["--runInBand", ...process.argv.slice(2)],
    ],
    {
      cwd: root,
      stdio: "inherit",
      env: {
        ...process.env,
        UMBRA_HELM: helm,
        UMBRA_KUSTOMIZE: kustomize,
      },
    },
  );
  process.exitCode = status ?? 1;
}

/** @returns {string | undefined} the program; says why there is none */
function find(name, variable) {
  const named = process.env[variable];
  if (named !== undefined && named !== "") {
    if (existsSync(named)) return resolve(named);
    say(`skipped: ${variable} is "${named}", and there is no such file`);
    return undefined;
  }
  const built = join(root, ".cache", "chart-tools", name);
  if (existsSync(built)) return built;
  if (spawnSync("go", ["version"]).status !== 0) {
    say(`skipped: there is no Go to build ${name} with; set ${variable} to a program`);
    return undefined;
  }
  return build(name, built);
}

function build(name, built) {
  say(`building ${name} into ${built}, once`);
  mkdirSync(dirname(built), { recursive: true });
  const args = ["build", "-trimpath", "-ldflags=-s -w", "-o", built, packages[name]];
  const { status } = spawnSync("go", args, {
    cwd: join(root, "e2e", "chart", "tools", name),
    stdio: "inherit",
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  if (status === 0) return built;
  say(`skipped: ${name} could not be built`);
  return undefined;
}

function say(words) {
  process.stdout.write(`test:chart: ${words}\n`);
}
