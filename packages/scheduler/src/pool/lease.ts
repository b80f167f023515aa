import type { Lease } from "../result.ts";
import { close, type Member, move, type OpenRequest, open, promptDone } from "./member.ts";

export interface LeaseOptions {
  readonly now: () => number;
  readonly detectLeaks: boolean;
  readonly onFirstToken: (member: Member, ttftMs: number) => void;
  /** Finds a member that is in the pool at this moment. */
  readonly memberOf: (address: string) => Member | undefined;
  /** Called after a request moved from `from` to its new member. */
  readonly onMoved: (request: OpenRequest, from: Member) => void;
  readonly onDone: (member: Member, usage: { readonly outputTokens?: number } | undefined) => void;
  readonly onFail: (request: OpenRequest, status: number | undefined) => void;
  readonly onLeak: (member: Member) => void;
}

export interface Leases {
  open(member: Member, nowMs: number, promptTokens: number, outputTokens: number): OpenLease;
}

/** Creates leases. The counters are kept in an inner object, so that a lease that was lost can be garbage-collected. */
export function createLeases(options: LeaseOptions): Leases {
  const registry = options.detectLeaks
    ? new FinalizationRegistry<OpenRequest>((request) => {
        if (!request.isOpen) return;
        close(request);
        options.onLeak(request.member);
      })
    : undefined;
  return {
    open(member, nowMs, promptTokens, outputTokens) {
      const lease = new OpenLease(open(member, nowMs, promptTokens, outputTokens), options);
      registry?.register(lease, lease.request);
      return lease;
    },
  };
}

/** A class, because one is created per pick and its methods must not be. */
export class OpenLease implements Lease {
  readonly request: OpenRequest;
  readonly #options: LeaseOptions;
  #startedMs: number;
  #hasFirstToken = false;

  constructor(request: OpenRequest, options: LeaseOptions) {
    this.request = request;
    this.#options = options;
    this.#startedMs = request.sentAtMs;
  }

  get endpoint(): string {
    return this.request.member.address;
  }

  start(): void {
    if (!this.#hasFirstToken) this.#startedMs = this.#options.now();
  }

  servedBy(address: string): void {
    if (!this.request.isOpen || address === this.endpoint) return;
    const member = this.#options.memberOf(address);
    if (member === undefined) return;
    const from = this.request.member;
    move(this.request, member);
    this.#options.onMoved(this.request, from);
  }

  firstToken(): void {
    if (!this.request.isOpen || this.#hasFirstToken) return;
    this.#hasFirstToken = true;
    promptDone(this.request);
    const { now, onFirstToken } = this.#options;
    onFirstToken(this.request.member, now() - this.#startedMs);
  }

  done(usage?: { readonly outputTokens?: number }): void {
    if (this.#close()) this.#options.onDone(this.request.member, usage);
  }

  fail(status?: number): void {
    if (this.#close()) this.#options.onFail(this.request, status);
  }

  release(): void {
    this.#close();
  }

  #close(): boolean {
    if (!this.request.isOpen) return false;
    close(this.request);
    return true;
  }
}
