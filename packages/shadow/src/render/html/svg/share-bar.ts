/** Draws a bar filled to a share of 0 to 1. It has no text alternative, so write the number next to it. */
export function shareBar(share: number): string {
  const filled = Math.min(1, Math.max(0, share)) * 100;
  return `<svg class="track" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true"><rect width="${filled.toFixed(1)}" height="12"/></svg>`;
}
