import type { DrawnPair } from "./comparison-messages.ts";
import { type Inbox, judgePlacesWord } from "./inbox.ts";

/** A drawn pair in the picking thread. `release` gives back the place of its texts, once they are dropped. */
export interface TakenPair extends DrawnPair {
  readonly release: () => void;
}

/**
 * Places for the texts of pairs on their way to a judge. There is one count: the reading thread takes a place before it
 * sends texts, and it is given back when nothing holds the texts any more.
 */
export class TextPlaces {
  readonly #capacity: number;
  #words: Int32Array | undefined = undefined;
  /** Pairs whose texts this thread holds. */
  #held = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Gives a new reading thread the places that are free. Those that an ended thread had taken end with it. */
  open({ control }: Inbox): void {
    this.#words = new Int32Array(control);
    Atomics.store(this.#words, judgePlacesWord, this.#capacity - this.#held);
  }

  /** A pair has arrived from the thread that was opened last. */
  hold(drawn: DrawnPair): TakenPair {
    if (drawn.texts === undefined) return { ...drawn, release: () => undefined };
    this.#held++;
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      this.#held--;
      if (this.#words !== undefined) Atomics.add(this.#words, judgePlacesWord, 1);
    };
    return { ...drawn, release };
  }
}

/** The places, in the reading thread. */
export interface PlacesToTake {
  /** Returns false if there is none. */
  take(): boolean;
  /** Gives a place back for which no texts are sent. */
  giveBack(): void;
}

export function placesToTake({ control }: Inbox): PlacesToTake {
  const words = new Int32Array(control);
  return {
    take() {
      // Only this thread takes places, so there is still one after the check.
      if (Atomics.load(words, judgePlacesWord) <= 0) return false;
      Atomics.sub(words, judgePlacesWord, 1);
      return true;
    },
    giveBack: () => void Atomics.add(words, judgePlacesWord, 1),
  };
}
