import { readFileSync, statSync } from "node:fs";
import {
  crashingGuardEffect,
  type Diagnostic,
  diagnosticCodes,
  turnsOnCrashingGuard,
} from "@umbra/envoy-config";
import { parse } from "yaml";
import { CommandError } from "../errors.ts";

const maxBytes = 16 * 1024 * 1024;

/** Finds problems in an Envoy bootstrap (YAML or JSON) that Umbra did not render. Throws CommandError if the file can't be read. */
export function checkOwnBootstrap(file: string): readonly Diagnostic[] {
  if (!turnsOnCrashingGuard(readBootstrap(file))) return [];
  const { remedy } = diagnosticCodes.UMB0330;
  const message = `the bootstrap ${crashingGuardEffect}`;
  return [{ severity: "warning", code: "UMB0330", message, remedy, file, line: 1, column: 1 }];
}

function readBootstrap(file: string): unknown {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    throw new CommandError(`there is no file "${file}": check the path given with --bootstrap`);
  }
  if (size > maxBytes) throw new CommandError(`"${file}" is larger than 16 MiB`);
  try {
    return parse(readFileSync(file, "utf8"), { maxAliasCount: 1_000, logLevel: "error" });
  } catch (cause) {
    const [why] = (cause as Error).message.split("\n");
    throw new CommandError(`the bootstrap "${file}" can't be read as YAML: ${why}`, { cause });
  }
}
