import type { ExternalPicker } from "@umbra/envoy-config";
import { UsageError } from "../errors.ts";
import { hostPort } from "../flag-values.ts";
import { byName, split } from "./named-values.ts";

/** Values of the flags that choose who picks. */
export interface PickerFlags {
  readonly picker?: readonly string[];
  readonly pickerCa?: readonly string[];
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
