"use client";

import { Search } from "lucide-react";
import { type KeyboardEvent, useId, useState } from "react";
import { find, type Hit } from "@/lib/find";
import { useUi } from "@/state/ui";
import { world } from "@/stream/use-stream";

/** Find by name or id: the keyboard's way to everything that the map shows. */
export function Finder() {
  const select = useUi((ui) => ui.select);
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const listId = useId();
  const picture = {
    entities: world.list("entities"),
    incidents: world.list("incidents"),
    alerts: world.list("alerts"),
    tasks: world.list("tasks"),
  };
  const hits = find(text, picture);

  const open = (hit: Hit | undefined): void => {
    if (!hit) return;
    select({ type: hit.type, key: hit.key });
    setText("");
    // Back to the page's own keys: Esc, f, j and k.
    document.getElementById("map")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "ArrowDown") setActive(Math.min(active + 1, hits.length - 1));
    else if (event.key === "ArrowUp") setActive(Math.max(active - 1, 0));
    else if (event.key === "Enter") open(hits[active]);
    else if (event.key === "Escape") {
      setText("");
      event.currentTarget.blur();
    } else return;
    event.preventDefault();
  };

  return (
    <div className="relative w-72 min-w-32 max-lg:hidden">
      <Search size={14} aria-hidden className="absolute top-[7px] left-2.5 text-ink-3" />
      <input
        id="finder"
        role="combobox"
        aria-label="Find"
        aria-expanded={hits.length > 0}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={hits[active] ? `${listId}-${active}` : undefined}
        autoComplete="off"
        placeholder="Find asset, track, alert…"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
        onBlur={() => setText("")}
        className="h-7 w-full rounded-md border border-line-strong bg-bg pr-8 pl-8 text-base text-ink placeholder:text-ink-3"
      />
      <kbd
        aria-hidden
        className="absolute top-1 right-1.5 rounded-sm border border-line-strong px-1.5 font-mono text-xs leading-[18px] text-ink-3"
      >
        /
      </kbd>
      <div
        id={listId}
        role="listbox"
        aria-label="Found"
        className={`absolute top-8 right-0 left-0 z-40 rounded-md border border-line-strong bg-overlay p-1 shadow-xl ${text === "" ? "hidden" : ""}`}
      >
        {hits.length === 0 && (
          <div role="option" aria-selected={false} aria-disabled tabIndex={-1} className="px-2 py-1 text-ink-2">
            Nothing by that name
          </div>
        )}
        {hits.map((hit, index) => (
          <div
            key={`${hit.type}/${hit.key}`}
            id={`${listId}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            onPointerDown={(event) => {
              event.preventDefault();
              open(hit);
            }}
            onPointerEnter={() => setActive(index)}
            className={`flex cursor-pointer items-baseline justify-between gap-2 rounded-sm px-2 py-1 ${index === active ? "bg-line-strong text-ink" : "text-ink-2"}`}
          >
            <span className="truncate">{hit.name}</span>
            <span className="shrink-0 text-sm text-ink-2">{hit.what}</span>
          </div>
        ))}
      </div>
    </div>
  );
}
