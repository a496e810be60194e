// Sizes and durations for people; sizes are decimal (1 MB = 10^6 bytes), as everywhere in Charter.

const units = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `0 B`, `999 B`, `1.5 kB`, `524 MB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** `0:07`, `12:30`, `1:02:03`; `-:--` when it is not known. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "-:--";
  const whole = Math.round(seconds);
  const two = (number: number): string => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** Milliseconds with three significant digits, from microseconds up. */
export function millisecondsText(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}
