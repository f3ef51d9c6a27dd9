import type { ButtonHTMLAttributes, Ref } from "react";

const LOOKS = {
  primary: "bg-accent text-bg font-semibold hover:bg-focus disabled:bg-line-strong disabled:text-ink-2",
  outline: "border border-outline text-ink hover:bg-overlay disabled:text-ink-3 disabled:border-line",
  danger: "border border-critical/70 text-critical font-medium hover:bg-critical/10 disabled:opacity-60",
  quiet: "text-ink-2 hover:text-ink hover:bg-overlay disabled:text-ink-3",
} as const;

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: keyof typeof LOOKS;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ look = "outline", className = "", type = "button", ...rest }: Props) {
  return (
    <button
      type={type}
      className={`inline-flex h-8 items-center justify-center gap-1.5 rounded-sm px-3 text-base transition-colors duration-100 ${LOOKS[look]} ${className}`}
      {...rest}
    />
  );
}
