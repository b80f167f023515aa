import { isNativeError } from "node:util/types";

/** Why a user's program (`exec` in a kubeconfig) can't be run, from its fields alone; undefined when nothing is wrong. */
export function programProblem(exec: unknown): string | undefined {
  const { command, args, env } = (exec ?? {}) as Record<"command" | "args" | "env", unknown>;
  if (typeof command !== "string" || command === "") return "`command` must be a text";
  const variables = env ?? [];
  if (!Array.isArray(variables) || !variables.every(isVariable)) {
    return "`env` must be a list of names and values, both texts";
  }
  const given = args ?? [];
  if (!Array.isArray(given) || !given.every(isText)) return "`args` must be a list of texts";
  const texts = [command, ...given, ...variables.flatMap(({ name, value }) => [name, value])];
  if (texts.some((text) => text.includes("\0"))) {
    return "an argument or a variable has a null byte";
  }
  return undefined;
}

/** Why the system did not start a program; undefined for an error of another origin. */
export function startProblem(cause: unknown): string | undefined {
  if (!isNativeError(cause)) return undefined;
  const { syscall } = cause as NodeJS.ErrnoException;
  return syscall?.startsWith("spawn") === true ? cause.message : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isVariable(value: unknown): value is { readonly name: string; readonly value: string } {
  const { name, value: text } = (value ?? {}) as Record<"name" | "value", unknown>;
  return isText(name) && isText(text);
}
