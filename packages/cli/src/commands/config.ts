import type { Command } from "commander";
import { CommandError } from "../errors.ts";
import { commandOf, type FlagsOf, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { adminFlag, queryAdmin } from "../process/admin-client.ts";
import { configurationProblem, configurationText } from "../serve/configuration-text.ts";
import { print } from "../tables.ts";

const configFlags = { admin: adminFlag, output: outputFlag("output format") };

type ConfigFlags = FlagsOf<typeof configFlags>;

/** `umbra config`: shows which configuration a running sidecar serves. */
export function configCommand(io: Io): Command {
  return commandOf("config", {
    summary: "show the configuration that a running sidecar serves",
    description:
      "Shows which configuration a running sidecar serves: the last change, what is refused and why, files that can't be read or parsed, and what each connected Envoy has. " +
      "Exits with status 1 if something is not served as the files say.",
    examples: ["umbra config", "umbra config -o json --admin 127.0.0.1:9090"],
    flags: [configFlags],
  }).action(async ({ admin, output }: ConfigFlags) => {
    const answer = await queryAdmin(admin, "/v1/config");
    print(output, answer, configurationText(answer, Date.now()), io);
    const problem = configurationProblem(answer);
    if (problem !== undefined) throw new CommandError(problem);
  });
}
