import type { Metadata } from "next";
import { LoginForm } from "@/features/login/login-form";
import { Mark } from "@/features/shell/nav-rail";

export const metadata: Metadata = { title: "Sign in · Summit OS" };

export default function LoginPage() {
  return (
    <main className="grid min-h-dvh contours place-items-center bg-bg px-4">
      <div className="w-full max-w-[360px] rounded-md border border-line bg-surface p-6 shadow-2xl">
        <Mark size={34} />
        <h1 className="text-lg font-semibold">Summit OS</h1>
        <p className="text-base text-ink-2">Sign in to the live operations picture.</p>
        <LoginForm />
      </div>
    </main>
  );
}
