import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import type { KubeServer } from "./kube-server.ts";

const program = process.env.UMBRA_KUBETEST ?? "";

/** Starts the controllers that make EndpointSlices of Services; returns what stops them. */
export function startControllers(kube: KubeServer): () => Promise<void> {
  const log = openSync(join(kube.folder, "controllers.log"), "a");
  const child = spawn(program, ["controllers", kube.kubeconfig("admin")], {
    stdio: ["ignore", log, log],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return async () => {
    child.kill("SIGKILL");
    await ended;
  };
}
