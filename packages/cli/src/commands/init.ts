import { printable, printableLines } from "@umbra/shadow/printable";
import { Command } from "commander";
import { UsageError } from "../errors.ts";
import { type Answer, type Answers, defaults, type Given, readAnswer } from "../init/answers.ts";
import type { Terminal } from "../init/ask.ts";
import { starterFiles } from "../init/starter-files.ts";
import { writeFiles } from "../init/write-files.ts";
import type { Io } from "../io.ts";

interface InitFlags extends Given {
  readonly dir: string;
  readonly yes?: true;
  readonly force?: true;
}

/** `umbra init`: a first set of files, from answers or from flags. */
export function initCommand(io: Io): Command {
  return new Command("init")
    .summary("write a first set of files")
    .description(
      "Writes a Gateway, an HTTPRoute with a mirror, a primary and a shadow InferencePool and a ShadowPolicy, each with words on what to change. On a terminal it asks for what no flag gives. `umbra check` finds nothing in what it writes. It overwrites nothing, unless told to.",
    )
    .option("--primary <ip:port,…>", "endpoints that answer clients")
    .option("--shadow <ip:port,…>", "endpoints that get copies; without it there is no mirror")
    .option("--model <name>", "model that clients ask for (default: whatever the endpoints serve)")
    .option("--shadow-model <name>", "model that the shadow serves (default: the same)")
    .option(
      "--percent <number>",
      `share of the requests that is mirrored (default: ${defaults.percent})`,
    )
    .option("--hostname <name>", "host that clients name (default: any)")
    .option("--port <port>", `port that clients come to (default: ${defaults.port})`)
    .option("--dir <folder>", "where the files are written, - for standard output", "umbra")
    .option("-y, --yes", "ask nothing: take the defaults for what no flag gives")
    .option("--force", "overwrite files that are there")
    .addHelpText(
      "after",
      [
        "",
        "Examples:",
        "  $ umbra init",
        "  $ umbra init --yes --primary 10.0.0.1:8000,10.0.0.2:8000 --shadow 10.0.1.1:8000 --dir umbra",
        "  $ umbra init --yes --primary 10.0.0.1:8000 --shadow 10.0.1.1:8000 --model llama-3 --shadow-model llama-3-fp8 --percent 10 --dir - | umbra check -f -",
      ].join("\n"),
    )
    .action(async (flags: InitFlags) => {
      const { dir, yes, force, ...given } = flags;
      checkGiven(given);
      const answers =
        io.terminal === undefined || yes === true
          ? withDefaults(given)
          : await asked(given, { ...io.terminal, signal: io.signal });
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

/** Loaded here alone: the library looks at `process.stdin`, and then a slow pipe can't be read any more. */
async function asked(given: Given, terminal: Terminal): Promise<Answers> {
  const { askAnswers } = await import("../init/ask.ts");
  return askAnswers(given, terminal);
}

/** Wrong flags are told before anything is asked. */
function checkGiven(given: Given): void {
  const primary = taken("--primary", given.primary, readAnswer.primary) ?? [];
  taken("--shadow", given.shadow, (text) => readAnswer.shadow(text, primary));
  taken("--model", given.model, readAnswer.model);
  taken("--shadow-model", given.shadowModel, readAnswer.model);
  taken("--percent", given.percent, readAnswer.percent);
  taken("--hostname", given.hostname, readAnswer.hostname);
  taken("--port", given.port, readAnswer.port);
  if (given.shadowModel !== undefined && given.model === undefined) {
    throw new UsageError(
      "--shadow-model needs --model: it says which name is replaced in the copy",
    );
  }
}

function taken<T>(
  flag: string,
  text: string | undefined,
  read: (text: string) => Answer<T>,
): T | undefined {
  if (text === undefined) return undefined;
  const answer = read(text);
  if (!answer.ok) throw new UsageError(`${flag}: ${answer.message}`);
  return answer.value;
}

function withDefaults(given: Given): Answers {
  if (given.primary === undefined) {
    throw new UsageError(
      "give the endpoints that answer clients with --primary; on a terminal and without --yes they are asked for",
    );
  }
  const primary = taken("--primary", given.primary, readAnswer.primary) ?? [];
  return {
    primary,
    shadow: taken("--shadow", given.shadow, (text) => readAnswer.shadow(text, primary)) ?? [],
    model: taken("--model", given.model, readAnswer.model),
    shadowModel: taken("--shadow-model", given.shadowModel, readAnswer.model),
    percent: taken("--percent", given.percent ?? defaults.percent, readAnswer.percent) ?? 100,
    hostname: taken("--hostname", given.hostname, readAnswer.hostname),
    port: taken("--port", given.port ?? defaults.port, readAnswer.port) ?? 8080,
  };
}

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
