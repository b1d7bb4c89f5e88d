/** Line icons of 20 by 20, in the text's colour. Each stands beside words; alone, its button has a label. */
import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

/** The mark: an arch in a wall, with a small door in it. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg class="mark" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" focusable="false">
      <path class="mark-arch" d="M5 28V15.5a11 11 0 0 1 22 0V28" />
      <path class="mark-door" d="M10.5 28V16a5.5 5.5 0 0 1 11 0v12z" />
      <circle class="mark-knob" cx="18.4" cy="21" r="1.4" />
    </svg>
  );
}

export const icons = {
  inbox: (
    <Icon>
      <path d="M3 11.5 5 4.5h10l2 7v4H3zM3 11.5h4l1 2h4l1-2h4" />
    </Icon>
  ),
  history: (
    <Icon>
      <path d="M4 5.5A7.4 7.4 0 1 1 2.7 11M4 2.5v3.2h3.2M10 6.2V10l2.6 1.8" />
    </Icon>
  ),
  sessions: (
    <Icon>
      <path d="M3 4h14v12H3zM5.8 7.4 8 9.6l-2.2 2.2M10 12.4h4" />
    </Icon>
  ),
  connect: (
    <Icon>
      <circle cx="6.8" cy="13.2" r="3.7" />
      <path d="M9.5 10.5 17 3M14.2 5.8l2.3 2.3M11.6 8.4l1.7 1.7" />
    </Icon>
  ),
  settings: (
    <Icon>
      <path d="M3 6h8M15 6h2M3 14h2M9 14h8" />
      <circle cx="13" cy="6" r="2" />
      <circle cx="7" cy="14" r="2" />
    </Icon>
  ),
  allow: (
    <Icon>
      <path d="m4.5 10.5 3.6 3.6 7.4-8" />
    </Icon>
  ),
  deny: (
    <Icon>
      <path d="m5.5 5.5 9 9M14.5 5.5l-9 9" />
    </Icon>
  ),
  hold: (
    <Icon>
      <path d="M5.5 2.8h9M5.5 17.2h9M6.5 2.8c0 4 7 4.4 7 7.2s-7 3.2-7 7.2M13.5 2.8c0 4-7 4.4-7 7.2s7 3.2 7 7.2" />
    </Icon>
  ),
  warn: (
    <Icon>
      <path d="M10 3 2.6 16.4h14.8zM10 8v4M10 13.9v.4" />
    </Icon>
  ),
  error: (
    <Icon>
      <circle cx="10" cy="10" r="7" />
      <path d="M10 6v4.6M10 13.2v.4" />
    </Icon>
  ),
  copy: (
    <Icon>
      <path d="M7 7V3.5h9.5V13H13M3.5 7H13v9.5H3.5z" />
    </Icon>
  ),
  download: (
    <Icon>
      <path d="M10 3v9.5M6.2 8.8 10 12.6l3.8-3.8M3.5 16.5h13" />
    </Icon>
  ),
  stop: (
    <Icon>
      <path d="M5 5h10v10H5z" />
    </Icon>
  ),
  back: (
    <Icon>
      <path d="M12.5 4.5 7 10l5.5 5.5" />
    </Icon>
  ),
  chevron: (
    <Icon>
      <path d="m7.5 5 5 5-5 5" />
    </Icon>
  ),
  lock: (
    <Icon>
      <path d="M4.5 9h11v8h-11zM7 9V6.5a3 3 0 0 1 6 0V9" />
    </Icon>
  ),
  person: (
    <Icon>
      <circle cx="10" cy="6.8" r="3.3" />
      <path d="M3.8 17c.6-3.6 3-5.4 6.2-5.4s5.6 1.8 6.2 5.4" />
    </Icon>
  ),
  running: (
    <Icon>
      <path d="M10 2.8a7.2 7.2 0 1 1-7.2 7.2" />
    </Icon>
  ),
  more: (
    <Icon>
      <path d="M3 5.500h14M3 10h14M3 14.500h9" />
    </Icon>
  ),
  live: (
    <Icon>
      <path d="M2.500 10.500h3.500L8 4.500l3.500 11 2.500-7 1 2h2.500" />
    </Icon>
  ),
  search: (
    <Icon>
      <circle cx="8.800" cy="8.800" r="5.300" />
      <path d="m12.800 12.800 4.200 4.200" />
    </Icon>
  ),
  play: (
    <Icon>
      <path d="M6 4.500v11l9-5.500z" />
    </Icon>
  ),
  pause: (
    <Icon>
      <path d="M7 4.500v11M13 4.500v11" />
    </Icon>
  ),
  seal: (
    <Icon>
      <path d="M10 2.500 16 5v4.500c0 4-2.500 6.800-6 8-3.500-1.200-6-4-6-8V5zM7 10l2.200 2.200L13.200 8" />
    </Icon>
  ),
  link: (
    <Icon>
      <path d="M8.500 11.500l3-3M7 9 5 11a2.800 2.800 0 0 0 4 4l2-2M13 11l2-2a2.800 2.800 0 0 0-4-4L9 7" />
    </Icon>
  ),
  scales: (
    <Icon>
      <path d="M10 3v14M6.500 17h7M4 6h12M4 6l-2 5.500h4zM16 6l-2 5.500h4z" />
    </Icon>
  ),
  chart: (
    <Icon>
      <path d="M3 17h14M5.500 13.500V10M10 13.500V4M14.500 13.500V7.500" />
    </Icon>
  ),
  prompt: (
    <Icon>
      <path d="M3.500 5.500 8 10l-4.500 4.500M10 15h6.500" />
    </Icon>
  ),
  mask: (
    <Icon>
      <path d="M2.5 10S5.300 5 10 5s7.500 5 7.500 5-2.800 5-7.500 5-7.500-5-7.500-5zM4 16.500 16 3.500" />
    </Icon>
  ),
} as const;

export type IconName = keyof typeof icons;
