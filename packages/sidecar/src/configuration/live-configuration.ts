import { createAdsServer } from "@umbra/xds";
import type { Logger } from "pino";
import type { ServingState } from "../apply/serving-state.ts";
import { type AdsAddress, openAdsListener } from "./ads-listener.ts";
import { shownRejection } from "./config-answer.ts";
import {
  type AppliedConfiguration,
  ConfigurationRollout,
  type RolloutListener,
} from "./configuration-rollout.ts";
import { type ConfigurationState, createConfigurationState } from "./configuration-state.ts";

export interface LiveConfigurationOptions extends RolloutListener {
  readonly serving: ServingState;
  /** Absent: Envoy gets its configuration elsewhere. */
  readonly ads?: AdsAddress;
  readonly log: Logger;
}

/** The configuration that the sidecar serves, and gives to Envoy. */
export interface LiveConfiguration {
  readonly state: ConfigurationState;
  /** Serves a configuration. Throws if it can't be served; the one before stays then. */
  apply(configuration: AppliedConfiguration): void;
  /** Begins to serve ADS. Returns the bound address; undefined without `ads`. Throws if it can't be served there. */
  listen(): Promise<string | undefined>;
  close(): Promise<void>;
}

export function createLiveConfiguration(options: LiveConfigurationOptions): LiveConfiguration {
  const { serving, log, ads: at } = options;
  const now = () => performance.now();
  const ads = createAdsServer({
    now,
    observer: {
      upToDate: (...given) => rollout.observer.upToDate?.(...given),
      changed: () => rollout.observer.changed?.(),
      refused(nodeId, kind, rejections) {
        rollout.observer.refused?.(nodeId, kind, rejections);
        const refused = rejections.map((each) => shownRejection({ ...each, kind }));
        log.warn({ nodeId, refused }, "Envoy has refused a part of its configuration");
      },
      unknownType: (typeUrl) => rollout.observer.unknownType?.(typeUrl),
    },
  });
  const state = createConfigurationState(() => ads.clients, Date.now);
  const rollout = new ConfigurationRollout({
    ...options,
    ...{ serving, state, ads, now },
    wallClock: Date.now,
    after(ms, run) {
      const timer = setTimeout(run, ms).unref();
      return () => clearTimeout(timer);
    },
  });
  let listener: Awaited<ReturnType<typeof openAdsListener>> | undefined;
  return {
    state,
    apply: (configuration) => rollout.apply(configuration),
    async listen() {
      if (at === undefined) return undefined;
      listener = await openAdsListener(at, ads, log);
      return listener.address;
    },
    async close() {
      rollout.close();
      await listener?.close();
    },
  };
}
