import { printable } from "@umbra/shadow/printable";
import type { AdminAnswers, ShadowCall } from "@umbra/sidecar";
import type { Command } from "commander";
import { number } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { adminFlag, changeMirrors, queryAdmin } from "../process/admin-client.ts";
import { readToken } from "../process/token.ts";
import { type KubeFlags, kubeChoiceOf, kubeFlags } from "../resources/kube-flags.ts";
import { print, tableText } from "../tables.ts";

const shadowFlags = {
  admin: adminFlag,
  candidate: flag("--candidate <pool>", "change only mirrors to this shadow pool"),
  adminTokenFile: flag(
    "--admin-token-file <file>",
    "file with the admin token; required for a sidecar on another machine",
  ),
};

type ShadowFlags = FlagsOf<typeof shadowFlags>;

const listFlags = { admin: adminFlag, output: outputFlag("output format") };

/** `umbra shadow`: shows mirroring, and changes it at runtime. */
export function shadowCommand(io: Io): Command {
  const command = commandOf("shadow", {
    summary: "list, pause, resume, change or stop mirroring",
    description: "Shows or changes what a running sidecar mirrors, without restarting anything.",
    examples: ["umbra shadow list", "umbra shadow percent 10 --candidate pool-b"],
  });
  command.addCommand(listCommand(io));
  const simple = [
    ["pause", "pause mirroring", "Pauses mirroring; the evaluation keeps its samples."],
    ["resume", "resume mirroring", "Resumes mirroring after a pause."],
    [
      "stop",
      "stop mirroring permanently and end the evaluation",
      "Stops mirroring permanently and ends the evaluation.",
    ],
  ] as const;
  for (const [name, summary, description] of simple) {
    const examples = [`umbra shadow ${name}`];
    const text = { summary, description, examples, flags: [shadowFlags] };
    command.addCommand(
      commandOf(name, text).action((flags: ShadowFlags) => call(name, {}, flags, io)),
    );
  }
  const percent = commandOf("percent", {
    summary: "change the percentage of mirrored requests",
    description: "Sets the percentage of eligible requests to mirror, from 0 to 100.",
    examples: ["umbra shadow percent 10"],
    flags: [shadowFlags],
  })
    .argument("<share>", "percent", (text) => number(0, 100)(text, "<share>"))
    .action((share: number, flags: ShadowFlags) => call("percent", { percent: share }, flags, io));
  return command.addCommand(percent);
}

function listCommand(io: Io): Command {
  return commandOf("list", {
    summary: "list the mirrors, or the ShadowPolicies of an API server",
    description:
      "Lists the mirrors of a running sidecar. With --kube, lists the ShadowPolicies of a Kubernetes API server and what their status says.",
    examples: ["umbra shadow list", "umbra shadow list --kube --all-namespaces"],
    flags: [listFlags, kubeFlags],
  }).action(async (flags: FlagsOf<typeof listFlags> & KubeFlags) => {
    const choice = kubeChoiceOf(flags);
    if (choice !== undefined) {
      const { policiesText, readPolicies } = await import("../kube/shadow-policies.ts");
      const policies = await readPolicies(choice, io);
      const json = { schema: "shadow-policies/1", policies };
      print(flags.output, json, policiesText(policies), io);
      return;
    }
    const answer = await queryAdmin(flags.admin, "/v1/mirrors", { signal: io.signal });
    print(flags.output, answer, mirrorsText(answer), io);
  });
}

async function call(name: ShadowCall, body: object, flags: ShadowFlags, io: Io): Promise<void> {
  const { admin, candidate, adminTokenFile } = flags;
  const token = adminTokenFile === undefined ? undefined : readToken(adminTokenFile);
  const changed = await changeMirrors(admin, name, { ...body, candidate }, token);
  io.stdout(mirrorsText(changed));
}

function mirrorsText({ mirrors }: AdminAnswers["/v1/mirrors"]): string {
  const head = ["candidate", "route", "share", "state", "in flight", "mirrored"];
  const rows = mirrors.map(({ candidate, route, percent, pausedBy, inFlight, mirrored }) => {
    const state = pausedBy === null ? "mirroring" : pausedBy === "stopped" ? "stopped" : "paused";
    return [printable(candidate), printable(route), `${percent} %`, state, inFlight, mirrored];
  });
  return tableText(head, rows);
}
