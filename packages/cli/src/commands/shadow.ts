import { printable } from "@umbra/shadow/printable";
import type { ShadowCall } from "@umbra/sidecar";
import Table from "cli-table3";
import { Command } from "commander";
import type { Io } from "../io.ts";
import { adminOption, changeMirrors } from "../process/admin-client.ts";
import { readToken } from "../process/token.ts";
import { numberOf } from "../resources/host-port.ts";

interface ShadowFlags {
  readonly admin: string;
  readonly candidate?: string;
  readonly adminTokenFile?: string;
}

/** `umbra shadow`: changes mirroring while everything runs. */
export function shadowCommand(io: Io): Command {
  const command = new Command("shadow")
    .summary("pause, resume, resize or stop mirroring")
    .description("Changes what a running sidecar mirrors. Envoy is not touched.")
    .addHelpText("after", "\nExample:\n  $ umbra shadow percent 10 --candidate pool-b");
  const simple = [
    ["pause", "stop mirroring for a while"],
    ["resume", "go on mirroring"],
    ["stop", "end mirroring for good: the evaluation is over"],
  ] as const;
  for (const [name, summary] of simple) {
    withFlags(new Command(name).summary(summary).description(`${summary}.`), command).action(
      (flags: ShadowFlags) => call(name, {}, flags, io),
    );
  }
  const percent = new Command("percent")
    .summary("change the share that is mirrored")
    .description("Changes the share of eligible requests that is mirrored, 0 to 100.")
    .argument("<share>", "percent", numberOf("<share>", { min: 0, max: 100 }));
  withFlags(percent, command).action((share: number, flags: ShadowFlags) =>
    call("percent", { percent: share }, flags, io),
  );
  return command;
}

function withFlags(command: Command, parent: Command): Command {
  parent.addCommand(command);
  return command
    .addOption(adminOption())
    .option("--candidate <pool>", "only mirrors to this shadow pool")
    .option("--admin-token-file <file>", "token of a sidecar on another machine")
    .addHelpText(
      "after",
      `\nExample:\n  $ umbra shadow ${command.name()}${command.name() === "percent" ? " 10" : ""}`,
    );
}

async function call(name: ShadowCall, body: object, flags: ShadowFlags, io: Io): Promise<void> {
  const { admin, candidate, adminTokenFile } = flags;
  const token = adminTokenFile === undefined ? undefined : readToken(adminTokenFile);
  const { mirrors } = await changeMirrors(admin, name, { ...body, candidate }, token);
  const table = new Table({
    head: ["candidate", "route", "share", "state", "in flight", "mirrored"],
    style: { head: [], border: [] },
  });
  for (const { candidate, route, percent, pausedBy, inFlight, mirrored } of mirrors) {
    const state = pausedBy === null ? "mirroring" : pausedBy === "stopped" ? "stopped" : "paused";
    table.push([printable(candidate), printable(route), `${percent} %`, state, inFlight, mirrored]);
  }
  io.stdout(`${table.toString()}\n`);
}
