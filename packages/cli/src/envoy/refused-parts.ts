import type { AdminAnswers } from "@umbra/sidecar";
import { queryAdmin } from "../process/admin-client.ts";

type ConfigAnswer = AdminAnswers["/v1/config"];
type Refused = ConfigAnswer["envoys"][number]["refused"][number];

/** What Envoy says about its first configuration: it is not there yet, or has taken it, or refuses parts of it. */
export type FirstAnswer =
  | { readonly kind: "none" }
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly words: string };

/** Asks the sidecar whether an Envoy has taken its configuration. */
export async function firstAnswer(admin: string): Promise<FirstAnswer> {
  const config = await queryAdmin(admin, "/v1/config").catch(() => undefined);
  const envoys = config?.envoys.filter(({ isUpToDate }) => isUpToDate) ?? [];
  if (envoys.length === 0) return { kind: "none" };
  const refused = envoys.flatMap((envoy) => envoy.refused);
  return refused.length === 0 ? { kind: "taken" } : { kind: "refused", words: wordsOf(refused) };
}

const nouns: Readonly<Record<Refused["type"], string>> = {
  cds: "cluster",
  eds: "endpoints of cluster",
  sds: "certificate",
  ecds: "filter",
  lds: "listener",
  rds: "routes of listener",
};

const mostNamed = 10;

function wordsOf(refused: readonly Refused[]): string {
  const named = refused
    .slice(0, mostNamed)
    .map(({ type, name, message }) => `\n  ${nouns[type]} "${name}": ${message}`);
  const rest = refused.length - named.length;
  const more = rest > 0 ? `\n  and ${rest} more` : "";
  return `Envoy refuses its configuration. Check for a port that is in use, or a part that it rejects:${named.join("")}${more}`;
}
