import type { ExternalPicker, PickerService } from "@umbra/envoy-config";
import { UsageError } from "../errors.ts";
import { hostPort } from "../flag-values.ts";
import { byName, split } from "./named-values.ts";

/** Values of the flags that choose who picks. */
export interface PickerFlags {
  readonly picker?: readonly string[];
  readonly pickerCa?: readonly string[];
  readonly pickerService?: readonly string[];
}

/** Umbra's own Services; undefined if none is named. Throws UsageError for wrong flags. */
export function ownPickersOf({ pickerService }: PickerFlags): readonly PickerService[] | undefined {
  return pickerService?.map((text) => {
    const [, namespace, name, port] = /^([^/:]+)\/([^/:]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
    const number = port === undefined ? undefined : Number(port);
    if (namespace === undefined || name === undefined || !isPort(number)) {
      throw new UsageError(
        `--picker-service expects NAMESPACE/NAME or NAMESPACE/NAME:PORT, got "${text}"`,
      );
    }
    return { namespace, name, ...(number === undefined ? {} : { port: number }) };
  });
}

function isPort(number: number | undefined): boolean {
  return number === undefined || (number >= 1 && number <= 65_535);
}

/** The third-party pickers by pool. Throws UsageError for wrong flags. */
export function pickersOf({ picker, pickerCa }: PickerFlags): ReadonlyMap<string, ExternalPicker> {
  const pickers = byName("--picker", "POOL=HOST:PORT", picker, (where, flag): ExternalPicker => {
    const address = where.replace(/^tls:/, "");
    hostPort(address, flag);
    return { address, isTls: where.startsWith("tls:") };
  });
  for (const text of pickerCa ?? []) {
    const [name, caFile] = split(text, "--picker-ca", "POOL=FILE");
    const known = pickers.get(name);
    if (known?.isTls !== true) {
      throw new UsageError(`--picker-ca ${name} needs --picker ${name}=tls:HOST:PORT`);
    }
    if (caFile === "") throw new UsageError("--picker-ca expects POOL=FILE");
    pickers.set(name, { ...known, caFile });
  }
  return pickers;
}
