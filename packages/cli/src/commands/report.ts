import { renderReportTable, type ShadowReport } from "@umbra/shadow";
import { Command, Option } from "commander";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import { adminJson } from "../process/admin-client.ts";
import { hostPort } from "../resources/host-port.ts";

interface ReportFlags {
  readonly admin: string;
  readonly output: "table" | "json";
}

/** `umbra report`: both lanes side by side, from a running sidecar. */
export function reportCommand(io: Io): Command {
  return new Command("report")
    .summary("show both lanes side by side")
    .description(
      "Shows what a running sidecar has measured: requests, errors, TTFT, TPOT, E2E and tokens of primary and shadow.",
    )
    .option("--admin <host:port>", "the sidecar's admin interface", "127.0.0.1:9090")
    .addOption(
      new Option("-o, --output <form>", "how the report is printed")
        .choices(["table", "json"])
        .default("table"),
    )
    .addHelpText("after", "\nExample:\n  $ umbra report --admin 127.0.0.1:9090")
    .action(async ({ admin, output }: ReportFlags) => {
      hostPort(admin, "--admin");
      const report = await adminJson<ShadowReport>(admin, "/v1/report", io.signal).catch(
        (cause: Error) => {
          throw new CommandError(
            `no report from http://${admin}: ${cause.message || "it can't be reached"}; is \`umbra up\` or \`umbra serve\` running, with this --admin?`,
            { cause },
          );
        },
      );
      io.stdout(
        output === "json"
          ? `${JSON.stringify(report, null, 2)}\n`
          : `${renderReportTable(report, { color: io.hasColour })}\n`,
      );
    });
}
