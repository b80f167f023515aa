import { readFileSync } from "node:fs";
import { CommandError } from "../errors.ts";

/** Reads a token from a file: on the command line, every user of the machine could see it. */
export function readToken(file: string): string {
  let token: string;
  try {
    token = readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new CommandError(`${file} can't be read: ${(cause as Error).message}`, { cause });
  }
  if (token.length < 16) {
    throw new CommandError(`the token in ${file} must be at least 16 characters long`);
  }
  return token;
}
