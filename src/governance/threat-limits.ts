// The numbers that detectors compare with, taken from the constitution.
import type { ConstitutionData } from "../constitution/index.ts";
import type { ThreatLimits } from "./threats/index.ts";

/** Expired uploads of one principal, within the constitution's window, from which it is asked to slow down. */
const abandonedUploads = 10;

/** The detectors' limits under a constitution. */
export function threatLimitsOf({ limits, storage }: ConstitutionData): ThreatLimits {
  const ratio = (level: string, band: string): number =>
    (storage.find((edge) => edge.level === level && edge.band === band)?.fromPercent ?? 100) / 100;
  return {
    storageCautionRatio: ratio("CAUTION", "YELLOW"),
    storageWarningRatio: ratio("WARNING", "ORANGE"),
    storageCriticalRatio: ratio("CRITICAL", "RED"),
    quotaWarningRatio: limits.quotaWarnPercent / 100,
    forecastSeconds: limits.storageForecastSeconds,
    abandonedReservations: abandonedUploads,
    largeArtifactBytes: limits.largeArtifactBytes,
    metadataFieldBytes: limits.metadataFieldMaxBytes,
    metadataBytes: limits.metadataTotalMaxBytes,
    metadataDepth: limits.metadataMaxDepth,
    clockSkewMs: limits.timestampSkewSeconds * 1000,
  };
}
