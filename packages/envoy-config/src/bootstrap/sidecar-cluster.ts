import { streamWindowBytes } from "../copy-bounds.ts";
import { reasonOf } from "../envoy-settings.ts";
import { breakers, grpcCluster } from "./cluster-parts.ts";
import { because, duration, type EnvoyObject, type Reasoned } from "./envoy-object.ts";
import { observerClusters, pickerCluster } from "./names.ts";
import type { BootstrapOptions } from "./options.ts";
import { timeSetting } from "./setting.ts";

/**
 * The sidecar as picker. An ejection lasts a second at most: a picker that has come back is used at once,
 * and with no panic threshold a dead one is known to be dead.
 */
export function picker(options: BootstrapOptions): EnvoyObject {
  return {
    ...sidecarCluster(pickerCluster, options, { keepalive: patiently }),
    common_lb_config: {
      healthy_panic_threshold: because(
        "A sidecar that is known to be dead is asked no more: the pools' failure mode holds at once.",
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
      max_ejection_time: because("A sidecar that has come back is used at once.", "1s"),
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
      "A sidecar that has just started is soon found; Envoy's own minute would keep it waiting.",
      soon,
    ),
    no_traffic_interval: soon,
    timeout: because(
      "Late answers are those of a machine that is short of CPU, and picks go on: only three in a row count. NOT_SERVING counts at once.",
      "3s",
    ),
    unhealthy_threshold: 3,
    healthy_threshold: 1,
  };
}

/** What the endpoint picker protocol has checked. */
const extProcService = "envoy.service.ext_proc.v3.ExternalProcessor";

/** The sidecar as recorder: connections of its own, so that what happens to copies never touches a pick. */
export function observer(
  lane: keyof typeof observerClusters,
  options: BootstrapOptions,
): EnvoyObject {
  return sidecarCluster(observerClusters[lane], options, {
    keepalive: quickly,
    streamWindow: streamWindows[lane],
  });
}

/** What Envoy holds of copies that the sidecar has not taken; past it the answer itself waits. */
const streamWindows: Readonly<Record<keyof typeof observerClusters, Reasoned>> = {
  primary: because(
    "An answer to a client hardly ever waits for its recorder: it is slower than this in the seconds until a recorder is given up.",
    streamWindowBytes.primary,
  ),
  shadow: because(
    "A shadow's answers wait for their recorder: copies of them must not fill the memory.",
    streamWindowBytes.shadow,
  ),
};

const quickly = because(
  "A connection to a sidecar that is gone without a word is found out in seconds.",
  { interval: "2s", timeout: "2s" },
);

/** Longer than a stall that picks can wait for: with the connection all of them would fail. */
const patiently = because(
  "A sidecar that stalls for some seconds answers all that wait; one that is gone without a word is found out in 8 s.",
  { interval: "2s", timeout: "6s" },
);

interface Link {
  readonly keepalive: Reasoned;
  /** Absent: Envoy's own. */
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
