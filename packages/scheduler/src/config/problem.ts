/** A problem at one place of a configuration, and how to fix it. */
export interface ConfigProblem {
  /** Keys and list indices from the top, e.g. `["plugins", 2, "type"]`. */
  readonly path: ConfigPath;
  readonly message: string;
}

/** Where a value is in a configuration: names of fields, and indexes of lists from 0. */
export type ConfigPath = readonly (string | number)[];

/** `plugins[2].type`. */
export function pathText(path: ConfigPath): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join("");
}
