import type { Command } from "commander";
import { checkCommand } from "./commands/check.ts";
import { compareCommand } from "./commands/compare.ts";
import { completionCommand } from "./commands/completion.ts";
import { configCommand } from "./commands/config.ts";
import { demoCommand } from "./commands/demo.ts";
import { docsCommand } from "./commands/docs.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { drainCommand } from "./commands/drain.ts";
import { explainCommand } from "./commands/explain.ts";
import { initCommand } from "./commands/init.ts";
import { installCommand } from "./commands/install.ts";
import { loadCommand } from "./commands/load.ts";
import { planCommand } from "./commands/plan.ts";
import { renderCommand } from "./commands/render.ts";
import { reportCommand } from "./commands/report.ts";
import { serveCommand } from "./commands/serve.ts";
import { shadowCommand } from "./commands/shadow.ts";
import { simulateCommand } from "./commands/simulate.ts";
import { upCommand } from "./commands/up.ts";
import { verifyCommand } from "./commands/verify.ts";
import type { Io } from "./io.ts";
import { rootCommand } from "./root-command.ts";

export function program(io: Io): Command {
  return rootCommand(io, [
    renderCommand(io),
    checkCommand(io),
    doctorCommand(io),
    initCommand(io),
    installCommand(io),
    serveCommand(io),
    upCommand(io),
    drainCommand(io),
    simulateCommand(io),
    demoCommand(io),
    verifyCommand(io),
    loadCommand(io),
    reportCommand(io),
    compareCommand(io),
    planCommand(io),
    explainCommand(io),
    configCommand(io),
    shadowCommand(io),
    docsCommand(io),
    completionCommand(io),
  ]);
}
