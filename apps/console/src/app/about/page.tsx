import type { Metadata } from "next";
import { Legend } from "@/features/map/legend";
import { KeyList } from "@/features/shell/help-dialog";
import { NavRail } from "@/features/shell/nav-rail";
import { SeverityTag } from "@/kit/severity";

export const metadata: Metadata = { title: "About · Summit OS" };

const PARTS = [
  ["Countries and coast", "Natural Earth 1:50m, by way of world-atlas (public domain, ISC)"],
  ["States and counties", "US Census Bureau, by way of us-atlas (public domain, ISC)"],
  ["Map engine", "MapLibre GL JS (BSD-3-Clause)"],
  ["Typeface", "IBM Plex (SIL Open Font License 1.1)"],
  ["Icons", "Lucide (ISC)"],
] as const;

export default function AboutPage() {
  return (
    <div className="grid h-dvh grid-cols-[52px_minmax(0,1fr)]">
      <NavRail />
      <main className="overflow-y-auto px-10 py-8">
        <h1 className="text-lg font-semibold">About this console</h1>
        <p className="mt-1 max-w-2xl text-ink-2">
          Everything on this page comes from the gateway that served it. No request leaves your network: the base map,
          the typeface and the symbols are part of the console.
        </p>
        <div className="mt-8 grid max-w-4xl grid-cols-2 gap-10 max-lg:grid-cols-1">
          <section>
            <h2 className="section-head">How to read it</h2>
            <ul className="mt-3 flex flex-col gap-2 text-ink-2">
              {(["extreme", "severe", "moderate", "minor"] as const).map((severity) => (
                <li key={severity} className="grid grid-cols-[60px_1fr] items-baseline">
                  <SeverityTag severity={severity} /> CAP severity “{severity}”
                </li>
              ))}
            </ul>
            <p className="mt-3 text-ink-2">
              The red area holds the fire with 95 % probability. The link chip turns amber after 3 s without a message
              and red after 10 s; the map is then greyed, and decisions wait.
            </p>
            <h2 className="section-head mt-8 mb-3">Symbols</h2>
            <Legend />
          </section>
          <section>
            <h2 className="section-head">Keyboard</h2>
            <KeyList />
            <h2 className="section-head mt-8">Data and licences</h2>
            <dl className="mt-3 flex flex-col gap-2">
              {PARTS.map(([name, what]) => (
                <div key={name}>
                  <dt className="font-medium">{name}</dt>
                  <dd className="text-ink-2">{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        </div>
      </main>
    </div>
  );
}
