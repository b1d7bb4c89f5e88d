/** Before somebody is signed in. */
import { FocusHeading } from "../parts/basics.tsx";
import { icons } from "../parts/icons.tsx";

/** What the API put into the page where a sign-in failed. */
function problem(): { message: string; hint: string } | null {
  const content = document.querySelector<HTMLMetaElement>('meta[name="postern-problem"]')?.content;
  if (!content) return null;
  try {
    return JSON.parse(content);
  } catch {
    return null;
  }
}

export function SignInScreen() {
  const failed = problem();
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
