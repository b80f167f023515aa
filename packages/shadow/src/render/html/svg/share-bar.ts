/** A bar that is filled up to a share of 0 to 1. For the eye alone: the number is to be written beside it. */
export function shareBar(share: number): string {
  const filled = Math.min(1, Math.max(0, share)) * 100;
  return `<svg class="track" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true"><rect width="${filled.toFixed(1)}" height="12"/></svg>`;
}
