import { type Holders, holdersOf } from "./holders.ts";
import { createMember, type Member } from "./member.ts";
import { type PeerGroup, peerGroups } from "./peer-groups.ts";
import type { EndpointEntry } from "./types.ts";

/** The endpoints of a pool, with the state of each. */
export class Roster {
  /** Endpoints that may be picked, in the order they were set. */
  members: readonly Member[] = [];
  holders: Holders = holdersOf([]);
  groups: readonly PeerGroup[] = peerGroups([]);
  #byAddress = new Map<string, Member>();
  /** Endpoints that left while requests ran there. If they return before these end, they get their state back. */
  readonly #left = new Map<string, Member>();

  /** Replaces the endpoints. The state of those that remain is kept. */
  set(endpoints: readonly (string | EndpointEntry)[]): void {
    const next = new Map<string, Member>();
    const members: Member[] = [];
    for (const each of endpoints) {
      const entry = typeof each === "string" ? { address: each } : each;
      const { address, labels = {}, isPickable = true } = entry;
      if (next.has(address)) continue;
      const member =
        this.#byAddress.get(address) ?? this.#left.get(address) ?? createMember(address);
      member.labels = labels;
      next.set(address, member);
      if (isPickable) members.push(member);
    }
    this.#keepLeaving(next);
    this.#byAddress = next;
    this.members = members;
    this.regroup();
  }

  /** Finds an endpoint that may be picked, or that waits to be admitted. */
  find(address: string): Member | undefined {
    return this.#byAddress.get(address);
  }

  /** All endpoints, also those that wait to be admitted. */
  all(): readonly Member[] {
    return [...this.#byAddress.values()];
  }

  /** Updates what follows from the endpoints' model lists. */
  regroup(): void {
    this.holders = holdersOf(this.members);
    this.groups = peerGroups(this.members);
  }

  /** Resets which prompts the endpoints hold. */
  forgetPrompts(): void {
    for (const member of [...this.#byAddress.values(), ...this.#left.values()]) {
      member.blocks = undefined;
      member.cachedFor = -1;
      for (const request of member.open) {
        request.promptBlocks = 0;
        request.heldBlocks = 0;
      }
    }
  }

  #keepLeaving(next: ReadonlyMap<string, Member>): void {
    for (const [address, member] of this.#byAddress) this.#left.set(address, member);
    for (const [address, { open }] of this.#left) {
      if (next.has(address) || open.length === 0) this.#left.delete(address);
    }
  }
}
