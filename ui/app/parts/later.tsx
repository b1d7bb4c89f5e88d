/** A screen whose script is asked for when it is first opened. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../state/api.ts";
import { Failure, Loading } from "./basics.tsx";

/** Asked for once; a failure is shown with the way to try again, and is not remembered. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let found: ComponentType<P> | null = null;
  return (props) => {
    const [, again] = useState(0);
    const [failed, setFailed] = useState(false);
    const ask = () => {
      setFailed(false);
      load().then((screen) => {
        found = screen;
        again((times) => times + 1);
      }, () => setFailed(true));
    };
    useEffect(() => {
      if (found === null) ask();
    }, []);
    if (found !== null) {
      const Screen = found;
      return <Screen {...props} />;
    }
    return (
      <section class="page wide">
        <h1 class="visually-hidden">Loading</h1>
        {failed ? <Failure error={unreachable} retry={ask} /> : <Loading lines={6} />}
      </section>
    );
  };
}

/** A newer Postern gives its scripts other names: a page of before does not find them. */
const unreachable = new ApiError(
  0,
  "Offline",
  "This part of the page could not be loaded",
  "Check your network; if Postern was updated just now, reload the page",
);
