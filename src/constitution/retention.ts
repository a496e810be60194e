// Until when a record must be kept: by calendar, in UTC, and never shorter than the class says.
import type { ConstitutionData } from "./data.ts";
import { constitutionFault } from "./errors.ts";

const dayMs = 86_400_000;

/** Latest instant that a Date can hold, milliseconds (ECMA-262, section 21.4.1.1). */
const latestMs = 8_640_000_000_000_000;

/**
 * The first instant at which a record of a class, kept since `fromMs`, may go; Unix milliseconds, UTC. Calendar years end
 * on the same date at the same time; from 29 February they end on 1 March of a common year, so that none is cut short.
 * @throws `retention.class_unknown`, or `limit.not_a_number` when the instant is beyond the calendar.
 */
export function retainUntil({ retentionClasses }: ConstitutionData, retentionClass: string, fromMs: number): number {
  const period = Object.hasOwn(retentionClasses, retentionClass) ? retentionClasses[retentionClass] : undefined;
  if (period === undefined) {
    const known = Object.keys(retentionClasses).join(", ");
    throw constitutionFault("retention.class_unknown", `there is no retention class "${retentionClass}"`, {
      remedy: `use one of ${known}`,
    });
  }
  const untilMs = "days" in period ? fromMs + period.days * dayMs : yearsLater(fromMs, period.years);
  if (!Number.isSafeInteger(fromMs) || !(Math.abs(untilMs) <= latestMs)) {
    throw constitutionFault("limit.not_a_number", "the end of the retention lies beyond the calendar");
  }
  return untilMs;
}

function yearsLater(fromMs: number, years: number): number {
  const date = new Date(fromMs);
  // Without month and day arguments the month and day stay; 29 February overflows to 1 March by the calendar's own rule.
  return date.setUTCFullYear(date.getUTCFullYear() + years);
}
