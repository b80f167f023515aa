import { parseAddressRange } from "@umbra/envoy-config";
import { UsageError } from "../errors.ts";
import { checked } from "../flag-values.ts";

export const addressRange: (text: string, flag: string) => string = checked((given, flag) => {
  if (parseAddressRange(given) === undefined) {
    throw new UsageError(`${flag} expects a network such as 10.0.7.0/24, got "${given}"`);
  }
});
