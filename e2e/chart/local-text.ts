/** Where a pod's addresses and folders are on this machine. */
export interface LocalPlaces {
  /** Ports on 127.0.0.1, in place of the chart's. */
  readonly ports: Readonly<Record<"admin" | "probes" | "stats" | "grpc" | "peers", number>>;
  /** What replaces `unix:/run/umbra/`, up to the name of the socket. */
  readonly sockets: string;
  /** The file with the secret of the replicas. */
  readonly secret: string;
}

/** An argument of the chart's `umbra serve`, for this machine. */
export function localText(text: string, { ports, sockets, secret }: LocalPlaces): string {
  return text
    .replace("127.0.0.1:9090", `127.0.0.1:${ports.admin}`)
    .replace("0.0.0.0:9091", `127.0.0.1:${ports.probes}`)
    .replace("0.0.0.0:9092", `127.0.0.1:${ports.stats}`)
    .replace("0.0.0.0:9002", `127.0.0.1:${ports.grpc}`)
    .replace("0.0.0.0:9004", `127.0.0.1:${ports.peers}`)
    .replace("unix:/run/umbra/", `unix:${sockets}`)
    .replace(/^--peer-secret-file=.*/, `--peer-secret-file=${secret}`);
}
