/** Classes of characters, as the targets' character maps have them for ASCII and UTF-8; and ASCII case. */

export const isDigit = (code: number) => code >= 48 && code <= 57;
export const isHexDigit = (code: number) =>
  isDigit(code) || (code >= 65 && code <= 70) || (code >= 97 && code <= 102);
/** `!`, `<`, `=`, `>` */
export const isComparison = (code: number) => code === 33 || (code >= 60 && code <= 62);
export const isSpace = (code: number) => code === 32 || (code >= 9 && code <= 13);
/** Letters, digits, `_`, `$` and everything beyond ASCII. */
export const isWordPart = (code: number) =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || isDigit(code) || code === 95 || code === 36 ||
  code > 127;

/** ASCII only: the target's keywords are, and other letters have surprising upper cases. */
export function asciiUpper(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** The counterpart of `asciiUpper`, for names of built-in functions and of settings. */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
