// The program with etcd and kube-apiserver in it, for tests that need a real API server.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "e2e", "kube", "server");
const built = join(root, ".cache", "kubetest", "kubetest");
const version = "v1.37.2";

/**
 * Finds the program, or builds it with Go: `UMBRA_KUBETEST` names it, or it is in `.cache/`.
 *
 * @param {string} command what is run, for messages
 * @returns {{ program?: string, reason?: string }}
 */
export function findKubeProgram(command) {
  const named = process.env.UMBRA_KUBETEST;
  if (named !== undefined && named !== "") {
    return existsSync(named)
      ? { program: resolve(named) }
      : { reason: `UMBRA_KUBETEST is "${named}", and there is no such file` };
  }
  if (existsSync(built)) return { program: built };
  if (spawnSync("go", ["version"]).status !== 0) {
    return {
      reason: "there is no Go to build an API server with; set UMBRA_KUBETEST to a program",
    };
  }
  return build(command);
}

function build(command) {
  process.stdout.write(`${command}: building kube-apiserver ${version} into ${built}, once\n`);
  mkdirSync(join(built, ".."), { recursive: true });
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const stamp = "-X k8s.io/component-base/version.git";
  const flags = `-s -w ${stamp}Version=${version} ${stamp}Major=${major} ${stamp}Minor=${minor}`;
  const { status } = spawnSync(
    "go",
    ["build", "-trimpath", `-ldflags=${flags}`, "-o", built, "."],
    {
      cwd: source,
      stdio: "inherit",
      env: { ...process.env, CGO_ENABLED: "0" },
    },
  );
  return status === 0 ? { program: built } : { reason: "the API server could not be built" };
}
