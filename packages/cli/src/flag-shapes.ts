import { unprintableIn } from "@umbra/shadow/printable";
import type { Command, Option } from "commander";
import { UsageError } from "./errors.ts";
import { hostPort } from "./flag-values.ts";

/**
 * Checks every option value against the placeholder in its help (`<host:port>`, `<url>`, `<name>`, …), so that no
 * command has to do it. An option's own parser runs after this check.
 */
export function checkFlagShapes(command: Command): void {
  for (const option of command.options) {
    // Commander checks choices itself.
    if (!option.required || option.argChoices !== undefined) continue;
    const flag = option.long ?? option.flags;
    const shape = shapeOf(option);
    const { parseArg } = option;
    option.argParser((text: string, previous: unknown) => {
      if (text.trim() === "") {
        throw new UsageError(`${flag} is empty: give ${shape} or omit the flag`);
      }
      checks[shape]?.(text, flag);
      return parseArg === undefined ? text : parseArg(text, previous as never);
    });
  }
}

/** The placeholder inside `<…>`. */
function shapeOf({ flags }: Option): string {
  return /<([^>]+)>/.exec(flags)?.[1] ?? "a value";
}

const maxNameLength = 512;

/** Each throws UsageError. */
const checks: Readonly<Record<string, (text: string, flag: string) => void>> = {
  "host:port"(text, flag) {
    // Some of these flags also accept a Unix socket and check it themselves.
    if (!text.startsWith("unix:")) hostPort(text, flag);
  },
  url: httpUrl,
  name: oneLine,
  pool: oneLine,
};

function oneLine(text: string, flag: string): void {
  const found = unprintableIn(text);
  if (found !== undefined)
    throw new UsageError(`${flag} must be a single line of text without ${found}`);
  if (text.length > maxNameLength) {
    throw new UsageError(`${flag} allows at most ${maxNameLength} characters, got ${text.length}`);
  }
}

function httpUrl(text: string, flag: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new UsageError(`${flag} expects a URL such as http://127.0.0.1:8080, got "${text}"`);
  }
}
