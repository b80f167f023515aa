import { printable, printableLines } from "@umbra/shadow/printable";
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { text } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag } from "../flags.ts";
import { type Answers, type Ask, collectAnswers, defaults, type Given } from "../init/answers.ts";
import { starterFiles } from "../init/starter-files.ts";
import { writeFiles } from "../init/write-files.ts";
import type { Io } from "../io.ts";

const initFlags = {
  primary: flag("--primary <ip:port,…>", "endpoints that answer clients"),
  shadow: flag(
    "--shadow <ip:port,…>",
    "endpoints that get mirrored requests; without them, nothing is mirrored",
  ),
  model: flag(
    "--model <name>",
    "model that clients request (default: any that the endpoints serve)",
  ),
  shadowModel: flag(
    "--shadow-model <name>",
    "model that the shadow serves (default: same as --model)",
  ),
  percent: flag(
    "--percent <number>",
    `percentage of requests to mirror (default: ${defaults.percent})`,
  ),
  hostname: flag("--hostname <name>", "hostname in client requests (default: any)"),
  port: flag("--port <port>", `port that clients connect to (default: ${defaults.port})`),
  dir: flag("--dir <folder>", "output folder, or - for standard output", text, "umbra"),
  yes: flag("-y, --yes", "don't prompt: use defaults for missing flags"),
  force: flag("--force", "overwrite existing files"),
};

/** `umbra init`: writes starter files from flags or from answers to prompts. */
export function initCommand(io: Io): Command {
  return commandOf("init", {
    summary: "write starter files",
    description:
      "Writes a Gateway, an HTTPRoute with a mirror, a primary and a shadow InferencePool, and a ShadowPolicy. Comments in the files say what to change. On a terminal it prompts for values that no flag gives. The files pass `umbra check`. Existing files are kept unless --force is given.",
    examples: [
      "umbra init",
      "umbra init --yes --primary 10.0.0.1:8000,10.0.0.2:8000 --shadow 10.0.1.1:8000 --dir umbra",
      "umbra init --yes --primary 10.0.0.1:8000 --shadow 10.0.1.1:8000 --model llama-3 --shadow-model llama-3-fp8 --percent 10 --dir - | umbra check -f -",
    ],
    flags: [initFlags],
  }).action(async ({ dir, yes, force, ...given }: FlagsOf<typeof initFlags>) => {
    const answers = await answersOf(given, yes === true ? undefined : io.terminal, io.signal);
    const files = starterFiles(answers);
    if (dir === "-") {
      io.stdout(files.map(({ text }) => text).join("---\n"));
      return;
    }
    const paths = writeFiles(dir, files, { isForced: force === true });
    for (const path of paths) io.stderr(`wrote ${printable(path)}\n`);
    io.stderr(printableLines(nextSteps(dir, answers)));
  });
}

async function answersOf(
  given: Given,
  terminal: Io["terminal"],
  signal: AbortSignal,
): Promise<Answers> {
  // Reports wrong flags before the first prompt.
  const answers = await collectAnswers(given, fromFlags);
  if (given.shadowModel !== undefined && given.model === undefined) {
    throw new UsageError(
      "--shadow-model needs --model: the model name to replace in mirrored requests",
    );
  }
  if (terminal !== undefined) {
    // Loaded only here: the library touches `process.stdin`, after which a slow pipe can't be read.
    const { promptOn: asking } = await import("../init/ask.ts");
    return collectAnswers(given, asking({ ...terminal, signal }));
  }
  if (given.primary !== undefined) return answers;
  throw new UsageError(
    "--primary is missing: give the endpoints that answer clients (on a terminal, without --yes, umbra init prompts for them)",
  );
}

const fromFlags: Ask = async ({ flag: name, given, read, defaultText }) => {
  if (given === undefined) return defaultText;
  const answer = read(given);
  if (!answer.ok) throw new UsageError(`${name}: ${answer.message}`);
  return answer.value;
};

function nextSteps(dir: string, { port, hostname, model, shadow }: Answers): string {
  const folder = /^[\w./-]+$/.test(dir) ? dir : `'${dir.replaceAll("'", "'\\''")}'`;
  const host = hostname === undefined ? "" : ` --host ${hostname.replace("*", "chat")}`;
  const asked =
    model === undefined ? " --model NAME" : ` --model '${model.replaceAll("'", "'\\''")}'`;
  return [
    "",
    "next:",
    `  umbra doctor -f ${folder}        check this machine and the endpoints`,
    `  umbra up     -f ${folder}        run Envoy and the sidecar`,
    ...(shadow.length === 0
      ? []
      : [
          `  umbra verify --url http://127.0.0.1:${port}${host}${asked}`,
          "  umbra report --wait --gate",
        ]),
    "",
  ].join("\n");
}
