/**
 * Removes personal data and credentials from a text: e-mail addresses, telephone and card numbers, keys and tokens.
 * This is a best effort: captured text is still private data.
 */
export function redact(text: string): string {
  return redacted(text).text;
}

/** The same. `hasSecret`: there was a card number or a key in it. */
export function redacted(text: string): { readonly text: string; readonly hasSecret: boolean } {
  let hasSecret = false;
  const secret = (mark: string) => {
    hasSecret = true;
    return mark;
  };
  const clean = text
    .replace(email, "[e-mail]")
    .replace(digits, (found) =>
      isCard(found) ? secret("[card]") : isPhone(found) ? "[phone]" : found,
    )
    .replace(words, (found) => (isKey(found) ? secret("[key]") : found));
  return { text: clean, hasSecret };
}

const email = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g;
/** Digits with the separators that people use. */
const digits = /\+?\(?\d(?:[ ().\-/]{0,2}\d){6,24}/g;
/** Words with the length and characters of a key. */
const words = /[A-Za-z0-9_+/=-]{20,4096}/g;

/** True for 13 to 19 digits that pass Luhn's check (ISO/IEC 7812-1). */
function isCard(text: string): boolean {
  const numbers = text.replace(/\D/g, "");
  if (numbers.length < 13 || numbers.length > 19) return false;
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) {
    const digit = Number(numbers[numbers.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

function isPhone(text: string): boolean {
  const count = text.replace(/\D/g, "").length;
  return count >= 7 && count <= 15 && /^\+|[ ().\-/]/.test(text);
}

/** Minimum entropy of a key, in bits per character: words of a language have less. */
const minEntropy = 3.5;

function isKey(text: string): boolean {
  if (/^(?:sk|pk|ghp|gho|xox[abp]|AKIA|eyJ)[-_A-Za-z0-9]/.test(text)) return true;
  const isMixed = /\d/.test(text) && /[A-Za-z]/.test(text);
  return isMixed && entropyOf(text) >= minEntropy;
}

/** Shannon entropy, in bits per character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) {
    bits -= (count / text.length) * Math.log2(count / text.length);
  }
  return bits;
}
