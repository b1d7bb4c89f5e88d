/** The demo issuer's own sign-in page: a list of people, no passwords. */

export interface Person {
  readonly email: string;
  readonly name: string;
  readonly groups: readonly string[];
  /** Default true. */
  readonly emailVerified?: boolean;
  /** Claims that replace or add to what the issuer would say of this person; null leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const style = `
  :root { color-scheme: light dark; --line: #d5d9e0; --text: #1b2130; --soft: #5b6474; --ground: #f4f6f9; --card: #fff; --accent: #2456c9 }
  @media (prefers-color-scheme: dark) {
    :root { --line: #333b4a; --text: #e8ebf1; --soft: #9aa4b5; --ground: #12161d; --card: #1a2029; --accent: #7da2ff }
  }
  * { box-sizing: border-box }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
  main { width: min(27rem, calc(100vw - 2rem)) }
  h1 { font-size: 1.35rem; margin: 0 0 .25rem }
  p { margin: 0 0 1.25rem; color: var(--soft) }
  form { margin: 0; display: grid; gap: .6rem }
  button { display: grid; gap: .1rem; text-align: left; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); color: inherit; font: inherit; cursor: pointer }
  button:hover, button:focus-visible { border-color: var(--accent); outline: 2px solid var(--accent); outline-offset: -1px }
  button small { color: var(--soft) }
  button[name=cancel] { border-color: transparent; background: none; color: var(--soft); text-align: center }
`;

/** A whole HTML document whose buttons post `person=<email>` (or `cancel=1`) to the page's own address. */
export function peoplePage(people: readonly Person[], clientId: string): string {
  const buttons = people.map((person) =>
    `<button name="person" value="${escape(person.email)}"><span>${escape(person.name)}</span>` +
    `<small>${escape(person.email)} · ${escape(person.groups.join(", ") || "no groups")}</small></button>`
  ).join("\n");
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo sign-in</title><style>${style}</style></head>
<body><main>
<h1>Who are you today?</h1>
<p>This is a demo issuer: it asks for no password and must never be used for anything real. You are signing in to <b>${
    escape(clientId)
  }</b>.</p>
<form method="post">
${buttons}
<button name="cancel" value="1">Cancel</button>
</form>
</main></body></html>`;
}
