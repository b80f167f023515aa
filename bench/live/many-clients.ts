import { connectAds } from "../../e2e/harness/ads-client.ts";
import { cpuMsOf, rssMbOf } from "../harness/usage.ts";
import { atMost } from "./figure.ts";
import type { Row } from "./row.ts";
import type { Testbed } from "./testbed.ts";

const clients = 100;

export const manyClients: Row = {
  key: "clients",
  title: `${clients} clients that connect at once, 500 routes`,
  mostSeconds: 60,
  async measure(begin) {
    const testbed = await begin.stopped({ routes: 500, endpoints: 16 });
    await testbed.startSidecar();
    const figures = [];
    for (const form of ["full", "delta"] as const) {
      const { tookMs, grownMb } = await connectMany(testbed, form);
      figures.push(
        atMost(`all served, ${form}`, tookMs / 1_000, 2, "s"),
        atMost(`more memory, ${form}`, grownMb, 50, "MB"),
      );
    }
    return figures;
  },
};

export interface Crowd {
  /** Until the last has its routes. */
  readonly tookMs: number;
  /** Of the sidecar. */
  readonly cpuMs: number;
  readonly grownMb: number;
  /** Bytes of resources that each client got. */
  readonly bytes: readonly number[];
}

/** Connects many clients at once, after one whose cost does not count. */
export async function connectMany(testbed: Testbed, form: "full" | "delta"): Promise<Crowd> {
  const connect = (index: number) => connectAds(testbed.ads, { node: `${form}-${index}`, form });
  const first = connect(0);
  await first.hasRoutes;
  const pid = testbed.sidecarPid();
  const [cpu, memory, startedMs] = [cpuMsOf(pid), rssMbOf(pid), performance.now()];
  const all = Array.from({ length: clients }, (_, i) => connect(i + 1));
  await Promise.all(all.map(({ hasRoutes }) => hasRoutes));
  const tookMs = performance.now() - startedMs;
  const crowd = {
    ...{ tookMs, cpuMs: cpuMsOf(pid) - cpu, grownMb: rssMbOf(pid) - memory },
    bytes: [first, ...all].map(({ bytes }) => bytes()),
  };
  for (const each of [first, ...all]) each.close();
  return crowd;
}
