// The keys of the Live page. Approving is deliberately not among them: it needs focus, Enter and a confirmation.
export const KEYS: readonly [string, string][] = [
  ["j / k", "next / previous alert"],
  ["Enter", "open the focused alert"],
  ["a", "acknowledge the selected alert"],
  ["/", "find by name or id"],
  ["f", "follow the selected entity"],
  ["0", "fit everything on the map"],
  ["[ / ]", "alerts column / inspector"],
  ["Esc", "clear the selection, back to the map"],
  ["?", "this list"],
];

/** Keys typed into a field belong to the field. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** The neighbour of `current` in `ids`; the first when nothing is chosen yet. Stays at the ends. */
export function neighbour(ids: readonly string[], current: string | null, step: 1 | -1): string | undefined {
  const at = current === null ? -1 : ids.indexOf(current);
  if (at === -1) return ids[0];
  return ids[Math.max(0, Math.min(ids.length - 1, at + step))];
}
