import type { Severity } from "@/lib/model";

interface Look {
  word: string;
  shape: string;
  text: string;
  edge: string;
  rank: number;
}

/** CAP severity as colour, shape and word: never colour alone. */
export const SEVERITY: Record<Severity, Look> = {
  extreme: { word: "CRIT", shape: "◆", text: "text-critical", edge: "bg-critical", rank: 0 },
  severe: { word: "HIGH", shape: "▲", text: "text-high", edge: "bg-high", rank: 1 },
  moderate: { word: "MED", shape: "■", text: "text-medium", edge: "bg-medium", rank: 2 },
  minor: { word: "LOW", shape: "●", text: "text-low", edge: "bg-low", rank: 3 },
  unknown: { word: "INFO", shape: "○", text: "text-info", edge: "bg-info", rank: 4 },
};

export function SeverityTag({ severity }: { severity: Severity }) {
  const look = SEVERITY[severity];
  return (
    <span className={`inline-flex items-baseline gap-1 text-xs font-semibold tracking-wide ${look.text}`}>
      <span aria-hidden className="text-[10px]">
        {look.shape}
      </span>
      {look.word}
    </span>
  );
}
