import type { Readable, Writable } from "node:stream";
import { isCancel, text } from "@clack/prompts";
import { CommandError } from "../errors.ts";
import { type Answer, type Answers, defaults, type Given, readAnswer } from "./answers.ts";

export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  readonly signal: AbortSignal;
}

/** Asks for what is not given. Throws CommandError when the user ends it. */
export async function askAnswers(given: Given, terminal: Terminal): Promise<Answers> {
  const primary = await ask(
    given.primary,
    { message: "Endpoints that answer clients", placeholder: "10.0.0.1:8000,10.0.0.2:8000" },
    readAnswer.primary,
    terminal,
  );
  const shadow = await ask(
    given.shadow,
    { message: "Endpoints of the shadow (none: empty)", placeholder: "10.0.1.1:8000" },
    (typed) => readAnswer.shadow(typed, primary),
    terminal,
  );
  const model = await ask(
    given.model,
    { message: "Model that clients ask for (whatever is served: empty)", placeholder: "" },
    readAnswer.model,
    terminal,
  );
  const hasShadow = shadow.length > 0;
  const shadowModel =
    hasShadow && model !== undefined
      ? await ask(
          given.shadowModel,
          { message: "Model that the shadow serves (the same: empty)", placeholder: model },
          readAnswer.model,
          terminal,
        )
      : undefined;
  const percent = hasShadow
    ? await ask(
        given.percent,
        { message: "Percent of requests that are mirrored", fallback: defaults.percent },
        readAnswer.percent,
        terminal,
      )
    : Number(defaults.percent);
  const hostname = await ask(
    given.hostname,
    { message: "Host that clients name (any: empty)", placeholder: "chat.example.com" },
    readAnswer.hostname,
    terminal,
  );
  const port = await ask(
    given.port,
    { message: "Port that clients come to", fallback: defaults.port },
    readAnswer.port,
    terminal,
  );
  return { primary, shadow, model, shadowModel, percent, hostname, port };
}

interface Question {
  readonly message: string;
  readonly placeholder?: string;
  /** Taken where nothing is typed. */
  readonly fallback?: string;
}

async function ask<T>(
  given: string | undefined,
  { message, placeholder, fallback = "" }: Question,
  read: (typed: string) => Answer<T>,
  terminal: Terminal,
): Promise<T> {
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
  if (isCancel(typed)) throw new CommandError("ended; nothing was written");
  const answer = read(typed);
  if (!answer.ok) throw new CommandError(answer.message);
  return answer.value;
}
