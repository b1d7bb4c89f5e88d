/**
 * For texts too long to be searched with care while others wait: masks whatever could be part of what detect()
 * finds. Hides more than needed, and is many times faster.
 */

/** Seven digits and more, with what people put between them. */
const digitRun = /\d(?:[ ().\-/\u00a0+]{0,3}\d){6,}/g;
const blank = /[\s<>"',;:()[\]{}|]/;
const localLengthMax = 64;
const domainLengthMax = 254;

/** As long as `text`, in UTF-16 units. */
export function maskCoarsely(text: string): string {
  return withoutAddresses(text).replace(digitRun, (run) => run.replace(/\d/g, "*"));
}

/** MYSQL_ERRMSG_SIZE is 512, with the NUL; characters that do not fit are left out as a whole. */
const messageBytesMax = 505;
const cutDigits = /\d[\d ().\-/\u00a0+]{0,40}$/;
const starred = (digits: string) => digits.replace(/\d/g, "*");

/**
 * For the target's own texts, in which it cuts values: at 64 bytes with dots behind, at so many characters within
 * quotes, or where the text itself ends. What is left of one may be too short to be known for what it is.
 */
export function maskCut(text: string): string {
  const shown = maskCoarsely(text)
    .replace(/[^.\u2026]{1,60}(?=\.\.\.|\u2026)/g, (before) => before.replace(cutDigits, starred))
    .replace(/(?:\.\.\.|\u2026)\d[\d ().\-/\u00a0+]{0,40}/g, starred)
    .replace(/'([^']{31,})'/g, (_, quoted: string) => `'${quoted.replace(cutDigits, starred)}'`);
  return new TextEncoder().encode(text).length < messageBytesMax ? shown : shown.replace(cutDigits, starred);
}

function withoutAddresses(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    let start = at;
    while (start > from && at - start < localLengthMax && !blank.test(text.charAt(start - 1))) start--;
    let end = at + 1;
    while (end < text.length && end - at < domainLengthMax && !blank.test(text.charAt(end))) end++;
    if (end <= from) continue;
    start = Math.max(start, from);
    parts.push(text.slice(from, start), "*".repeat(end - start));
    from = end;
  }
  parts.push(text.slice(from));
  return parts.join("");
}
