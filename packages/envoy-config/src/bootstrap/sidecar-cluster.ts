import { reasonOf } from "../envoy-settings.ts";
import { streamWindowBytes } from "../twin-limits.ts";
import { breakers, grpcCluster } from "./cluster-parts.ts";
import { because, duration, type EnvoyObject, type Reasoned } from "./envoy-object.ts";
import { observerClusters, pickerCluster } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { timeSetting } from "./setting.ts";

/**
 * Cluster of the sidecar as picker. An ejection lasts at most one second, so that a restarted picker is used
 * immediately. Without a panic threshold, a dead picker gets no requests.
 */
export function picker(options: BootstrapOptions): EnvoyObject {
  return {
    ...sidecarCluster(pickerCluster, options, { keepalive: patiently }),
    common_lb_config: {
      healthy_panic_threshold: because(
        "Stops asking a dead sidecar, so that the pools' failure mode applies immediately.",
        { value: 0 },
      ),
    },
    health_checks: [healthCheck(options)],
    outlier_detection: {
      split_external_local_origin_errors: true,
      consecutive_local_origin_failure: 1,
      enforcing_consecutive_local_origin_failure: 100,
      consecutive_gateway_failure: 3,
      enforcing_consecutive_gateway_failure: 100,
      max_ejection_percent: 100,
      base_ejection_time: "0.5s",
      max_ejection_time: because("Uses a restarted sidecar immediately.", "1s"),
      interval: "0.25s",
    },
  };
}

function healthCheck(options: BootstrapOptions): EnvoyObject {
  const interval = timeSetting(options, "healthIntervalMs");
  const soon = duration(Math.min(options.healthIntervalMs, 250));
  return {
    grpc_health_check: { service_name: extProcService },
    interval,
    no_traffic_healthy_interval: interval,
    unhealthy_interval: because(
      "Detects a started sidecar quickly; Envoy's default is one minute.",
      soon,
    ),
    no_traffic_interval: soon,
    timeout: because(
      "Late answers usually mean a lack of CPU, and picks still work: only three in a row count. NOT_SERVING counts immediately.",
      "3s",
    ),
    unhealthy_threshold: 3,
    healthy_threshold: 1,
  };
}

/** The gRPC service that health checks name in the endpoint picker protocol. */
const extProcService = "envoy.service.ext_proc.v3.ExternalProcessor";

/** Cluster of the sidecar as recorder, with separate connections so that recording never affects a pick. */
export function observer(
  lane: keyof typeof observerClusters,
  options: BootstrapOptions,
): EnvoyObject {
  return sidecarCluster(observerClusters[lane], options, {
    keepalive: quickly,
    streamWindow: streamWindows[lane],
  });
}

/** How much of a recorded stream Envoy buffers until the sidecar reads it. Above it, the answer itself waits. */
const streamWindows: Readonly<Record<keyof typeof observerClusters, Reasoned>> = {
  primary: because(
    "Large enough that an answer to a client hardly ever waits for the recorder before Envoy gives the recorder up.",
    streamWindowBytes.primary,
  ),
  shadow: because(
    "A shadow's answers may wait for the recorder, so that they don't fill the memory.",
    streamWindowBytes.shadow,
  ),
};

const quickly = because("Detects the connection to a dead sidecar within seconds.", {
  interval: "2s",
  timeout: "2s",
});

/** Longer than a stall that picks can survive: closing the connection would fail all of them. */
const patiently = because(
  "Lets a sidecar that stalls for a few seconds answer all waiting picks; detects a dead one in 8 s.",
  { interval: "2s", timeout: "6s" },
);

interface Link {
  readonly keepalive: Reasoned;
  /** Envoy's default when absent. */
  readonly streamWindow?: Reasoned;
}

function sidecarCluster(name: string, options: BootstrapOptions, link: Link): EnvoyObject {
  return grpcCluster(name, {
    address: options.sidecar,
    tls: options.sidecarTls,
    connectTimeout: "0.25s",
    breakers: breakers(options.maxRequests, reasonOf("maxRequests")),
    ...link,
  });
}
