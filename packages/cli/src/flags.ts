import { type Command, Option } from "commander";

/** A flag of one or more commands, beside the name and the type that its value has in a command. */
export interface FlagRow<Value> {
  /** As Commander writes it: `--name <shape>`. */
  readonly flag: string;
  readonly help: string;
  /** The commands that take it, and its default there. */
  readonly of: Readonly<Record<string, Value | undefined>>;
  readonly choices?: readonly (Value & string)[];
  readonly isRepeatable?: true;
  /** What reads the value, for a flag of this name. It throws UsageError. */
  readonly read?: (flag: string) => (text: string) => Value;
}

/** A row for each value. */
export type FlagTable<Values> = {
  readonly [Key in keyof Values]-?: FlagRow<Exclude<Values[Key], undefined>>;
};

type AnyTable = Readonly<Record<string, FlagRow<unknown>>>;

/** Adds the flags that the tables have for this command. */
export function withFlags(command: Command, ...tables: readonly AnyTable[]): Command {
  for (const row of tables.flatMap((table) => Object.values(table))) {
    if (Object.hasOwn(row.of, command.name())) command.addOption(optionOf(row, command.name()));
  }
  return command;
}

function optionOf(
  { flag, help, of, choices, isRepeatable, read }: FlagRow<unknown>,
  command: string,
): Option {
  const option = new Option(flag, help);
  if (choices !== undefined) option.choices(choices);
  if (isRepeatable === true) option.argParser(collect);
  if (read !== undefined) option.argParser(read(option.long ?? flag));
  return of[command] === undefined ? option : option.default(of[command]);
}

/** Reads a value as it is, where `check` does not throw. */
export function checked(
  check: (text: string, flag: string) => void,
): (flag: string) => (text: string) => string {
  return (flag) => (text) => {
    check(text, flag);
    return text;
  };
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** Those values that another command takes too. */
export function flagsFor(command: string, flags: object, table: AnyTable): object {
  const isOf = ([key]: readonly [string, unknown]) => Object.hasOwn(table[key]?.of ?? {}, command);
  return Object.fromEntries(Object.entries(flags).filter(isOf));
}
