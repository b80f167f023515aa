import { printable } from "@umbra/shadow/printable";
import type { ShadowCall } from "@umbra/sidecar";
import { Command } from "commander";
import { number } from "../flag-values.ts";
import { examples, type FlagsOf, flag, withFlags } from "../flags.ts";
import type { Io } from "../io.ts";
import { adminFlag, changeMirrors } from "../process/admin-client.ts";
import { readToken } from "../process/token.ts";
import { tableText } from "../tables.ts";

const shadowFlags = {
  admin: adminFlag,
  candidate: flag("--candidate <pool>", "only mirrors to this shadow pool"),
  adminTokenFile: flag("--admin-token-file <file>", "token of a sidecar on another machine"),
};

type ShadowFlags = FlagsOf<typeof shadowFlags>;

/** `umbra shadow`: changes mirroring while everything runs. */
export function shadowCommand(io: Io): Command {
  const command = new Command("shadow")
    .summary("pause, resume, resize or stop mirroring")
    .description("Changes what a running sidecar mirrors. Envoy is not touched.")
    .addHelpText("after", examples("umbra shadow percent 10 --candidate pool-b"));
  const simple = [
    ["pause", "stop mirroring for a while"],
    ["resume", "go on mirroring"],
    ["stop", "end mirroring for good: the evaluation is over"],
  ] as const;
  for (const [name, summary] of simple) {
    withOwnFlags(new Command(name).summary(summary).description(`${summary}.`), command).action(
      (flags: ShadowFlags) => call(name, {}, flags, io),
    );
  }
  const percent = new Command("percent")
    .summary("change the share that is mirrored")
    .description("Changes the share of eligible requests that is mirrored, 0 to 100.")
    .argument("<share>", "percent", (text) => number(0, 100)(text, "<share>"));
  withOwnFlags(percent, command).action((share: number, flags: ShadowFlags) =>
    call("percent", { percent: share }, flags, io),
  );
  return command;
}

function withOwnFlags(command: Command, parent: Command): Command {
  parent.addCommand(command);
  const share = command.name() === "percent" ? " 10" : "";
  return withFlags(command, shadowFlags).addHelpText(
    "after",
    examples(`umbra shadow ${command.name()}${share}`),
  );
}

async function call(name: ShadowCall, body: object, flags: ShadowFlags, io: Io): Promise<void> {
  const { admin, candidate, adminTokenFile } = flags;
  const token = adminTokenFile === undefined ? undefined : readToken(adminTokenFile);
  const { mirrors } = await changeMirrors(admin, name, { ...body, candidate }, token);
  const head = ["candidate", "route", "share", "state", "in flight", "mirrored"];
  const rows = mirrors.map(({ candidate, route, percent, pausedBy, inFlight, mirrored }) => {
    const state = pausedBy === null ? "mirroring" : pausedBy === "stopped" ? "stopped" : "paused";
    return [printable(candidate), printable(route), `${percent} %`, state, inFlight, mirrored];
  });
  io.stdout(tableText(head, rows));
}
