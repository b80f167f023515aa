/** The adapters on the GPU. A new one takes time to load and evicts the least recently used idle one. */
export interface LoraSlots {
  /** Starts loading the adapter if necessary. Returns when it can run, in ms; undefined while every slot is in use. */
  readyAt(adapter: string, nowMs: number): number | undefined;
  started(adapter: string): void;
  ended(adapter: string): void;
  /** Adapters with running requests. */
  running(): readonly string[];
  readonly loads: number;
  remove(adapter: string): void;
}

interface Slot {
  readyAtMs: number;
  users: number;
}

export function createLoraSlots(maxLoras: number, loadMs: number): LoraSlots {
  /** Slots by adapter, least recently used first. */
  const slots = new Map<string, Slot>();
  let loads = 0;

  return {
    get loads() {
      return loads;
    },
    readyAt(adapter, nowMs) {
      const held = slots.get(adapter);
      if (held !== undefined) return held.readyAtMs;
      if (slots.size >= maxLoras) {
        const idle = [...slots].find(
          ([, { users, readyAtMs }]) => users === 0 && readyAtMs <= nowMs,
        );
        if (idle === undefined) return undefined;
        slots.delete(idle[0]);
      }
      loads++;
      slots.set(adapter, { readyAtMs: nowMs + loadMs, users: 0 });
      return nowMs + loadMs;
    },
    started(adapter) {
      const slot = slots.get(adapter);
      if (slot === undefined) return;
      slot.users++;
      slots.delete(adapter);
      slots.set(adapter, slot);
    },
    ended(adapter) {
      const slot = slots.get(adapter);
      if (slot !== undefined) slot.users = Math.max(0, slot.users - 1);
    },
    running: () => [...slots].filter(([, { users }]) => users > 0).map(([adapter]) => adapter),
    remove(adapter) {
      if (slots.get(adapter)?.users === 0) slots.delete(adapter);
    },
  };
}
