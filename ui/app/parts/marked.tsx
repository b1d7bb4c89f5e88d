/** Text that somebody else chose: a statement, a name, a reason. Its deceptive characters show as marks. */
import { pieces } from "./tokens.ts";

export function Marked({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map(({ text, flag }, at) =>
        flag === null
          ? text
          : <mark key={at} class="flag" title={`An invisible or deceptive character, ${flag}`}>{flag}</mark>
      )}
    </>
  );
}
