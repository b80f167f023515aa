import type { Defined } from "@umbra/shadow/defined";
import { Command, Option } from "commander";

/** Parses a flag's value and throws UsageError, or lists the allowed values. */
type Read<Value> = ((text: string, flag: string, previous: never) => Value) | readonly Value[];

/** A flag of one or more commands. */
export interface Flag<Value> {
  /** In Commander's form: `--name <placeholder>`. */
  readonly flag: string;
  readonly help: string;
  readonly read?: Read<Value>;
  readonly initial?: Value;
  /** The commands that accept the flag, with their defaults. When absent, all commands that use the table accept it. */
  readonly of?: Readonly<Record<string, Value | undefined>>;
  readonly isMandatory?: boolean;
}

/** A flag for each value, keyed by Commander's name of the option. */
export type FlagTable<Values> = {
  readonly [Key in keyof Values]-?: Flag<Exclude<Values[Key], undefined>>;
};

type AnyTable = Readonly<Record<string, Flag<unknown>>>;

/** The values of a table whose rows `flag` created. */
export type FlagsOf<Table> = Defined<{
  readonly [Key in keyof Table]: Table[Key] extends TypedFlag<infer Value> ? Value : never;
}>;

/** A flag with the type of its parsed value. */
export type TypedFlag<Value> = Flag<unknown> & { readonly type?: Value };

/** The type of a value without a parser. */
type Unread<Shape> = Shape extends `${string}<${string}`
  ? string
  : Shape extends `--no-${string}`
    ? boolean
    : true;

/** Defines a flag of one command. */
export function flag<Shape extends string, const Value = Unread<Shape>, const Initial = undefined>(
  shape: Shape,
  help: string,
  read?: Read<Value>,
  initial?: Initial,
): TypedFlag<Value | Initial> {
  return { flag: shape, help, ...({ read, initial } as Partial<Flag<unknown>>) };
}

/** Makes a flag required. */
export function mandatory<Value>(given: TypedFlag<Value>): TypedFlag<Exclude<Value, undefined>> {
  return { ...(given as Flag<unknown>), isMandatory: true };
}

/** The flag for the output format on stdout. */
export function outputFlag(help: string): TypedFlag<"table" | "json"> {
  return flag("-o, --output <form>", help, ["table", "json"], "table");
}

export interface CommandText {
  readonly summary: string;
  readonly description: string;
  /** Example command lines, to copy. */
  readonly examples: readonly string[];
  readonly flags?: readonly AnyTable[];
}

/** Creates a command with its help text and its flags from the tables. */
export function commandOf(name: string, text: CommandText): Command {
  const { summary, description, examples, flags = [] } = text;
  const command = new Command(name).summary(summary).description(description);
  for (const [key, row] of flags.flatMap((table) => Object.entries(table))) {
    const { of = { [name]: row.initial } } = row;
    if (!Object.hasOwn(of, name)) continue;
    const option = optionOf(row);
    if (option.attributeName() !== key)
      throw new Error(`${key} is not Commander's name for ${row.flag}`);
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

/** Keeps the flag values that another command also accepts. */
export function flagsFor(command: string, flags: object, table: AnyTable): object {
  const isOf = ([key]: readonly [string, unknown]) => Object.hasOwn(table[key]?.of ?? {}, command);
  return Object.fromEntries(Object.entries(flags).filter(isOf));
}
