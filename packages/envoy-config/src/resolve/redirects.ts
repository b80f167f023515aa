import { defined } from "@umbra/shadow/defined";
import type { RedirectFilter } from "../resources/resources.ts";
import type { RuleShare } from "./shares.ts";

/** What a route that redirects does. Without a port it goes to the scheme's; the listener's comes in later. */
export function redirected({
  statusCode,
  ...to
}: RedirectFilter): Pick<RuleShare, "action" | "mirrors" | "keepsPort"> {
  const { scheme, hostname, port, path } = to;
  const filledIn = { scheme, hostname, port: port ?? (scheme === "https" ? 443 : 80), path };
  return {
    action: { kind: "redirect", ...defined(filledIn), statusCode },
    mirrors: [],
    keepsPort: port === undefined && scheme === undefined,
  };
}
