import type { Member } from "./member.ts";
import type { SentPrompt } from "./peer-report.ts";

/** The prompts sent since the last report to other processes, in bounded memory. Costs no allocation per pick. */
export interface SentPrompts {
  /** Notes a prompt of `blocks` hashes at this position of the ring of hashes. Does nothing before the first `take`. */
  note(member: Member, at: number, blocks: number): void;
  /** Returns the newest of them, oldest first, and removes all. */
  take(hashesAt: (at: number, blocks: number) => Int32Array | undefined): readonly SentPrompt[];
}

/** Most prompts in a report. */
const maxPrompts = 1_024;
/** Most hashes in a report: 64 KiB. */
const maxHashes = 16_384;

export function createSentPrompts(): SentPrompts {
  const members = new Array<Member | undefined>(maxPrompts);
  const places = new Float64Array(maxPrompts);
  const sizes = new Int32Array(maxPrompts);
  let count = 0;
  let isTaken = false;
  return {
    note(member, at, blocks) {
      if (!isTaken || blocks === 0) return;
      const slot = count++ % maxPrompts;
      members[slot] = member;
      places[slot] = at;
      sizes[slot] = blocks;
    },
    take(hashesAt) {
      isTaken = true;
      const found: SentPrompt[] = [];
      let room = maxHashes;
      for (let i = count - 1; i >= Math.max(0, count - maxPrompts); i--) {
        const slot = i % maxPrompts;
        // The start of a long prompt is what others share.
        const blocks = Math.min(sizes[slot] as number, room);
        const hashes = blocks === 0 ? undefined : hashesAt(places[slot] as number, blocks);
        if (hashes === undefined) break;
        room -= blocks;
        found.push({ address: (members[slot] as Member).address, hashes });
      }
      members.fill(undefined);
      count = 0;
      return found.reverse();
    },
  };
}
