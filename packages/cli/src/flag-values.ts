import { isIP } from "node:net";
import { UsageError } from "./errors.ts";

/** Returns the value unchanged. */
export const text = (given: string): string => given;

/** Returns the value unchanged if `check` does not throw. */
export function checked(
  check: (text: string, flag: string) => void,
): (text: string, flag: string) => string {
  return (given, flag) => {
    check(given, flag);
    return given;
  };
}

/** Collects the values of a repeatable flag. */
export function collect(
  given: string,
  _flag: string,
  previous: readonly string[] | undefined,
): readonly string[] {
  return [...(previous ?? []), given];
}

/** Parses `host:port`, with an IPv6 address in brackets. */
export function hostPort(
  given: string,
  flag: string,
): { readonly host: string; readonly port: number } {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(given);
  const port = Number(found?.[3]);
  const host = found?.[1] ?? found?.[2];
  if (host === undefined || port > 65_535)
    throw new UsageError(`${flag} expects HOST:PORT, got "${given}"`);
  return { host, port };
}

export function number(min: number, max: number): (text: string, flag: string) => number {
  return (given, flag) => {
    const value = Number(given);
    if (given.trim() === "" || !(value >= min && value <= max)) {
      throw new UsageError(`${flag} expects a number from ${min} to ${max}, got "${given}"`);
    }
    return value;
  };
}

export function wholeNumber(min: number, max: number): (text: string, flag: string) => number {
  const read = number(min, max);
  return (given, flag) => {
    const value = read(given, flag);
    if (!Number.isInteger(value)) {
      throw new UsageError(`${flag} expects a whole number from ${min} to ${max}, got "${given}"`);
    }
    return value;
  };
}

export const ip: (text: string, flag: string) => string = checked((given, flag) => {
  if (isIP(given) === 0) {
    throw new UsageError(`${flag} expects an IP address such as 127.0.0.1, got "${given}"`);
  }
});

/** Parses `samples=N` of `--capture`. */
export function captureCount(given: string): number {
  const count = Number(/^samples=(\d{1,4})$/.exec(given)?.[1]);
  if (!(count >= 1 && count <= 1_000)) {
    throw new UsageError(`--capture expects samples=N with N from 1 to 1000, got "${given}"`);
  }
  return count;
}
