/** Before somebody is signed in. */
import { FocusHeading } from "../parts/basics.tsx";
import { icons } from "../parts/icons.tsx";

interface Told {
  readonly problem?: { readonly message: string; readonly hint: string };
  readonly choice?: {
    readonly issuers: readonly { readonly name: string; readonly host: string }[];
    readonly next: string;
  };
}

/** What the API put into the page: why a sign-in failed, or where one may be made. */
function told(): Told {
  const content = document.querySelector<HTMLMetaElement>('meta[name="postern-told"]')?.content;
  if (!content) return {};
  try {
    return JSON.parse(content);
  } catch {
    return {};
  }
}

export function SignInScreen() {
  const { problem: failed, choice } = told();
  if (choice !== undefined) return <IssuerChoice {...choice} />;
  const here = location.pathname.startsWith("/auth/") ? "/" : location.pathname + location.search;
  return (
    <div class="gate-card">
      <FocusHeading subject="sign-in">
        {failed ? "You could not be signed in" : "Sign in to Postern"}
      </FocusHeading>
      {failed
        ? (
          <div class="failure" role="alert">
            {icons.error}
            <div>
              <p class="failure-text">{failed.message}</p>
              <p class="failure-hint">{failed.hint}</p>
            </div>
          </div>
        )
        : (
          <p class="gate-lead">
            The gate in front of your databases: who may pass, what waits for approval, and what happened.
          </p>
        )}
      <a class="button approve large" href={`/auth/login?next=${encodeURIComponent(here)}`}>
        {icons.person}
        {failed ? "Try again" : "Continue with your company account"}
      </a>
      <p class="gate-note">Postern sends you to your identity provider, and never sees your password.</p>
    </div>
  );
}

/** The company's own comes first, and has no name of its own. */
function IssuerChoice({ issuers, next }: NonNullable<Told["choice"]>) {
  return (
    <div class="gate-card">
      <FocusHeading subject="issuers">Where is your account?</FocusHeading>
      <p class="gate-lead">More than one identity provider signs people in here.</p>
      <ul class="gate-choices">
        {issuers.map(({ name, host }) => (
          <li key={name}>
            <a
              class={`button large ${name === "" ? "approve" : ""}`}
              href={`/auth/login?${new URLSearchParams({ issuer: name, next })}`}
            >
              {icons.person}
              <span>
                {name === "" ? "Your company" : name} <small>{host}</small>
              </span>
            </a>
          </li>
        ))}
      </ul>
      <p class="gate-note">Postern sends you there, and never sees your password.</p>
    </div>
  );
}
