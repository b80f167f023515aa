import type { Readable, Writable } from "node:stream";
import { isCancel, text } from "@clack/prompts";
import { CommandError } from "../errors.ts";
import type { Ask } from "./answers.ts";

export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  readonly signal: AbortSignal;
}

/** Prompts for missing values. Throws CommandError if the user cancels. */
export function promptOn(terminal: Terminal): Ask {
  return async ({ given, message, placeholder, read, defaultText, isAsked = true }) => {
    if (given === undefined && !isAsked) return defaultText;
    const fallback = typeof defaultText === "number" ? String(defaultText) : "";
    const typed =
      given ??
      (await text({
        message,
        placeholder: placeholder ?? fallback,
        defaultValue: fallback,
        validate(value) {
          const answer = read(value === undefined || value === "" ? fallback : value);
          return answer.ok ? undefined : answer.message;
        },
        ...terminal,
      }));
    if (isCancel(typed)) throw new CommandError("cancelled; nothing was written");
    const answer = read(typed);
    if (!answer.ok) throw new CommandError(answer.message);
    return answer.value;
  };
}
