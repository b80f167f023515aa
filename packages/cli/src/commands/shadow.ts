import { printable } from "@umbra/shadow/printable";
import type { ShadowCall } from "@umbra/sidecar";
import type { Command } from "commander";
import { number } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag } from "../flags.ts";
import type { Io } from "../io.ts";
import { adminFlag, changeMirrors } from "../process/admin-client.ts";
import { readToken } from "../process/token.ts";
import { tableText } from "../tables.ts";

const shadowFlags = {
  admin: adminFlag,
  candidate: flag("--candidate <pool>", "change only mirrors to this shadow pool"),
  adminTokenFile: flag(
    "--admin-token-file <file>",
    "file with the admin token; required for a sidecar on another machine",
  ),
};

type ShadowFlags = FlagsOf<typeof shadowFlags>;

/** `umbra shadow`: changes mirroring at runtime. */
export function shadowCommand(io: Io): Command {
  const command = commandOf("shadow", {
    summary: "pause, resume, change or stop mirroring",
    description: "Changes what a running sidecar mirrors, without restarting anything.",
    examples: ["umbra shadow percent 10 --candidate pool-b"],
  });
  const simple = [
    ["pause", "pause mirroring"],
    ["resume", "resume mirroring"],
    ["stop", "stop mirroring permanently and end the evaluation"],
  ] as const;
  for (const [name, summary] of simple) {
    const examples = [`umbra shadow ${name}`];
    const text = { summary, description: `${summary}.`, examples, flags: [shadowFlags] };
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
