import type { ApiClient } from "../api/api-client.ts";
import { isKubernetesError, type KubernetesError } from "../api/kubernetes-error.ts";
import type { JsonObject } from "../objects/json.ts";
import { errorOf } from "../watch/outcome-of-error.ts";
import { pause } from "../watch/reachability.ts";
import {
  afterLook,
  afterWrite,
  defaultLeaseTiming,
  type LeaseRecord,
  type LeaseState,
  type LeaseStep,
  type LeaseTiming,
  readLease,
  remainingMsOf,
  specOf,
  stepOf,
} from "./lease-state.ts";

export interface LeaseOptions {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly name: string;
  /** Who asks: unique to this process, for example the pod's name and a random part. */
  readonly identity: string;
  readonly onAcquired?: () => void;
  /** Called at once when the lease is lost, or could not be renewed in time. */
  readonly onLost?: () => void;
  /** Called each time that the lease was read, and written if that was due. */
  readonly onAnswer?: () => void;
  /** Takes each failure to read or write the lease. */
  readonly onError?: (error: KubernetesError) => void;
  readonly timing?: Partial<LeaseTiming>;
  readonly now?: () => number;
  readonly random?: () => number;
}

/** A lease that this process wants, until `close`. */
export interface LeaseHolder {
  /**
   * How long this process still holds the lease, in milliseconds; 0 when it does not. Ask right before each write: after
   * a pause of the whole process, this is 0 before any timer has run.
   */
  remainingMs(): number;
  /** Gives the lease back, so that another can take it at once. */
  close(): Promise<void>;
}

/**
 * Tries to hold a Lease. At most one process holds it at a time: a holder stops `heldMs` after its last renewal was sent,
 * and others take the lease only `durationMs` after they saw it.
 */
export function holdLease(options: LeaseOptions): LeaseHolder {
  const holder = new Holder(options);
  holder.start();
  return holder;
}

class Holder implements LeaseHolder {
  readonly #options: LeaseOptions;
  readonly #timing: LeaseTiming;
  readonly #now: () => number;
  readonly #closing = new AbortController();
  #state: LeaseState = {};
  #isAnnounced = false;
  #lossTimer: NodeJS.Timeout | undefined;
  #run: Promise<void> | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#timing = { ...defaultLeaseTiming, ...options.timing };
    this.#now = options.now ?? (() => performance.now());
  }

  start(): void {
    this.#run ??= this.#follow();
  }

  remainingMs(): number {
    return this.#closing.signal.aborted ? 0 : remainingMsOf(this.#state, this.#now());
  }

  async close(): Promise<void> {
    const isHeld = this.remainingMs() > 0;
    this.#closing.abort();
    clearTimeout(this.#lossTimer);
    await this.#run;
    if (this.#isAnnounced) this.#announce(false);
    if (isHeld) await this.#giveBack();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    const random = this.#options.random ?? Math.random;
    while (!signal.aborted) {
      try {
        await this.#look();
        this.#options.onAnswer?.();
      } catch (cause) {
        if (!signal.aborted) this.#options.onError?.(errorOf(cause));
      }
      this.#check();
      const { renewEveryMs, retryEveryMs } = this.#timing;
      const everyMs = this.remainingMs() > 0 ? renewEveryMs : retryEveryMs;
      await pause(everyMs * (0.8 + random() * 0.4), signal);
    }
  }

  async #look(): Promise<void> {
    const { identity } = this.#options;
    const lease = await this.#read();
    const record = lease === undefined ? undefined : readLease(lease);
    this.#state = afterLook(this.#state, record, identity, this.#now());
    const step = stepOf(this.#state, record, identity, this.#now());
    if (step !== "wait" && !this.#closing.signal.aborted) await this.#write(step, record, lease);
  }

  async #read(): Promise<JsonObject | undefined> {
    try {
      return await this.#options.client.request({
        method: "GET",
        path: `${this.#path()}/${this.#options.name}`,
        signal: this.#closing.signal,
        timeoutMs: this.#timing.heldMs,
      });
    } catch (cause) {
      if (isKubernetesError(cause) && cause.status === 404) return undefined;
      throw cause;
    }
  }

  async #write(
    step: LeaseStep,
    record: LeaseRecord | undefined,
    lease: JsonObject | undefined,
  ): Promise<void> {
    const { client, name, namespace, identity } = this.#options;
    const spec = specOf(step, record, identity, this.#timing);
    const sentMs = this.#now();
    try {
      await client.request({
        method: lease === undefined ? "POST" : "PUT",
        path: lease === undefined ? this.#path() : `${this.#path()}/${name}`,
        body:
          lease === undefined
            ? { apiVersion, kind: "Lease", metadata: { name, namespace }, spec }
            : { ...lease, spec },
        signal: this.#closing.signal,
        timeoutMs: this.#timing.heldMs,
      });
      this.#state = afterWrite(this.#state, "written", sentMs, this.#timing);
    } catch (cause) {
      const isConflict = isKubernetesError(cause) && cause.status === 409;
      this.#state = afterWrite(
        this.#state,
        isConflict ? "conflict" : "failed",
        sentMs,
        this.#timing,
      );
      if (!isConflict) throw cause;
    }
  }

  /** Announces what has changed, and sees to it that a loss is announced when it happens. */
  #check(): void {
    clearTimeout(this.#lossTimer);
    const remainingMs = this.remainingMs();
    if (remainingMs > 0) this.#lossTimer = setTimeout(() => this.#check(), remainingMs);
    if (this.#isAnnounced !== remainingMs > 0) this.#announce(remainingMs > 0);
  }

  #announce(isHeld: boolean): void {
    this.#isAnnounced = isHeld;
    if (isHeld) this.#options.onAcquired?.();
    else this.#options.onLost?.();
  }

  async #giveBack(): Promise<void> {
    const { client, name, identity } = this.#options;
    // A process that ends can't wait long, and others take the lease without this soon.
    const timeoutMs = this.#timing.renewEveryMs;
    const path = `${this.#path()}/${name}`;
    try {
      const lease = await client.request({ method: "GET", path, timeoutMs });
      const record = readLease(lease);
      if (record.holder !== identity) return;
      const spec = specOf("renew", record, "", this.#timing);
      await client.request({ method: "PUT", path, timeoutMs, body: { ...lease, spec } });
    } catch (cause) {
      // Others take it a little later then.
      this.#options.onError?.(errorOf(cause));
    }
  }

  #path(): string {
    return `/apis/${apiVersion}/namespaces/${encodeURIComponent(this.#options.namespace)}/leases`;
  }
}

const apiVersion = "coordination.k8s.io/v1";
