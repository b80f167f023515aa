// Stands in for `kubectl port-forward`, which needs a kubelet: finds a pod of a Service as kubectl does, and carries bytes
// between a port of this machine's loopback and one of the pod's, until it is ended.
//   port-forward-stand-in.ts KUBECTL PIDS_FOLDER --namespace NAME port-forward service/NAME LOCAL:PORT
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { pidFile } from "./pod-stand-in.ts";

const [kubectl = "", folder = "", , namespace = "", , service = "", ports = ""] =
  process.argv.slice(2);
const [local, remote] = ports.split(":").map(Number);

interface Service {
  readonly spec: {
    readonly selector: Readonly<Record<string, string>>;
    readonly ports: readonly { readonly port: number; readonly targetPort: number | string }[];
  };
}

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: {
      readonly containers: readonly {
        readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
      }[];
    };
    readonly status: {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    };
  }[];
}

function get(...what: readonly string[]): unknown {
  const args = ["--namespace", namespace, "get", ...what, "-o", "json"];
  return JSON.parse(execFileSync(kubectl, args, { encoding: "utf8" }));
}

const { spec } = get(service) as Service;
const labels = Object.entries(spec.selector).map(([key, value]) => `${key}=${value}`);
const { items } = get("pods", "-l", labels.join(",")) as Pods;
const pod = items.find(({ status }) =>
  status.conditions?.some((each) => each.type === "Ready" && each.status === "True"),
);
const target = spec.ports.find(({ port }) => port === remote)?.targetPort;
const port =
  typeof target === "number"
    ? target
    : pod?.spec.containers
        .flatMap((container) => container.ports ?? [])
        .find(({ name }) => name === target)?.containerPort;
if (pod === undefined || port === undefined) throw new Error(`${service} has no ready pod`);

const pid = readFileSync(pidFile(folder, namespace, pod.metadata.name), "utf8");
const socket = join(folder, `forward-${process.pid}.sock`);
const relay = `require("node:net").createServer((from) => {
  const to = require("node:net").connect(${port}, "127.0.0.1");
  for (const each of [from, to]) each.on("error", () => { from.destroy(); to.destroy(); });
  from.pipe(to).pipe(from);
}).listen(${JSON.stringify(socket)}, () => console.log("listening"))`;
const inside = ["--target", pid, "--net", process.execPath, "-e", relay];
const child = spawn("nsenter", inside, { stdio: ["ignore", "pipe", "inherit"] });
process.once("exit", () => child.kill());
process.once("SIGTERM", () => process.exit(0));
child.stdout.once("data", () => {
  createServer((from) => {
    const to = connect(socket);
    for (const each of [from, to]) {
      each.on("error", () => {
        from.destroy();
        to.destroy();
      });
    }
    from.pipe(to).pipe(from);
  }).listen(local, "127.0.0.1", () => {
    process.stdout.write(`stand-in for kubectl: forwarding from 127.0.0.1:${local} -> ${port}\n`);
  });
});
