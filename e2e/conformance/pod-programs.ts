import { join } from "node:path";
import { umbra } from "../harness/processes.ts";
import type { PodProgram } from "./running-pod.ts";
import type { Container } from "./workloads.ts";

/** Which endpoint picker the pools of the Inference Extension's suite name. */
export type PickerName = "lwepp" | "umbra";

const pickerPort = 9_002;
/** Umbra's, behind the relay. */
const umbraPort = 9_102;

/** What runs in pods in place of the suites' images; `folder` has the programs that were built. */
export function podPrograms(folder: string, picker: PickerName): readonly PodProgram[] {
  const program = (name: string) => join(folder, name);
  const lwepp = (container: Container) => [[program("lwepp"), ...(container.args ?? [])]];
  const umbraBehindRelay = (container: Container) => [
    umbraCommand(container),
    [program("relay"), `:${pickerPort}`, `127.0.0.1:${umbraPort}`],
  ];
  return [
    {
      image: "echo-basic",
      commands: () => [[program("echo-basic")]],
      port: ({ readinessProbe }) => Number(readinessProbe?.httpGet?.port ?? 3_000),
    },
    {
      image: "lwepp",
      commands: picker === "lwepp" ? lwepp : umbraBehindRelay,
      port: () => pickerPort,
    },
  ];
}

/** Umbra as the picker of the pool that the container's flags name. */
function umbraCommand({ args = [] }: Container): readonly string[] {
  const flag = (name: string) => args[args.indexOf(name) + 1] ?? "";
  const [pool, namespace] = [flag("--pool-name"), flag("--pool-namespace")];
  return [
    ...[process.execPath, umbra, "serve", "--kube", "--namespace", namespace, "--pool", pool],
    // Six of them scrape servers that have no metrics.
    ...["--grpc", `127.0.0.1:${umbraPort}`, "--scrape-interval", "800"],
  ];
}
