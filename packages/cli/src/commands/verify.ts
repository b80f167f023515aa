import { printableJson } from "@umbra/shadow/printable";
import { Command, Option } from "commander";
import { checkLines } from "../checks-table.ts";
import { CommandError } from "../errors.ts";
import { wholeNumberOf } from "../flag-shapes.ts";
import type { Io } from "../io.ts";
import { adminOption } from "../process/admin-client.ts";
import { numberOf } from "../resources/host-port.ts";
import { chatBody } from "../traffic/chat-request.ts";
import {
  type ClientKeyFlags,
  clientAuthorization,
  withClientKeyFlag,
} from "../traffic/client-key.ts";
import { proveMirroring } from "../traffic/prove-mirroring.ts";

interface VerifyFlags extends ClientKeyFlags {
  readonly url: string;
  readonly host?: string;
  readonly admin: string;
  readonly model: string;
  readonly requests: number;
  readonly timeout: number;
  readonly output: "table" | "json";
}

/** `umbra verify`: proves that a gateway mirrors, and that clients see the primary alone. */
export function verifyCommand(io: Io): Command {
  const command = new Command("verify");
  return withClientKeyFlag(command)
    .summary("prove that requests are mirrored and clients see only the primary")
    .description(
      "Sends requests through a gateway and proves from both pools that they were mirrored and that the client saw only the primary.",
    )
    .option("--url <url>", "the gateway", "http://127.0.0.1:8080")
    .option("--host <name>", "Host header")
    .addOption(adminOption())
    .requiredOption("--model <name>", "model to ask for")
    .option(
      "--requests <count>",
      "how many, every second one streamed",
      wholeNumberOf("--requests", { min: 1, max: 1_000 }),
      10,
    )
    .option(
      "--timeout <seconds>",
      "how long the mirrored answers are waited for",
      numberOf("--timeout", { min: 1, max: 3_600 }),
      60,
    )
    .addOption(
      new Option("-o, --output <form>", "how the checks are printed")
        .choices(["table", "json"])
        .default("table"),
    )
    .addHelpText(
      "after",
      "\nExample:\n  $ umbra verify --url http://127.0.0.1:8080 --host example.com --model /model/llama2",
    )
    .action(async (flags: VerifyFlags) => {
      const key = await clientAuthorization(flags, io);
      const bodies = Array.from({ length: flags.requests }, (_, index) =>
        chatBody({
          model: flags.model,
          promptTokens: 32,
          outputTokens: 16,
          isStream: index % 2 === 1,
        }),
      );
      const { checks } = await proveMirroring({
        origin: new URL(flags.url).origin,
        ...(flags.host === undefined ? {} : { host: flags.host }),
        ...key,
        admin: flags.admin,
        bodies,
        signal: io.signal,
        timeoutMs: flags.timeout * 1_000,
      }).catch((cause: Error) => notProven(cause, io));
      io.stdout(
        flags.output === "json"
          ? `${printableJson({ checks })}\n`
          : checkLines(checks, io.hasColour),
      );
      const failed = checks.filter(({ holds }) => !holds).length;
      if (failed > 0) throw new CommandError(`${failed} of ${checks.length} checks failed`);
    });
}

function notProven(cause: Error, io: Io): never {
  if (io.signal.aborted || cause instanceof CommandError) throw cause;
  const why = cause.message || "connection refused";
  throw new CommandError(
    `the proof could not be made: ${why}; is \`umbra up\` running at this --url?`,
    { cause },
  );
}
