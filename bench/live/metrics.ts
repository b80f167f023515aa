/** A histogram of `/metrics`: cumulative counts by upper bound. */
export interface Buckets {
  readonly count: number;
  readonly upTo: ReadonlyMap<number, number>;
}

/** What the sidecar's `/metrics` page has about a live configuration. */
export interface SidecarMetrics {
  readonly changeToAckS: Buckets;
  /** Of the event loop, in ms, since the page was read last. */
  readonly loopDelayP999Ms: number;
}

export function readMetrics(page: string): SidecarMetrics {
  const name = "umbra_config_change_to_ack_seconds";
  const upTo = new Map<number, number>();
  for (const [, bound, count] of page.matchAll(
    new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)$`, "gm"),
  )) {
    if (bound !== "+Inf") upTo.set(Number(bound), Number(count));
  }
  const value = (pattern: RegExp) => Number(pattern.exec(page)?.[1]);
  return {
    changeToAckS: { count: value(new RegExp(`^${name}_count (\\d+)$`, "m")), upTo },
    loopDelayP999Ms: 1_000 * value(/^umbra_event_loop_delay_seconds\{quantile="0.999"\} (\S+)$/m),
  };
}

/** What came between two readings. */
export function since(before: Buckets, after: Buckets): Buckets {
  const upTo = [...after.upTo].map(
    ([bound, count]) => [bound, count - (before.upTo.get(bound) ?? 0)] as const,
  );
  return { count: after.count - before.count, upTo: new Map(upTo) };
}

/** A quantile, as Prometheus computes it: linear within a bucket. Infinity beyond the last bound, NaN of nothing. */
export function quantile({ count, upTo }: Buckets, share: number): number {
  if (!(count > 0)) return Number.NaN;
  const wanted = share * count;
  let [lowest, below] = [0, 0];
  for (const [bound, total] of upTo) {
    if (total >= wanted) {
      return total === below
        ? bound
        : lowest + ((bound - lowest) * (wanted - below)) / (total - below);
    }
    [lowest, below] = [bound, total];
  }
  return Number.POSITIVE_INFINITY;
}
