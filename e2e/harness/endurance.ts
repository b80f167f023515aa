import { expect } from "@jest/globals";
import { chat, postMany } from "./client.ts";
import { startGateway } from "./gateway.ts";
import { addresses, startModelServers, stopModelServers } from "./model-servers.ts";
import { scenario } from "./resources.ts";
import { until } from "./until.ts";

export interface Endurance {
  readonly requests: number;
  /** How both pools pick; by default `buffered`. */
  readonly pickMode?: "headers" | "buffered" | "duplex";
}

/** Sends mirrored requests, 16 in flight: none fails, and no ext_proc stream fails. */
export async function endure({ requests, pickMode = "buffered" }: Endurance): Promise<void> {
  const primary = await startModelServers(2);
  const shadow = await startModelServers(2);
  // FailClose: a pick that fails can't hide behind Envoy's own balancing.
  const gateway = await startGateway({
    resources: scenario({
      primary: addresses(primary),
      shadow: addresses(shadow),
      failureMode: "FailClose",
    }).replaceAll("umbra.dev/endpoints:", `umbra.dev/pick-mode: ${pickMode}, umbra.dev/endpoints:`),
  });
  try {
    const answers = await postMany(gateway.origin, requests, 16, (index) =>
      chat({ isStream: index % 4 === 0, maxTokens: 2 }),
    );
    const bad = answers.filter(({ status }) => status !== 200);
    expect(bad.slice(0, 3)).toEqual([]);
    expect(answers).toHaveLength(requests);
    // Both filters of both lanes have streams, so that their counters are worth something.
    for (const filter of ["pick_primary", "pick_shadow", "observe_primary", "observe_shadow"]) {
      const counter = (name: string) => gateway.stat(new RegExp(`ext_proc\\.${filter}\\.${name}$`));
      expect([filter, await counter("streams_started")]).toEqual([filter, requests]);
      expect([filter, await counter("streams_failed")]).toEqual([filter, 0]);
    }
    expect(await gateway.stat(/ext_proc\..*failure_mode_allowed$/)).toBe(0);
    expect(await gateway.stat(/^cluster\.umbra-picker\.upstream_cx_total$/)).toBe(1);
    // The last copies are answered a little after the last client.
    const copies = () => gateway.stat(/^cluster\.shadow\/[^.]+\.upstream_rq_2xx$/);
    await until("every copy is answered", async () => (await copies()) >= requests);
    expect(await copies()).toBe(requests);
  } finally {
    await gateway.stop();
    await stopModelServers([...primary, ...shadow]);
  }
}
