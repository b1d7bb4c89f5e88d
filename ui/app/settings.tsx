/** What this browser prefers, who is signed in, and the way out. */
import { useState } from "preact/hooks";
import type { Done } from "../contract.ts";
import { Failure, Time } from "./parts/basics.tsx";
import { Dialog } from "./parts/dialog.tsx";
import { zone } from "./parts/format.ts";
import { type ApiError, asApiError, post } from "./state/api.ts";
import { type Appearance, readAppearance, type Theme, writeAppearance } from "./state/appearance.ts";
import { me, signedOut } from "./state/me.ts";
import { chime } from "./state/sound.ts";

const themes: readonly { readonly id: Theme; readonly name: string }[] = [
  { id: "system", name: "As the system" },
  { id: "light", name: "Light" },
  { id: "dark", name: "Dark" },
];

export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const [appearance, setAppearance] = useState(readAppearance);
  const change = (part: Partial<Appearance>) => {
    const changed = { ...appearance, ...part };
    setAppearance(changed);
    writeAppearance(changed);
  };
  const notify = async (wanted: boolean) => {
    const granted = wanted && await Notification.requestPermission() === "granted";
    change({ notify: granted });
  };
  return (
    <Dialog title="Settings" onClose={onClose}>
      <Account onOut={onClose} />
      <fieldset class="choices">
        <legend>Theme</legend>
        <div class="segments">
          {themes.map(({ id, name }) => (
            <label key={id}>
              <input
                type="radio"
                name="theme"
                checked={appearance.theme === id}
                onChange={() => change({ theme: id })}
              />
              <span>{name}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <Switch name="High contrast" on={appearance.contrast} set={(contrast) => change({ contrast })} />
      <Switch name="Single-key shortcuts" on={appearance.keys} set={(keys) => change({ keys })} />
      <Switch
        name="Play a sound for requests that I may decide"
        on={appearance.sound}
        set={(sound) => {
          if (sound) chime();
          change({ sound });
        }}
      />
      {"Notification" in globalThis
        ? <Switch name="Notify me of requests that I may decide" on={appearance.notify} set={notify} />
        : null}
      <p class="field-note">Times are in {zone()}. Postern {me.value?.version}.</p>
      <div class="dialog-actions">
        <button type="button" class="button" autoFocus onClick={onClose}>Close</button>
      </div>
    </Dialog>
  );
}

function Switch({ name, on, set }: { name: string; on: boolean; set: (on: boolean) => void }) {
  return (
    <label class="switch">
      <input
        type="checkbox"
        role="switch"
        checked={on}
        onChange={(event) => set(event.currentTarget.checked)}
      />
      <span>{name}</span>
    </label>
  );
}

function Account({ onOut }: { onOut: () => void }) {
  const [error, setError] = useState<ApiError | null>(null);
  const person = me.value;
  const signOut = async () => {
    try {
      await post<Done>("/auth/logout", {});
      onOut();
      signedOut();
    } catch (thrown) {
      setError(asApiError(thrown));
    }
  };
  if (person === null) return null;
  return (
    <div class="account">
      <div>
        <p class="account-name">{person.name}</p>
        <p class="field-note">
          {person.roles.join(", ")}; signed in until <Time at={person.expiresAt} />
        </p>
      </div>
      <button type="button" class="button small" onClick={signOut}>Sign out</button>
      {error ? <Failure error={error} /> : null}
    </div>
  );
}
