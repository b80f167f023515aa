import type { InferenceRequest } from "../model/request.ts";
import { type BlockLru, createBlockLru } from "../prefix/block-lru.ts";
import { hashPrompt, hashText } from "../prefix/prompt-hash.ts";
import type { Member, OpenRequest } from "./member.ts";

export interface PrefixOptions {
  /**
   * Tokens in a block of the index; 64 when absent, as of the reference endpoint picker: smaller ones cost memory
   * and time, and gain little.
   */
  readonly blockTokens?: number;
  /** What a longer prompt has beyond is not looked at; 131,072 tokens when absent. */
  readonly maxPromptTokens?: number;
  /** Blocks kept of an endpoint that does not say how large its KV cache is; 8,192 when absent. */
  readonly blocksPerEndpoint?: number;
  /** Blocks kept of all endpoints together, at some 30 bytes each; 2,000,000 when absent. */
  readonly maxBlocks?: number;
}

/** What each endpoint's prefix cache is believed to hold, learned from where prompts were sent. */
export interface PrefixView {
  /** A new pick: what was hashed for the last one is forgotten. */
  begin(request: InferenceRequest): void;
  /** The pick is over: the prompt is let go. */
  end(): void;
  /** Share of the prompt, 0 to 1, that the member holds. Hashes the prompt at its first call of a pick. */
  cachedShare(member: Member): number;
  /** The same, where a plugin of the pool ever asks; else 0, and nothing is hashed. */
  cachedShareIfUsed(member: Member): number;
  /** The request goes to the member, which will hold its prompt. Does nothing where no plugin ever asks. */
  sent(member: Member): void;
  /** Blocks of the prompt that was sent last. */
  readonly sentBlocks: number;
  /** Leading blocks of it that the member held already. */
  readonly heldBlocks: number;
  /** Its place, for the request's `promptAt`. */
  readonly sentAt: number;
  /** The request's member holds its prompt. Sets `heldBlocks`; does nothing where the prompt is no longer kept. */
  movedTo(request: OpenRequest): void;
  /** The member does not hold what the request added: the prompt's blocks from `heldBlocks` on. */
  takenBack(member: Member, request: OpenRequest): void;
  /** The member's cache may have changed its size. */
  fit(member: Member, members: number): void;
}

const bytesPerToken = 4;
/** Hashes of the newest prompts, in a ring: some thousand prompts of 16 KB. A power of two. */
const keptHashes = 65_536;
const nothing: InferenceRequest = { model: "" };

export function createPrefixView(options: PrefixOptions, salt: number): PrefixView {
  const {
    blockTokens = 64,
    maxPromptTokens = 131_072,
    blocksPerEndpoint = 8_192,
    maxBlocks = 2_000_000,
  } = options;
  const blockBytes = blockTokens * bytesPerToken;
  const hashes = new Int32Array(Math.max(1, Math.floor(maxPromptTokens / blockTokens)));
  let asked: InferenceRequest = nothing;
  let serial = 0;
  /** Blocks of the prompt at hand; -1 before it is hashed. */
  let count = -1;
  let members = 1;
  /** Where a pick has left one endpoint no scorer runs, and yet the prompt is to be remembered. */
  let isUsed = false;
  let kept: Int32Array | undefined;
  /** Hashes that were ever kept. */
  let keptCount = 0;
  let sentBlocks = 0;
  let heldBlocks = 0;

  /** From the end: a prompt's first block is to be forgotten last. */
  function hold(member: Member, from: Int32Array, at: number, blocks: number, mask: number): void {
    member.blocks ??= createBlockLru(capacityOf(member));
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

  function capacityOf({ metrics }: Member): number {
    const fair = Math.max(1, Math.floor(maxBlocks / members));
    if (metrics.kind === "missing") return Math.min(blocksPerEndpoint, fair);
    const { kvBlocks, kvBlockTokens } = metrics.metrics;
    if (kvBlocks === undefined || kvBlockTokens === undefined) {
      return Math.min(blocksPerEndpoint, fair);
    }
    return Math.min(Math.max(1, Math.floor((kvBlocks * kvBlockTokens) / blockTokens)), fair);
  }

  function cachedShare(member: Member): number {
    isUsed = true;
    if (count < 0) count = hash(asked);
    if (count === 0) return 0;
    if (member.cachedFor !== serial) {
      member.cachedFor = serial;
      member.cachedBlocks = member.blocks === undefined ? 0 : leading(member.blocks);
    }
    return (member.cachedBlocks * blockBytes) / (asked.prompt as Uint8Array).length;
  }

  function leading(blocks: BlockLru): number {
    let held = 0;
    while (held < count && blocks.has(hashes[held] as number)) held++;
    return held;
  }

  return {
    begin(request) {
      asked = request;
      count = -1;
      serial++;
    },
    end() {
      asked = nothing;
      count = 0;
    },
    cachedShare,
    cachedShareIfUsed: (member) => (isUsed ? cachedShare(member) : 0),
    sent(member) {
      sentBlocks = Math.max(0, count);
      heldBlocks = 0;
      if (count <= 0) return;
      cachedShare(member);
      heldBlocks = member.cachedBlocks;
      hold(member, hashes, 0, count, -1);
      keep();
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
    movedTo(request) {
      const { member, promptAt: at, promptBlocks: blocks } = request;
      if (kept === undefined || blocks === 0 || keptCount - at > keptHashes) return;
      let held = 0;
      const has = (i: number) => member.blocks?.has(keptHash(i)) === true;
      while (held < blocks && has(at + held)) held++;
      request.heldBlocks = held;
      hold(member, kept, at, blocks, keptHashes - 1);
    },
    takenBack({ blocks: held }, { promptAt: at, promptBlocks, heldBlocks }) {
      if (held === undefined || keptCount - at > keptHashes) return;
      for (let i = heldBlocks; i < promptBlocks; i++) held.forget(keptHash(at + i));
    },
    fit(member, newMembers) {
      members = Math.max(1, newMembers);
      member.blocks?.resize(capacityOf(member));
    },
  };
}
