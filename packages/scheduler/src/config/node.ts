import type { ConfigPath, ConfigProblem } from "./problem.ts";

/**
 * One value of a configuration with its path. Reading a value of the wrong kind reports a problem and returns
 * undefined, so that one pass finds all problems.
 */
export interface ConfigNode {
  readonly path: ConfigPath;
  readonly isPresent: boolean;
  report(message: string): void;
  /** Member of a map. A missing member is also a node. */
  at(key: string): ConfigNode;
  /** Like `at`, but reports a missing member. */
  needed(key: string): ConfigNode;
  /** Names of the members; empty if the value is not a map. */
  keys(): readonly string[];
  /** Reports all members but these. */
  allowOnly(known: readonly string[]): void;
  items(): readonly ConfigNode[];
  /** Strings of a list. */
  texts(): readonly string[];
  text(): string | undefined;
  flag(): boolean | undefined;
  /** A finite number from `least` to `most`. */
  number(least?: number, most?: number): number | undefined;
  integer(least?: number, most?: number): number | undefined;
  /** `60s`, `200ms`, `1h30m`, as Go writes them; in ms. */
  duration(): number | undefined;
  /** `10Gi`, `1k`, `500`, as Kubernetes writes them. */
  quantity(): number | undefined;
}

export function configNode(
  value: unknown,
  path: ConfigPath,
  problems: ConfigProblem[],
): ConfigNode {
  const isPresent = value !== undefined && value !== null;
  const report = (message: string): void => {
    problems.push({ path, message });
  };
  const wrong = (wanted: string): undefined => {
    if (isPresent) report(`must be ${wanted}`);
  };

  function map(): Readonly<Record<string, unknown>> {
    const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isMap) return value as Readonly<Record<string, unknown>>;
    wrong("a map");
    return {};
  }

  function at(key: string): ConfigNode {
    const members = map();
    const member = Object.hasOwn(members, key) ? members[key] : undefined;
    return configNode(member, [...path, key], problems);
  }

  function items(): readonly ConfigNode[] {
    if (!Array.isArray(value)) return wrong("a list") ?? [];
    return value.map((item: unknown, i) => configNode(item, [...path, i], problems));
  }

  return {
    ...{ path, isPresent, report, at, items },
    ...scalarsOf(value, wrong),
    needed(key) {
      const member = at(key);
      if (!member.isPresent) report(`has no \`${key}\``);
      return member;
    },
    keys: () => Object.keys(map()),
    allowOnly(known) {
      for (const key of Object.keys(map())) {
        if (known.includes(key)) continue;
        const choice = known.length === 0 ? "remove it" : `known fields are ${known.join(", ")}`;
        problems.push({ path: [...path, key], message: `is not known here: ${choice}` });
      }
    },
    texts: () => items().flatMap((each) => each.text() ?? []),
  };
}

type Scalars = Pick<ConfigNode, "text" | "flag" | "number" | "integer" | "duration" | "quantity">;

function scalarsOf(value: unknown, wrong: (wanted: string) => undefined): Scalars {
  function number(least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY) {
    if (typeof value !== "number" || !Number.isFinite(value)) return wrong("a number");
    if (value >= least && value <= most) return value;
    return wrong(most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`);
  }
  return {
    number,
    text: () => (typeof value === "string" ? value : wrong("a string")),
    flag: () => (typeof value === "boolean" ? value : wrong("true or false")),
    integer(least, most) {
      if (typeof value === "number" && !Number.isInteger(value)) return wrong("a whole number");
      return number(least, most);
    },
    duration: () => durationOf(value) ?? wrong("a duration such as 200ms or 60s"),
    quantity: () => quantityOf(value) ?? wrong("a quantity such as 500, 1k or 10Gi"),
  };
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Returns the object without its undefined members. */
export function present<T extends object>(values: T): Present<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Present<T>;
}

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

function durationOf(value: unknown): number | undefined {
  if (value === "0") return 0;
  if (typeof value !== "string" || !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(value))
    return undefined;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (durationUnits[unit as string] as number);
  }
  return total;
}

const quantityUnits: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

function quantityOf(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? value : undefined;
  const found = typeof value === "string" ? /^(\d+(?:\.\d+)?)(k|M|G|Ki|Mi|Gi|)$/.exec(value) : null;
  return found === null
    ? undefined
    : Number(found[1]) * (quantityUnits[found[2] as string] as number);
}
