import { printable, printableLines } from "@umbra/shadow/printable";
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { text } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag } from "../flags.ts";
import { type Answers, type Ask, answersBy, defaults, type Given } from "../init/answers.ts";
import { starterFiles } from "../init/starter-files.ts";
import { writeFiles } from "../init/write-files.ts";
import type { Io } from "../io.ts";

const initFlags = {
  primary: flag("--primary <ip:port,…>", "endpoints that answer clients"),
  shadow: flag("--shadow <ip:port,…>", "endpoints that get copies; without it there is no mirror"),
  model: flag(
    "--model <name>",
    "model that clients ask for (default: whatever the endpoints serve)",
  ),
  shadowModel: flag("--shadow-model <name>", "model that the shadow serves (default: the same)"),
  percent: flag(
    "--percent <number>",
    `share of the requests that is mirrored (default: ${defaults.percent})`,
  ),
  hostname: flag("--hostname <name>", "host that clients name (default: any)"),
  port: flag("--port <port>", `port that clients come to (default: ${defaults.port})`),
  dir: flag("--dir <folder>", "where the files are written, - for standard output", text, "umbra"),
  yes: flag("-y, --yes", "ask nothing: take the defaults for what no flag gives"),
  force: flag("--force", "overwrite files that are there"),
};

/** `umbra init`: a first set of files, from answers or from flags. */
export function initCommand(io: Io): Command {
  return commandOf("init", {
    summary: "write a first set of files",
    description:
      "Writes a Gateway, an HTTPRoute with a mirror, a primary and a shadow InferencePool and a ShadowPolicy, each with words on what to change. On a terminal it asks for what no flag gives. `umbra check` finds nothing in what it writes. It overwrites nothing, unless told to.",
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
  // Wrong flags are told before anything is asked.
  const answers = await answersBy(given, fromFlags);
  if (given.shadowModel !== undefined && given.model === undefined) {
    throw new UsageError(
      "--shadow-model needs --model: it says which name is replaced in the copy",
    );
  }
  if (terminal !== undefined) {
    // Loaded here alone: the library looks at `process.stdin`, and then a slow pipe can't be read any more.
    const { asking } = await import("../init/ask.ts");
    return answersBy(given, asking({ ...terminal, signal }));
  }
  if (given.primary !== undefined) return answers;
  throw new UsageError(
    "give the endpoints that answer clients with --primary; on a terminal and without --yes they are asked for",
  );
}

const fromFlags: Ask = async ({ flag: name, given, read, otherwise }) => {
  if (given === undefined) return otherwise;
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
    `  umbra doctor -f ${folder}        is the machine fit, are the endpoints reached`,
    `  umbra up     -f ${folder}        Envoy and the sidecar`,
    ...(shadow.length === 0
      ? []
      : [
          `  umbra verify --url http://127.0.0.1:${port}${host}${asked}`,
          "  umbra report --wait --gate",
        ]),
    "",
  ].join("\n");
}
