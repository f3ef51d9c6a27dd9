"use client";

import { CircleHelp, Map as MapIcon } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";

const PAGES = [
  { href: "/", name: "Live", Icon: MapIcon },
  { href: "/about/", name: "About", Icon: CircleHelp },
];

export function NavRail() {
  const path = usePathname();
  return (
    <nav
      aria-label="Pages"
      className="flex flex-col items-center gap-1 border-r border-line bg-surface py-2 max-sm:flex-row max-sm:justify-center max-sm:border-t max-sm:border-r-0 max-sm:py-1"
    >
      <Mark />
      {PAGES.map(({ href, name, Icon }) => {
        const here = path === href;
        return (
          <Link
            key={href}
            href={href}
            prefetch={false}
            aria-current={here ? "page" : undefined}
            className={`flex w-11 flex-col items-center gap-0.5 rounded-md py-1.5 text-[10.5px] leading-4 ${here ? "bg-overlay text-accent" : "text-ink-2 hover:bg-raised hover:text-ink"}`}
          >
            <Icon size={17} strokeWidth={1.7} aria-hidden />
            {name}
          </Link>
        );
      })}
    </nav>
  );
}

export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden className="mb-2 shrink-0 max-sm:hidden">
      <path
        d="M4 25 12.5 9l4 7.2L19.5 12 28 25Z"
        fill="none"
        className="stroke-accent"
        strokeWidth="2.4"
        strokeLinejoin="round"
      />
      <circle cx="23" cy="7.5" r="2.3" className="fill-critical" />
    </svg>
  );
}
