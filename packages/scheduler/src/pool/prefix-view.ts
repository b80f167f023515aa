import type { InferenceRequest } from "../model/request.ts";
import { type BlockLru, createBlockLru } from "../prefix/block-lru.ts";
import { hashPrompt, hashText } from "../prefix/prompt-hash.ts";
import type { Member, OpenRequest } from "./member.ts";
import type { SentPrompt } from "./peer-report.ts";
import { createSentPrompts } from "./sent-prompts.ts";

export interface PrefixOptions {
  /**
   * Tokens in a block of the index; 64 when absent, as in the reference endpoint picker. Smaller blocks cost memory and
   * time and gain little.
   */
  readonly blockTokens?: number;
  /** Prompt tokens that are indexed at most; the rest of a longer prompt is ignored. 131,072 when absent. */
  readonly maxPromptTokens?: number;
  /** Blocks kept for an endpoint that does not report the size of its KV cache; 8,192 when absent. */
  readonly blocksPerEndpoint?: number;
  /** Blocks kept for all endpoints together, about 30 bytes each; 2,000,000 when absent. */
  readonly maxBlocks?: number;
}

/** Tracks what is probably in each endpoint's prefix cache, from where prompts were sent. */
export interface PrefixView {
  /** Starts a pick and drops the hashes of the last one. */
  begin(request: InferenceRequest): void;
  /** Ends the pick and releases the prompt. */
  end(): void;
  /** Share of the prompt that the member probably holds, 0 to 1. The first call of a pick hashes the prompt. */
  cachedShare(member: Member): number;
  /** Like `cachedShare`, but returns 0 without hashing if no plugin of the pool has ever called `cachedShare`. */
  cachedShareIfUsed(member: Member): number;
  /** Records that the member will hold the prompt. Does nothing if no plugin has ever called `cachedShare`. */
  recordSent(member: Member): void;
  /** Number of blocks of the prompt sent last. */
  readonly sentBlocks: number;
  /** Number of leading blocks of that prompt that the member already held. */
  readonly heldBlocks: number;
  /** Position of that prompt, for the request's `promptAt`. */
  readonly sentAt: number;
  /**
   * Records that the request's new member holds its prompt, and sets `heldBlocks`. Does nothing if the prompt's hashes
   * are no longer kept.
   */
  recordMove(request: OpenRequest): void;
  /** Removes the blocks that the request added to the member: those from `heldBlocks` on. */
  retract(member: Member, request: OpenRequest): void;
  /** Returns the newest prompts sent since the last call; none at the first. */
  takeSent(): readonly SentPrompt[];
  /** Records that the member will hold a prompt that another process has sent. */
  recordElsewhere(member: Member, hashes: Int32Array): void;
  /** Adjusts to the size of the member's cache, which may have changed. */
  fit(member: Member, members: number): void;
}

const bytesPerToken = 4;
/** Size of the ring of recent prompt hashes: about a thousand prompts of 16 KB. A power of two. */
const keptHashes = 65_536;
const defaultSizes: Required<PrefixOptions> = {
  blockTokens: 64,
  maxPromptTokens: 131_072,
  blocksPerEndpoint: 8_192,
  maxBlocks: 2_000_000,
};
const noRequest: InferenceRequest = { model: "" };

export function createPrefixView(options: PrefixOptions, salt: number): PrefixView {
  const sizes = { ...defaultSizes, ...options };
  const { blockTokens, maxPromptTokens } = sizes;
  const blockBytes = blockTokens * bytesPerToken;
  const hashes = new Int32Array(Math.max(1, Math.floor(maxPromptTokens / blockTokens)));
  let current: InferenceRequest = noRequest;
  let serial = 0;
  /** Number of blocks of the current prompt; -1 before it is hashed. */
  let count = -1;
  let members = 1;
  /** Whether a plugin has ever called `cachedShare`. If so, all prompts are recorded. */
  let isUsed = false;
  let kept: Int32Array | undefined;
  /** Total number of hashes ever added to the ring. */
  let keptCount = 0;
  let sentBlocks = 0;
  let heldBlocks = 0;
  const sent = createSentPrompts();

  /** Adds blocks starting with the last, so that a prompt's first block is evicted last. */
  function hold(member: Member, from: Int32Array, at: number, blocks: number, mask: number): void {
    member.blocks ??= createBlockLru(capacityOf(member, sizes, members));
    for (let i = blocks - 1; i >= 0; i--) member.blocks.touch(from[(at + i) & mask] as number);
  }

  function keep(): void {
    kept ??= new Int32Array(keptHashes);
    for (let i = 0; i < count; i++) kept[(keptCount + i) & (keptHashes - 1)] = hashes[i] as number;
    keptCount += count;
  }

  function keptHash(at: number): number {
    return (kept as Int32Array)[at & (keptHashes - 1)] as number;
  }

  function hash({ prompt, model, adapter }: InferenceRequest): number {
    if (prompt === undefined) return 0;
    return hashPrompt(prompt, hashText(adapter ?? model, salt), blockBytes, hashes);
  }

  function cachedShare(member: Member): number {
    isUsed = true;
    if (count < 0) count = hash(current);
    if (count === 0) return 0;
    if (member.cachedFor !== serial) {
      member.cachedFor = serial;
      member.cachedBlocks = member.blocks === undefined ? 0 : leading(member.blocks);
    }
    return (member.cachedBlocks * blockBytes) / (current.prompt as Uint8Array).length;
  }

  function leading(blocks: BlockLru): number {
    let held = 0;
    while (held < count && blocks.has(hashes[held] as number)) held++;
    return held;
  }

  return {
    begin(request) {
      current = request;
      count = -1;
      serial++;
    },
    end() {
      current = noRequest;
      count = 0;
    },
    cachedShare,
    cachedShareIfUsed: (member) => (isUsed ? cachedShare(member) : 0),
    recordSent(member) {
      sentBlocks = Math.max(0, count);
      heldBlocks = 0;
      if (count <= 0) return;
      cachedShare(member);
      heldBlocks = member.cachedBlocks;
      hold(member, hashes, 0, count, -1);
      keep();
      sent.note(member, keptCount - count, count);
    },
    get sentBlocks() {
      return sentBlocks;
    },
    get heldBlocks() {
      return heldBlocks;
    },
    get sentAt() {
      return keptCount - sentBlocks;
    },
    recordMove(request) {
      const { member, promptAt: at, promptBlocks: blocks } = request;
      if (kept === undefined || blocks === 0 || keptCount - at > keptHashes) return;
      let held = 0;
      const has = (i: number) => member.blocks?.has(keptHash(i)) === true;
      while (held < blocks && has(at + held)) held++;
      request.heldBlocks = held;
      hold(member, kept, at, blocks, keptHashes - 1);
    },
    retract({ blocks: held }, { promptAt: at, promptBlocks, heldBlocks }) {
      if (held === undefined || keptCount - at > keptHashes) return;
      for (let i = heldBlocks; i < promptBlocks; i++) held.delete(keptHash(at + i));
    },
    takeSent: () =>
      sent.take((at, blocks) =>
        keptCount - at > keptHashes
          ? undefined
          : Int32Array.from({ length: blocks }, (_, i) => keptHash(at + i)),
      ),
    recordElsewhere(member, others) {
      hold(member, others, 0, Math.min(others.length, hashes.length), -1);
      // What was counted for the present pick may have changed.
      member.cachedFor = -1;
    },
    fit(member, newMembers) {
      members = Math.max(1, newMembers);
      member.blocks?.resize(capacityOf(member, sizes, members));
    },
  };
}

/** Blocks to keep for a member: its cache's size where it is known, at most a fair share of all. */
function capacityOf({ metrics }: Member, sizes: Required<PrefixOptions>, members: number): number {
  const { blocksPerEndpoint, maxBlocks, blockTokens } = sizes;
  const fair = Math.max(1, Math.floor(maxBlocks / members));
  if (metrics.kind === "missing") return Math.min(blocksPerEndpoint, fair);
  const { kvBlocks, kvBlockTokens } = metrics.metrics;
  if (kvBlocks === undefined || kvBlockTokens === undefined) {
    return Math.min(blocksPerEndpoint, fair);
  }
  return Math.min(Math.max(1, Math.floor((kvBlocks * kvBlockTokens) / blockTokens)), fair);
}
