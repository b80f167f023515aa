import type { Command } from "commander";
import { checkLines } from "../checks-table.ts";
import { CommandError } from "../errors.ts";
import { number, wholeNumber } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, mandatory, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { adminFlag } from "../process/admin-client.ts";
import { print } from "../tables.ts";
import { chatBody } from "../traffic/chat-request.ts";
import { type ClientFlags, chatTarget, clientFlags } from "../traffic/client-flags.ts";
import { proveMirroring } from "../traffic/prove-mirroring.ts";

const verifyFlags = {
  admin: adminFlag,
  model: mandatory(flag("--model <name>", "model to request")),
  requests: flag(
    "--requests <count>",
    "number of requests; every second one streams",
    wholeNumber(1, 1_000),
    10,
  ),
  timeout: flag(
    "--timeout <seconds>",
    "how long to wait for the mirrored answers",
    number(1, 3_600),
    60,
  ),
  output: outputFlag("output format"),
};

type VerifyFlags = FlagsOf<typeof verifyFlags> & ClientFlags;

/** `umbra verify`: proves that a gateway mirrors requests and that clients see only the primary's answers. */
export function verifyCommand(io: Io): Command {
  return commandOf("verify", {
    summary: "check that requests are mirrored and clients see only the primary",
    description:
      "Sends requests through a gateway. Then checks that both pools received them and that the client saw only the primary's answers.",
    examples: ["umbra verify --url http://127.0.0.1:8080 --host example.com --model /model/llama2"],
    flags: [clientFlags, verifyFlags],
  }).action((flags: VerifyFlags) => runVerify(flags, io));
}

async function runVerify(flags: VerifyFlags, io: Io): Promise<void> {
  const { model, requests, admin, timeout, output } = flags;
  const target = await chatTarget(flags, io);
  const bodies = Array.from({ length: requests }, (_, index) =>
    chatBody({ model, promptTokens: 32, outputTokens: 16, isStream: index % 2 === 1 }),
  );
  const checks = await proveMirroring({
    ...{ target, admin, bodies, signal: io.signal },
    timeoutMs: timeout * 1_000,
  }).catch((cause: Error) => notProven(cause, io));
  print(output, { checks }, checkLines(checks, io), io);
  const failed = checks.filter(({ holds }) => !holds).length;
  if (failed > 0) throw new CommandError(`${failed} of ${checks.length} checks failed`);
}

function notProven(cause: Error, io: Io): never {
  if (io.signal.aborted || cause instanceof CommandError) throw cause;
  const why = cause.message || "connection refused";
  throw new CommandError(
    `the check could not run: ${why}; is \`umbra up\` running at this --url?`,
    { cause },
  );
}
