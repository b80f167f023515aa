import { printable, printableJson } from "@umbra/shadow/printable";
import type { Command } from "commander";
import { stringify } from "yaml";
import { CommandError, UsageError } from "../errors.ts";
import { checked, collect } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag } from "../flags.ts";
import type { CheckedObject } from "../install/cluster-state.ts";
import type { ComparedCluster } from "../install/compare-cluster.ts";
import { type InstallChoice, type Manifest, manifestsOf } from "../install/manifests.ts";
import { neededSecrets, secretWords } from "../install/needed-secrets.ts";
import type { Io } from "../io.ts";
import { checkReadable } from "../process/usable-file.ts";
import { tableText } from "../tables.ts";

const installFlags = {
  dryRun: flag("--dry-run", "print the objects and change nothing; required"),
  mode: flag(
    "--mode <mode>",
    "gateway: Envoy and Umbra in each pod; picker: Umbra alone, behind the gateway that you have",
    ["gateway", "picker"],
    "gateway",
  ),
  into: flag("--into <namespace>", "namespace of Umbra's pods", checked(checkNamespace), "umbra"),
  watch: flag(
    "--watch <namespace>",
    "namespace whose objects are served (default: that of --into); repeatable",
    collect,
  ),
  image: flag("--image <reference>", "image of Umbra's containers", checked(checkImage)),
  kube: flag(
    "--kube",
    "also compare with a Kubernetes API server, and try to apply each object there",
  ),
  kubeconfig: flag(
    "--kubeconfig <file>",
    "kubeconfig of the API server (default: $KUBECONFIG, else the pod's own identity, else ~/.kube/config)",
    checked(checkReadable),
  ),
  output: flag(
    "-o, --output <form>",
    "what to print: the objects (yaml, json: a List), or their names (table)",
    ["yaml", "json", "table"],
    "yaml",
  ),
};

type InstallFlags = FlagsOf<typeof installFlags>;

/** `umbra install --dry-run`: prints the objects that install Umbra on Kubernetes. */
export function installCommand(io: Io): Command {
  return commandOf("install", {
    summary: "print the objects that install Umbra on Kubernetes",
    description:
      "Prints all objects that install Umbra, in the order in which to apply them: Umbra's CRDs, the namespace, the GatewayClass, roles, configuration, Services and the Deployment. With --kube, prints which of them the cluster has already, and tries to apply each without changing anything. Names missing rights and CRDs, and then exits with status 1. The Helm chart in deploy/helm has more settings.",
    examples: [
      "umbra install --dry-run --image registry.example/umbra-gateway:0.1.0 | kubectl apply --server-side -f -",
      "umbra install --dry-run --kube --watch inference -o table",
    ],
    flags: [installFlags],
  }).action((flags: InstallFlags) => runInstall(flags, io));
}

async function runInstall(flags: InstallFlags, io: Io): Promise<void> {
  const { dryRun, kube, kubeconfig, output } = flags;
  if (dryRun === undefined) {
    throw new UsageError(
      "umbra install changes no cluster: add --dry-run, and give what it prints to kubectl apply --server-side -f -",
    );
  }
  if (kube === undefined && kubeconfig !== undefined) {
    throw new UsageError("--kubeconfig needs --kube");
  }
  const choice = choiceOf(flags);
  const manifests = manifestsOf(choice);
  const found = kube === undefined ? undefined : await compared(flags, choice, manifests, io);
  io.stdout(printed(output, manifests, found?.objects));
  const notes = found?.notes ?? neededSecrets(manifests).map(secretWords);
  for (const words of notes) io.stderr(`note: ${printable(words)}\n`);
  if (found === undefined) return;
  for (const words of found.problems) io.stderr(`error: ${printable(words)}\n`);
  const { length } = found.problems;
  const counts = countsOf(found.objects);
  if (length > 0) throw new CommandError(`${length} problem${length === 1 ? "" : "s"}; ${counts}`);
  io.stderr(`${counts}\n`);
}

function choiceOf({ mode, into, watch = [], image }: InstallFlags): InstallChoice {
  const wrong = watch.find((name) => !isNamespace(name));
  if (wrong !== undefined) {
    throw new UsageError(`--watch expects a namespace's name, got "${wrong.slice(0, 100)}"`);
  }
  const watched = [...new Set(watch)];
  return { mode, namespace: into, watched, ...(image === undefined ? {} : { image }) };
}

async function compared(
  { kubeconfig }: InstallFlags,
  { mode }: InstallChoice,
  manifests: readonly Manifest[],
  io: Io,
): Promise<ComparedCluster> {
  // Only few users need what this loads.
  const { compareWithCluster } = await import("../install/compare-cluster.ts");
  const choice = kubeconfig === undefined ? {} : { file: kubeconfig };
  return compareWithCluster({ choice, mode, manifests }, io);
}

function printed(
  output: InstallFlags["output"],
  manifests: readonly Manifest[],
  objects: readonly CheckedObject[] | undefined,
): string {
  switch (output) {
    case "yaml":
      return manifests.map((each) => stringify(each, { lineWidth: 0 })).join("---\n");
    case "json":
      return `${printableJson({ apiVersion: "v1", kind: "List", items: manifests })}\n`;
    case "table":
      return tableText(
        ["kind", "namespace", "name", ...(objects === undefined ? [] : ["in the cluster"])],
        manifests.map(({ kind, metadata: { namespace = "", name } }, at) => [
          ...[kind, namespace, name],
          ...(objects === undefined ? [] : [objects[at]?.state ?? ""]),
        ]),
      );
  }
}

function countsOf(objects: readonly CheckedObject[]): string {
  const counts = (["there", "differs", "missing", "unknown"] as const).flatMap((state) => {
    const { length } = objects.filter((each) => each.state === state);
    return length === 0 ? [] : [`${length} ${state}`];
  });
  return `${objects.length} objects: ${counts.join(", ")}`;
}

function isNamespace(name: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name);
}

function checkNamespace(given: string, flagName: string): void {
  if (isNamespace(given)) return;
  throw new UsageError(`${flagName} expects a namespace's name, got "${given.slice(0, 100)}"`);
}

function checkImage(given: string, flagName: string): void {
  if (/^[a-zA-Z0-9][\w./:@-]{0,500}$/.test(given)) return;
  throw new UsageError(`${flagName} expects an image's name, got "${given.slice(0, 100)}"`);
}
