import type { HeaderModifier } from "./topology.ts";

/** Combines two consecutive modifiers into one. Envoy removes headers before it adds any. */
export function combineModifiers(first: HeaderModifier, second: HeaderModifier): HeaderModifier {
  const undone = new Set([...second.set.map(({ name }) => name), ...second.remove]);
  const isLeft = ({ name }: { readonly name: string }) => !undone.has(name);
  return {
    set: [...first.set.filter(isLeft), ...second.set],
    add: [...first.add.filter(isLeft), ...second.add],
    remove: [...new Set([...first.remove, ...second.remove])],
  };
}

/** Changes nothing. */
export const noModifier: HeaderModifier = { set: [], add: [], remove: [] };
