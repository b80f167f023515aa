import type { Defined } from "@umbra/shadow/defined";
import { Command, Option } from "commander";

/** What reads a flag's value, and throws UsageError; or the words that it may be. */
type Read<Value> = ((text: string, flag: string, previous: never) => Value) | readonly Value[];

/** A flag of one or more commands. */
export interface Flag<Value> {
  /** As Commander writes it: `--name <shape>`. */
  readonly flag: string;
  readonly help: string;
  readonly read?: Read<Value>;
  readonly initial?: Value;
  /** The commands that take it, and its default there; absent: all that have its table. */
  readonly of?: Readonly<Record<string, Value | undefined>>;
  readonly isMandatory?: boolean;
}

/** A row for each value, by the name that Commander gives it. */
export type FlagTable<Values> = {
  readonly [Key in keyof Values]-?: Flag<Exclude<Values[Key], undefined>>;
};

type AnyTable = Readonly<Record<string, Flag<unknown>>>;

/** The values of a table that `flag` has made. */
export type FlagsOf<Table> = Defined<{
  readonly [Key in keyof Table]: Table[Key] extends TypedFlag<infer Value> ? Value : never;
}>;

/** `Value`: what the flag is among a command's flags. */
export type TypedFlag<Value> = Flag<unknown> & { readonly type?: Value };

/** The type of a value that nothing reads. */
type Unread<Shape> = Shape extends `${string}<${string}`
  ? string
  : Shape extends `--no-${string}`
    ? boolean
    : true;

/** A row of a table for one command. */
export function flag<Shape extends string, const Value = Unread<Shape>, const Initial = undefined>(
  shape: Shape,
  help: string,
  read?: Read<Value>,
  initial?: Initial,
): TypedFlag<Value | Initial> {
  return { flag: shape, help, ...({ read, initial } as Partial<Flag<unknown>>) };
}

/** One without which the command does not run. */
export function mandatory<Value>(given: TypedFlag<Value>): TypedFlag<Exclude<Value, undefined>> {
  return { ...(given as Flag<unknown>), isMandatory: true };
}

/** How data is printed on stdout. */
export function outputFlag(help: string): TypedFlag<"table" | "json"> {
  return flag("-o, --output <form>", help, ["table", "json"], "table");
}

export interface CommandText {
  readonly summary: string;
  readonly description: string;
  /** Command lines to copy. */
  readonly examples: readonly string[];
  readonly flags?: readonly AnyTable[];
}

/** A command with its help, and with the flags that the tables have for it. */
export function commandOf(name: string, text: CommandText): Command {
  const { summary, description, examples, flags = [] } = text;
  const command = new Command(name).summary(summary).description(description);
  for (const [key, row] of flags.flatMap((table) => Object.entries(table))) {
    const { of = { [name]: row.initial } } = row;
    if (!Object.hasOwn(of, name)) continue;
    const option = optionOf(row);
    if (option.attributeName() !== key) throw new Error(`${key} is no name for ${row.flag}`);
    command.addOption(of[name] === undefined ? option : option.default(of[name]));
  }
  const title = examples.length === 1 ? "Example" : "Examples";
  const lines = [`\n${title}:`, ...examples.map((line) => `  $ ${line}`)];
  return command.addHelpText("after", lines.join("\n"));
}

function optionOf({ flag: shape, help, read, isMandatory = false }: Flag<unknown>): Option {
  const option = new Option(shape, help).makeOptionMandatory(isMandatory);
  if (typeof read === "function") {
    return option.argParser((text, previous) =>
      read(text, option.long ?? shape, previous as never),
    );
  }
  return read === undefined ? option : option.choices(read as readonly string[]);
}

/** Those values that another command takes too. */
export function flagsFor(command: string, flags: object, table: AnyTable): object {
  const isOf = ([key]: readonly [string, unknown]) => Object.hasOwn(table[key]?.of ?? {}, command);
  return Object.fromEntries(Object.entries(flags).filter(isOf));
}
