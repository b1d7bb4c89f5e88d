/** Statements by hour as a plain SVG: what passed below, what was held and refused on top, each with its own pattern. */
import type { Hour } from "../../contract.ts";
import { count } from "../parts/format.ts";

const WIDE = 960;
/** On a phone it is as wide as the window, so that its words can be read and the last hours are seen. */
const NARROW = 330;
const HEIGHT = 168;
const FOOT = 22;
const LEFT = 44;

const series = [
  { of: "allowed", name: "Allowed", tone: "allow" },
  { of: "held", name: "Held", tone: "hold" },
  { of: "refused", name: "Refused", tone: "deny" },
] as const;

const hourFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", hourCycle: "h23" });

export function HourChart({ hours, from }: { hours: readonly Hour[]; from: number }) {
  const narrow = innerWidth < 720;
  const width = narrow ? NARROW : WIDE;
  const everyHours = narrow ? 6 : 3;
  // A whole day is drawn, so that bars are as wide in the morning as in the evening.
  const slots = Math.max(24, hours.length);
  const step = (width - LEFT) / slots;
  const top = ceiling(Math.max(1, ...hours.map(({ allowed, held, refused }) => allowed + held + refused)));
  const y = (value: number) => (HEIGHT - FOOT) * (1 - value / top);
  const total = hours.reduce((sum, hour) => sum + hour.allowed + hour.held + hour.refused, 0);
  return (
    <figure class="chart" tabIndex={0} aria-label="Statements by hour">
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="img"
        aria-label={`${total} statements today by hour; the busiest hour had ${
          Math.max(0, ...hours.map(({ allowed, held, refused }) => allowed + held + refused))
        }`}
      >
        {[0, top / 2, top].map((value) => (
          <g key={value}>
            <path class="chart-line" d={`M${LEFT} ${y(value).toFixed(1)}H${width}`} />
            <text class="chart-text" x={LEFT - 8} y={y(value) + (value === top ? 11 : 4)} text-anchor="end">
              {count(value)}
            </text>
          </g>
        ))}
        {hours.map((hour) => (
          <Bar
            key={hour.hour}
            hour={hour}
            x={LEFT + hour.hour * step}
            step={step}
            y={y}
          />
        ))}
        {Array.from({ length: Math.ceil(slots / everyHours) }, (_, at) => at * everyHours).map((hour) => (
          <text key={hour} class="chart-text" x={LEFT + hour * step + 2} y={HEIGHT - 5}>
            {hourFormat.format(from + hour * 3_600_000)}
          </text>
        ))}
      </svg>
      <figcaption>
        {series.map(({ of, name, tone }) => (
          <span key={of} class={`strip-key ${tone}`}>
            {name} {count(hours.reduce((sum, hour) => sum + hour[of], 0))}
          </span>
        ))}
        <span class="strip-span">statements by hour</span>
      </figcaption>
    </figure>
  );
}

interface BarProps {
  readonly hour: Hour;
  readonly x: number;
  readonly step: number;
  readonly y: (value: number) => number;
}

function Bar({ hour, x, step, y }: BarProps) {
  let below = 0;
  return (
    <g>
      {series.map(({ of, tone, name }) => {
        const value = hour[of];
        if (value === 0) return null;
        const bottom = y(below);
        below += value;
        // Few among many are still seen.
        const height = Math.max(2, bottom - y(below));
        return (
          <rect
            key={of}
            class={`chart-bar ${tone}`}
            x={(x + 2).toFixed(1)}
            y={(bottom - height).toFixed(1)}
            width={Math.max(2, step - 4).toFixed(1)}
            height={height.toFixed(1)}
          >
            <title>{`${name}: ${value}`}</title>
          </rect>
        );
      })}
    </g>
  );
}

/** 1, 2 or 5 times a power of ten, at or above the value, and even where that leaves a whole middle. */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const found = [1, 2, 4, 6, 8, 10].map((times) => times * power).find((one) => one >= value)!;
  return Math.max(2, found);
}
